"""Drives a service with bluesky-queueserver-api, over 0MQ or through an HTTP server, and notes what was called.

    python api.py VARIANT CHAPTER CONTROL_ADDRESS INFO_ADDRESS [URI]

VARIANT is ``zmq``, ``zmq.aio``, ``http`` or ``http.aio``. The chapters are those of tests/e2e/drivers, and in
``more_chapters`` those for what only this client has. The last line printed is a JSON object.
"""

import asyncio
import importlib
import inspect
import json
import sys
from pathlib import Path

_VARIANT, _CHAPTER, _CONTROL, _INFO, *_URI = sys.argv[1:]
sys.argv[1:] = ["bluesky_queueserver_api"]  # the chapters find the package under test here
sys.path.append(str(Path(__file__).parents[2] / "e2e" / "drivers"))

import http_chapters  # noqa: E402
import more_chapters  # noqa: E402
import queue_chapters  # noqa: E402
import service_chapters  # noqa: E402
from common import done  # noqa: E402

CHAPTERS = vars(queue_chapters) | vars(service_chapters) | vars(http_chapters) | vars(more_chapters)
MONITORS = ("console_monitor", "system_info_monitor")


class Noted:
    """Stands for an object of the client; ``used`` gets each public name that a chapter takes from it."""

    def __init__(self, thing, used, prefix=""):
        vars(self).update(_thing=thing, _used=used, _prefix=prefix)

    def __getattr__(self, name):
        self._used.add(self._prefix + name)
        value = getattr(self._thing, name)
        return Noted(value, self._used, f"{name}.") if name in MONITORS else value

    def __setattr__(self, name, value):
        self._used.add(self._prefix + name)
        setattr(self._thing, name, value)


def public(thing, prefix=""):
    """The names of all methods and properties of a class; classes in it, such as exceptions, do not count."""
    names = [name for name in dir(type(thing)) if not name.startswith("_")]
    return {prefix + name for name in names if not inspect.isclass(inspect.getattr_static(type(thing), name))}


async def main():
    package = importlib.import_module(f"bluesky_queueserver_api.{_VARIANT}")
    if _URI:
        RM = package.REManagerAPI(http_server_uri=_URI[0], http_auth_provider="/site/token")
        await done(RM.login("alice", password="of-alice"))
        RM.user, RM.user_group = "alice", "primary"  # whom the server names, whatever a client says
    else:
        RM = package.REManagerAPI(zmq_control_addr=_CONTROL, zmq_info_addr=_INFO)
    used = {"close", *(["login"] if _URI else [])}
    names = public(RM).union(*(public(getattr(RM, monitor), f"{monitor}.") for monitor in MONITORS))
    try:
        await CHAPTERS[_CHAPTER](Noted(RM, used))
    finally:
        await done(RM.close())
    print(json.dumps({"public": sorted(names), "used": sorted(used & names)}))


if __name__ == "__main__":
    asyncio.run(main())
