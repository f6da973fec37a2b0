"""What startup code says about single plans and devices of its namespace, by their names."""

from typing import NamedTuple


class DeviceEntry(NamedTuple):
    """How a device is listed. ``depth``: levels of the device tree, 1 = the device alone, 0 = all."""

    depth: int
    exclude: bool


#: Names of plans, and whether they are left out of the list.
plans: dict[str, bool] = {}
devices: dict[str, DeviceEntry] = {}


def register_plan(name: str, *, exclude: bool = False) -> None:
    """List the plan ``name`` of this namespace, or leave it out.

    Raises
    ------
    TypeError
        An argument is of another type.
    """
    plans[_name(name)] = _flag(exclude)


def register_device(name: str, *, depth: int = 1, exclude: bool = False) -> None:
    """List the device ``name`` of this namespace with subdevices to this depth, or leave it out.

    ``depth`` counts levels: 1 is the device alone, 2 the device and its components, 0 all there are. It is followed
    for area detectors too.

    Raises
    ------
    TypeError, ValueError
        An argument is of another type, or ``depth`` is negative.
    """
    if isinstance(depth, bool) or not isinstance(depth, int):
        raise TypeError(f"depth is an integer, not {depth!r}")
    if depth < 0:
        raise ValueError(f"depth is 0 (all levels) or more, not {depth}")
    devices[_name(name)] = DeviceEntry(depth, _flag(exclude))


def clear() -> None:
    """Forget everything: another startup begins."""
    plans.clear()
    devices.clear()


def _name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name is a string, not {name!r}")
    return name


def _flag(exclude: bool) -> bool:
    if not isinstance(exclude, bool):
        raise TypeError(f"exclude is True or False, not {exclude!r}")
    return exclude
