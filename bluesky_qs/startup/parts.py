"""The abilities and the parts of devices, derived from their classes and children. Nothing is connected or read."""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

from bluesky_qs.plans.annotation import PROTOCOLS

_LIBRARIES = ("ophyd", "ophyd_async")


class Abilities(NamedTuple):
    """The abilities of a device."""

    readable: bool
    movable: bool
    flyable: bool


def abilities(kind: type, instance: Any = None) -> Abilities:
    """Return the abilities of this class's objects, according to their methods. None of their code runs."""
    own = getattr(instance, "__dict__", None)
    if not isinstance(own, dict):
        own = {}

    def has(*methods: str) -> bool:
        return all(method in own or class_has(kind, method) for method in methods)

    return Abilities(has("read", "describe"), has("set"), has("kickoff", "complete"))


@functools.lru_cache(10_000)
def class_has(kind: type, method: str) -> bool:
    """Whether a class has this method.

    The ``set`` method of ophyd's read-only signals does not count, because it only raises an error.
    """
    for base in kind.__mro__:
        if method == "set" and base.__name__.endswith("RO") and _library(base) == "ophyd":
            return False
        if method in vars(base):
            found = vars(base)[method]
            return callable(found) or isinstance(found, staticmethod | classmethod)
    return False


def is_group(kind: type) -> bool:
    """Return whether objects of this class are ophyd-async devices, which may only group other devices."""
    return any(_library(base) == "ophyd_async" for base in kind.__mro__) and class_has(kind, "children")


def name_type(kind: type) -> str | None:
    """Return the type for the names of devices of this class; None if it is not a device class.

    Device classes are the classes of ophyd and ophyd-async, those with a bluesky protocol, and everything derived from
    them.
    """
    if not any(_library(base) in _LIBRARIES or _is_protocol(base) for base in kind.__mro__):
        return None
    able = abilities(kind)
    if able.movable and all(class_has(derived, "set") for derived in _derived(kind)):
        return "__MOVABLE__"
    if able.readable:
        return "__READABLE__"
    return "__FLYABLE__" if able.flyable else "__DEVICE__"


def _is_protocol(kind: type) -> bool:
    return kind.__module__ == "bluesky.protocols" and kind.__name__ in PROTOCOLS


def _derived(kind: type) -> Iterator[type]:
    """Yield the class and its subclasses. Some signals that are derived from ophyd's Signal cannot be set."""
    yield kind
    for derived in kind.__subclasses__():
        if _library(derived) == "ophyd":
            yield from _derived(derived)


def children(device: Any) -> Iterator[tuple[str, Any]]:
    """Yield the subdevices of an ophyd-async device (by index for a vector). They all exist from the beginning."""
    if not is_group(type(device)):
        return
    for name, child in list(device.children()):
        if str(name).isdecimal() or getattr(device, str(name), None) is child:
            yield str(name), child


def part(device: Any, name: str) -> Any:
    """Return the part with this name: an attribute, or an element of a vector by its index.

    Raises
    ------
    AttributeError
        There is no such part.
    """
    try:
        return getattr(device, name)
    except AttributeError:
        found = dict(children(device)) if name.isdecimal() else {}
        if name not in found:
            raise
        return found[name]


def _library(kind: type) -> str:
    return str(kind.__module__).partition(".")[0]
