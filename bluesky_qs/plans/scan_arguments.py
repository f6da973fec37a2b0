"""Checks ``*args`` and ``num`` of bluesky's plans, because the plans' signatures do not show the accepted values."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from bluesky_qs.plans.model import KINDS, PlanSpec
from bluesky_qs.plans.values import FAILS

#: The module of these plans. A beamline's plan may have the same name and parameters, but other rules.
_MODULE = "bluesky.plans"
_MEASURES_NOTHING = "the plan will measure nothing"


class Misfit(NamedTuple):
    """An argument that the plan cannot use.

    Attributes
    ----------
    reason
        A phrase that follows the value, such as ``is not a motor``; a full sentence if no single argument is wrong.
    argument
        The argument's position in ``args``, counted after the named parameters, or ``num``; None if no single argument
        is wrong.
    outlook
        The consequence.
    """

    reason: str
    argument: int | str | None = None
    value: Any = None
    outlook: str = FAILS


#: Finds errors in the values of ``*args`` and in the named arguments.
Rule = Callable[[str, Sequence[Any], Mapping[str, Any]], Misfit | None]


def rule_of(spec: PlanSpec) -> Rule | None:
    """Return the rule for one of bluesky's plans; None if nothing is known about the plan."""
    kinds = {parameter.name: parameter.kind.value for parameter in spec.parameters}
    if spec.module != _MODULE:
        return None
    has_rest = KINDS["VAR_POSITIONAL"] in kinds.values()
    number = next((parameter for parameter in spec.parameters if parameter.name == "num"), None)
    if has_rest and number is not None and number.default == "None":
        # 5.0 becomes 5 for a parameter with a type; `rel_scan` has none.
        return partial(_scan, converts=number.annotation is not None)
    return (_WITH_AXES if has_rest else _WITH_NUMBER).get(spec.name)


def _scan(name: str, values: Sequence[Any], kwargs: Mapping[str, Any], *, converts: bool) -> Misfit | None:
    """Check `scan` and similar plans: axes, then the number of points, as ``num`` or as the last of ``*args``."""
    axes, over = divmod(len(values), len(_AXIS))
    if not axes:
        return Misfit(f"Plan {name!r} needs a motor, start and stop for each axis")
    number = kwargs.get("num")
    if over != (1 if number is None else 0):
        # If the order is also wrong, the list of expected arguments helps to correct both.
        return Misfit(_wrong_count(name, over, has_number=number is not None))
    if number is None:
        return _wrong_order(name, values[:-1], _AXIS, _EACH_AXIS) or _wrong_number(len(values) - 1, values[-1])
    return _wrong_order(name, values, _AXIS, _EACH_AXIS) or _wrong_number("num", number, least=1, converts=converts)


def _wrong_count(name: str, over: int, *, has_number: bool) -> str:
    """Return the sentence about too many or too few values."""
    if has_number:
        twice = f"Plan {name!r} gets the number of points twice, as 'num' and after the axes"
        return twice if over == 1 else f"Plan {name!r} takes {_EACH_AXIS}"
    if over == 0:
        return f"Plan {name!r} needs the number of points, as num=… or after the axes"
    return f"Plan {name!r} takes {_EACH_AXIS}, then the number of points"


def _grid(name: str, values: Sequence[Any], _kwargs: Mapping[str, Any]) -> Misfit | None:
    """Check `grid_scan` and similar plans. If one of the values is a bool, the values are in an older order."""
    if any(isinstance(value, bool) for value in values):
        return None
    if not values or len(values) % len(_GRID_AXIS):
        return Misfit(f"Plan {name!r} takes {_EACH_GRID_AXIS}")
    wrong = _wrong_order(name, values, _GRID_AXIS, _EACH_GRID_AXIS)
    numbers = range(len(_GRID_AXIS) - 1, len(values), len(_GRID_AXIS))
    return wrong or next((found for at in numbers if (found := _wrong_number(at, values[at]))), None)


def _lists(name: str, values: Sequence[Any], _kwargs: Mapping[str, Any]) -> Misfit | None:
    """Check `list_scan` and similar plans."""
    if not values or len(values) % len(_LIST_AXIS):
        return Misfit(f"Plan {name!r} takes {_EACH_LIST_AXIS}")
    return _wrong_order(name, values, _LIST_AXIS, _EACH_LIST_AXIS)


def _number(_name: str, _values: Sequence[Any], kwargs: Mapping[str, Any]) -> Misfit | None:
    """Check a scan that has ``num`` as a parameter."""
    return _wrong_number("num", kwargs["num"], converts=True) if "num" in kwargs else None


def _count(_name: str, _values: Sequence[Any], kwargs: Mapping[str, Any]) -> Misfit | None:
    """Check `count`, for which ``num`` may be None: it then runs without end."""
    found = _wrong_number("num", kwargs["num"], converts=True) if kwargs.get("num") is not None else None
    return found and found._replace(outlook=_MEASURES_NOTHING)


def _wrong_order(name: str, values: Sequence[Any], axis: Sequence[str], expected: str) -> Misfit | None:
    """Return the first value that is of the wrong kind for its place."""
    for at, value in enumerate(values):
        kind = axis[at % len(axis)]
        if not _FITS[kind](value):
            return Misfit(f"is not {kind}; {name} takes {expected}", at, value)
    return None


def _wrong_number(argument: int | str, value: Any, *, least: int = 0, converts: bool = False) -> Misfit | None:
    """Return an invalid number of points.

    With 0 points, bluesky makes an empty scan, unless the plan needs ``least``.
    """
    if converts and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int):
        return Misfit("is not an integer, which the number of points must be", argument, value)
    if value > 0:
        return None
    return Misfit("is not a number of points", argument, value, FAILS if value < least else _MEASURES_NOTHING)


_AXIS = ("a motor", "a number", "a number")
_EACH_AXIS = "a motor, start and stop for each axis"
_GRID_AXIS = (*_AXIS, "a number")
_EACH_GRID_AXIS = "a motor, start, stop and the number of points for each axis"
_LIST_AXIS = ("a motor", "a list")
_EACH_LIST_AXIS = "a motor and a list of positions for each axis"
#: A motor is given as its name. Only values that cannot be right are refused, because bluesky accepts lists as numbers.
_FITS: Mapping[str, Callable[[Any], bool]] = {
    "a motor": lambda value: isinstance(value, str),
    "a number": lambda value: not (value is None or isinstance(value, str)),
    "a list": lambda value: not (value is None or isinstance(value, str | int | float)),
}
_WITH_AXES: Mapping[str, Rule] = {
    "grid_scan": _grid,
    "rel_grid_scan": _grid,
    "list_scan": _lists,
    "rel_list_scan": _lists,
    "list_grid_scan": _lists,
    "rel_list_grid_scan": _lists,
}
_WITH_NUMBER: Mapping[str, Rule] = {
    "count": _count,
    "log_scan": _number,
    "rel_log_scan": _number,
    "x2x_scan": _number,
}
