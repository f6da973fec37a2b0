"""Prints, as JSON, the public names of a client package: ``python public_names.py PACKAGE VARIANT``.

By class the names that a script may use: of functions the parameters that it may give, of exceptions Python's classes
that catch them. Runs in the environment of either package.
"""

import asyncio
import importlib
import inspect
import json
import sys

MODULES = {
    "bluesky_queueserver_api": {"threads": "bluesky_queueserver_api.zmq", "async": "bluesky_queueserver_api.zmq.aio"},
    "bluesky_qs": {"threads": "bluesky_qs", "async": "bluesky_qs.aio"},
}
for package, modules in MODULES.items():
    modules |= {"http": f"{package}.http", "http.aio": f"{package}.http.aio"}


def names(thing):
    public = [name for name in dir(thing) if not name.startswith("_") and not hasattr(dict, name)]
    return {name: described(type(thing), thing, name) for name in public}


def described(cls, thing, name):
    static = inspect.getattr_static(cls, name, None)
    if isinstance(static, property):
        return "settable" if static.fset else "readable"
    value = getattr(thing, name)
    if inspect.isclass(value):
        caught = [base.__name__ for base in value.__mro__ if base.__module__ == "builtins"]
        return caught if issubclass(value, BaseException) else "class"
    return parameters(value) if callable(value) else "readable" if static is not None else "settable"


def parameters(function):
    given = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    return [f"**{p.name}" if p.kind is p.VAR_KEYWORD else p.name for p in given]


async def main(package, variant):
    items = importlib.import_module(package)
    RM = importlib.import_module(MODULES[package][variant]).REManagerAPI()
    things = {kind: getattr(items, kind)("name") for kind in ("BPlan", "BFunc", "BInst")}
    things |= {"BItem": items.BItem("plan", "name"), "WaitMonitor": items.WaitMonitor(), "REManagerAPI": RM}
    things |= {name: getattr(RM, name) for name in ("console_monitor", "system_info_monitor")}
    found = {name: names(thing) for name, thing in things.items()}
    found["REManagerAPI"]["REManagerAPI"] = parameters(type(RM))
    closed = RM.close()
    if inspect.isawaitable(closed):
        await closed
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
