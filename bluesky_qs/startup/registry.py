"""The plans and devices that startup code has registered, by name."""

from typing import NamedTuple


class DeviceEntry(NamedTuple):
    """How a device is listed. ``depth`` is the number of levels: 1 means only the device, 0 means all levels."""

    depth: int
    exclude: bool


#: Plan names, and whether each plan is excluded from the list.
plans: dict[str, bool] = {}
devices: dict[str, DeviceEntry] = {}


def register_plan(name: str, *, exclude: bool = False) -> None:
    """Include the plan ``name`` of this namespace in the list, or exclude it.

    Raises
    ------
    TypeError
        An argument has the wrong type.
    """
    plans[_name(name)] = _flag(exclude)


def register_device(name: str, *, depth: int = 1, exclude: bool = False) -> None:
    """Include the device ``name`` of this namespace in the list with its subdevices, or exclude it.

    ``depth`` is the number of levels: 1 lists only the device, 2 the device and its components, 0 all levels. It also
    applies to area detectors.

    Raises
    ------
    TypeError, ValueError
        An argument has the wrong type, or ``depth`` is negative.
    """
    if isinstance(depth, bool) or not isinstance(depth, int):
        raise TypeError(f"depth must be an integer, not {depth!r}")
    if depth < 0:
        raise ValueError(f"depth must be 0 (all levels) or greater, not {depth}")
    devices[_name(name)] = DeviceEntry(depth, _flag(exclude))


def clear() -> None:
    """Remove all registrations before the startup code runs again."""
    plans.clear()
    devices.clear()


def _name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, not {name!r}")
    return name


def _flag(exclude: bool) -> bool:
    if not isinstance(exclude, bool):
        raise TypeError(f"exclude must be True or False, not {exclude!r}")
    return exclude
