"""The rectangles of a map: one around each measured point. In a grid, neighboring rectangles touch."""

from bisect import bisect
from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from typing import NamedTuple

#: Positions in the same grid column or row differ by less than this fraction of a step.
_SAME = 0.4
#: If a grid would need more rectangles per point than this, the positions do not form a grid.
_SPARSE = 2
#: The size of the rectangle around a single point, if nothing else is known.
_ALONE = 1.0


class Axis(NamedTuple):
    """One axis of a map: the position of each point, and the number of points and the extent if the plan gives them."""

    positions: Sequence[float]
    points: int | None = None
    extent: tuple[float, float] | None = None


Span = tuple[float, float]


def spans(x: Axis, y: Axis) -> tuple[list[Span], list[Span]]:
    """The intervals around each point along both axes."""
    steps = _step(x), _step(y)
    groups = [_groups(axis.positions, _SAME * step) for axis, step in zip((x, y), steps, strict=True)]
    if len(groups[0]) * len(groups[1]) > _SPARSE * len(x.positions):
        return _around(x.positions), _around(y.positions)
    return _between(x.positions, groups[0], steps[0]), _between(y.positions, groups[1], steps[1])


def _step(axis: Axis) -> float:
    """The approximate distance between neighboring positions."""
    low, high = axis.extent or (min(axis.positions), max(axis.positions))
    different = len({f"{each:.6g}" for each in axis.positions})
    count = axis.points if axis.points and axis.extent else different
    return abs(high - low) / (count - 1) if count > 1 else 0.0


def _groups(positions: Sequence[float], same: float) -> list[float]:
    """The centers of groups of positions that differ by at most ``same``, in ascending order."""
    groups: list[list[float]] = []
    for position in sorted(positions):
        if groups and position - groups[-1][-1] <= same:
            groups[-1].append(position)
        else:
            groups.append([position])
    return [sum(group) / len(group) for group in groups]


def _between(positions: Sequence[float], centers: list[float], step: float) -> list[Span]:
    """For each position, the interval between the midpoints to the groups before and after its own group."""
    inner = [(one + other) / 2 for one, other in pairwise(centers)]
    first, last = (inner[0] - centers[0], centers[-1] - inner[-1]) if inner else ((step or _ALONE) / 2,) * 2
    edges = [centers[0] - first, *inner, centers[-1] + last]
    return [_at(edges, each) for each in positions]


def _at(edges: list[float], position: float) -> Span:
    """The interval between two neighboring edges that contains this position."""
    at = min(max(bisect(edges, position), 1), len(edges) - 1)
    return edges[at - 1], edges[at]


def _around(positions: Sequence[float]) -> list[Span]:
    """Intervals of equal size that cover the axis on average, for points that are not on a grid."""
    half = (max(positions) - min(positions)) / sqrt(len(positions)) / 2 or _ALONE / 2
    return [(each - half, each + half) for each in positions]
