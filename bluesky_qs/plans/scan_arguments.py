"""Knows how many values the scans of bluesky take for ``*args``, which their signatures do not tell."""

from collections.abc import Mapping
from typing import Any

from bluesky_qs.plans.model import KINDS, PlanSpec

#: The module of the scans that take a motor, start and stop for each axis, and the number of points as ``num`` or as
#: the last of ``*args``. A plan of the beamline may have the same parameters and other rules.
_MODULE = "bluesky.plans"
_OF_AN_AXIS = 3


def is_scan(spec: PlanSpec) -> bool:
    """Whether this is `bluesky.plans.scan`, or one of its relatives with the same arguments."""
    kinds = {parameter.name: parameter.kind.value for parameter in spec.parameters}
    optional = any(parameter.name == "num" and parameter.default == "None" for parameter in spec.parameters)
    return spec.module == _MODULE and optional and KINDS["VAR_POSITIONAL"] in kinds.values()


def misfit(name: str, count: int, kwargs: Mapping[str, Any]) -> str:
    """The reason why a scan with ``count`` values of ``*args`` cannot run; empty if it can."""
    axes, over = divmod(count, _OF_AN_AXIS)
    if axes == 0:
        return f"Plan {name!r} needs a motor, start and stop for each axis"
    if kwargs.get("num") is None:
        if over == 1:
            return ""
        if over == 0:
            return f"Plan {name!r} needs the number of points, as num=… or after the axes"
        return f"Plan {name!r} takes a motor, start and stop for each axis, then the number of points"
    if over == 1:
        return f"Plan {name!r} gets the number of points twice, as 'num' and after the axes"
    return f"Plan {name!r} takes a motor, start and stop for each axis" if over else ""
