"""How long one action of one device takes, as a function of the distance and of the changed settings."""

import math
from collections.abc import Callable, Iterable
from itertools import combinations, pairwise
from typing import Any, NamedTuple

from bluesky_qs.foresight.sample import Sample
from bluesky_qs.foresight.work import Amount, Settings

#: Maximum number of groups to keep for one action. The oldest are dropped.
MOST_GROUPS = 60
#: Largest acceptable relative error of a fitted line. Beyond it, durations are interpolated between neighboring points.
_CLOSE = 0.05
#: Relative uncertainty of a duration after one observation, and of an extrapolated duration.
_ONCE, _BEYOND = 0.05, 0.15
#: Differences between durations below this number of seconds need no explanation.
_SHORT = 0.01
#: Maximum ratio between a distance and the only known distance.
_NEAR = 3.0
#: An explanation replaces a simpler one only if its error is smaller by this factor.
_BETTER = 0.7
_TINY = 1e-4


class Group(NamedTuple):
    """Durations with the same distance and the same settings."""

    amount: Amount
    settings: Settings
    sample: Sample


class Duration(NamedTuple):
    """An expected duration: the mean, the standard deviation, and the uncertainty of the mean."""

    mean: float
    deviation: float = 0.0
    uncertainty: float = 0.0


class Unknown(NamedTuple):
    """The reason why a duration is unknown, as the rest of a sentence that begins with the device's name."""

    reason: str


Found = Duration | Unknown


class Durations:
    """Durations of one action of one device, in groups. The most recently used group comes last."""

    def __init__(self, groups: Iterable[Group] = ()) -> None:
        self._groups = list(groups)
        self._fits: dict[Any, Found] = {}

    def add(self, amount: Amount, settings: Settings, sample: Sample) -> None:
        """Add durations."""
        self._fits.clear()
        for place, group in enumerate(self._groups):
            if group.amount == amount and group.settings == settings:
                group.sample.merge(sample)
                self._groups.append(self._groups.pop(place))
                return
        self._groups.append(Group(amount, dict(settings), sample))
        del self._groups[:-MOST_GROUPS]

    def expected(self, amount: Amount, settings: Settings) -> Found:
        """Return the expected duration, or the reason why it is unknown."""
        key = amount, frozenset(settings.items())
        if key not in self._fits:
            if len(self._fits) > 10 * MOST_GROUPS:
                self._fits.clear()
            self._fits[key] = self._expected(amount, settings)
        return self._fits[key]

    def to_json(self) -> list[Any]:
        """Return the groups as a list for JSON."""
        return [[group.amount, group.settings, group.sample.to_json()] for group in self._groups]

    @classmethod
    def from_json(cls, data: Iterable[Any]) -> "Durations":
        """Load a list that `to_json` returned."""
        return cls(Group(amount, settings, Sample(*sample)) for amount, settings, sample in data)

    def _expected(self, amount: Amount, settings: Settings) -> Found:
        groups = [each for each in self._groups if _texts_fit(each.settings, settings)]
        if not groups:
            return Unknown("has not been used with these settings yet")
        varying = _varying(groups)
        if (new := _new_setting(groups, settings, varying)) is not None:
            return Unknown(f"has not been used with {new} yet")
        same = [each for each in groups if each.amount == amount and _same(each.settings, settings, varying)]
        if same:
            return _of_samples(same)
        if not isinstance(amount, float) and amount is not None:
            return _of_similar([each for each in groups if isinstance(each.amount, str)] or groups)
        if amount is None and not varying:
            return _of_similar(groups)
        return self._fitted(groups, amount, settings, varying)

    def _fitted(self, groups: list[Group], amount: Amount, settings: Settings, varying: list[str]) -> Found:
        moving = isinstance(amount, float)
        numeric = [each for each in groups if isinstance(each.amount, float) == moving]
        if not numeric:
            return _of_similar(groups)
        best: tuple[float, Found] | None = None
        for scale in _scales(varying, moving=moving):
            points = [(x, each.sample) for each in numeric if (x := scale(each.amount, each.settings)) is not None]
            x = scale(amount, settings)
            if x is None or not points:
                continue
            error, found = _at(points, x)
            if moving and isinstance(found, Unknown):
                found = Unknown("has not been moved by a similar distance yet")
            if best is None or error < best[0] * _BETTER:
                best = error, found
        return best[1] if best is not None else Unknown("has not been used with these settings yet")


Scale = Callable[[Amount, Settings], float | None]


def _scales(varying: list[str], *, moving: bool) -> list[Scale]:
    """Return the quantities to which the duration may be proportional, simplest first."""
    if moving:
        return [lambda amount, _: float(amount or 0.0), *(_per(name) for name in varying)]
    return [_times(name) for name in varying] + [_times(*pair) for pair in combinations(varying[:6], 2)]


def _per(name: str) -> Scale:
    def scale(amount: Amount, settings: Settings) -> float | None:
        value = settings.get(name)
        return float(amount or 0.0) / value if isinstance(value, float | int) and value > 0 else None

    return scale


def _times(*names: str) -> Scale:
    def scale(_amount: Amount, settings: Settings) -> float | None:
        values = [value for name in names if isinstance(value := settings.get(name), float | int)]
        return math.prod(values) if len(values) == len(names) else None

    return scale


def _texts_fit(known: Settings, settings: Settings) -> bool:
    return all(
        name not in settings or settings[name] == value for name, value in known.items() if isinstance(value, str)
    )


def _varying(groups: list[Group]) -> list[str]:
    """Return the names of the numeric settings that have different values in these groups."""
    values: dict[str, set[float]] = {}
    for group in groups:
        for name, value in group.settings.items():
            if not isinstance(value, str):
                values.setdefault(name, set()).add(value)
    return [name for name, each in values.items() if len(each) > 1]


def _new_setting(groups: list[Group], settings: Settings, varying: list[str]) -> str | None:
    """Return, as ``name = value``, a setting that had one value in all groups and has a new value now."""
    for name, value in settings.items():
        if isinstance(value, str) or name in varying:
            continue
        known = {group.settings[name] for group in groups if name in group.settings}
        if known and value not in known:
            return f"{name} = {value:g}"
    return None


def _same(known: Settings, settings: Settings, varying: list[str]) -> bool:
    """Return whether the varying settings have the same values. Settings that are unknown in the plan are ignored."""
    return all(known.get(name) == settings[name] for name in varying if name in settings)


def _of_samples(groups: list[Group]) -> Duration:
    total = Sample()
    for group in groups:
        total.merge(group.sample)
    deviation = total.deviation if total.number > 1 else _ONCE * total.mean
    return Duration(total.mean, deviation, deviation / math.sqrt(max(total.number, 1)))


def _of_similar(groups: list[Group]) -> Found:
    """Return the mean duration if the means of all groups are within a factor of two."""
    means = [group.sample.mean for group in groups]
    if max(means) > 2 * min(means) + 2 * _TINY and max(means) > _SHORT:
        return Unknown("takes different times for an unknown reason")
    found = _of_samples(groups)
    spread = (max(means) - min(means)) / 2
    return Duration(found.mean, found.deviation + spread, found.uncertainty + spread / 2)


def _at(points: list[tuple[float, Sample]], x: float) -> tuple[float, Found]:
    """Return the relative error of a line through the points, and the duration at ``x``."""
    used = [point for point in points if point[0] > 0] or points
    merged = _merged(used)
    if len(merged) == 1:
        return _BEYOND, _from_one(merged[0], x)
    offset, slope = _line(merged)
    error = _misfit(used, offset, slope)
    inside = merged[0][0] <= x <= merged[-1][0]
    value = offset + slope * x
    if error > _CLOSE and inside:
        value = _between(merged, x)
    elif error > _CLOSE and x > 0:
        value = _beyond(merged, x)
    within = _of_samples([Group(None, {}, each) for _, each in merged])
    noise = math.sqrt(sum(each.variance / max(each.mean, _TINY) ** 2 for _, each in merged) / len(merged)) or _ONCE
    uncertainty = (max(error, _TINY) if inside else max(error, _TINY) + _extrapolation(merged, x)) * value
    return error, Duration(max(value, 0.0), min(noise * value, within.deviation + noise * value), uncertainty)


def _misfit(points: list[tuple[float, Sample]], offset: float, slope: float) -> float:
    """Return the typical relative distance of the points from a line."""
    errors = [(offset + slope * at - each.mean) / max(each.mean, _TINY) for at, each in points]
    return math.sqrt(sum(each**2 for each in errors) / len(errors))


def _extrapolation(points: list[tuple[float, Sample]], x: float) -> float:
    """Return the relative uncertainty beyond the points, which grows with the distance from them."""
    low, high = points[0][0], points[-1][0]
    span = max(high - low, _TINY)
    away = (low - x if x < low else x - high) / span
    return min(_BEYOND * away, 0.5)


def _from_one(point: tuple[float, Sample], x: float) -> Found:
    """Return the duration at ``x`` if only one other point is known: between constant and proportional."""
    at, sample = point
    if at <= 0 or x <= 0 or sample.mean < _SHORT:
        return Duration(sample.mean, sample.mean / 3, sample.mean / 3)
    factor = x / at
    if not 1 / _NEAR <= factor <= _NEAR:
        return Unknown("has not been used with similar values yet")
    value = sample.mean * math.sqrt(factor)
    uncertainty = abs(factor - 1) * sample.mean / 3
    return Duration(value, max(sample.deviation, _ONCE * value), uncertainty)


def _merged(points: list[tuple[float, Sample]]) -> list[tuple[float, Sample]]:
    """Return the sorted points, with points at the same place merged."""
    found: dict[float, Sample] = {}
    for at, sample in points:
        found.setdefault(round(at, 12), Sample()).merge(sample)
    return sorted(found.items())


def _line(points: list[tuple[float, Sample]]) -> tuple[float, float]:
    """Return the offset and the slope of the line with the smallest relative errors. Neither is negative."""
    weights = [min(each.number, 10.0) / max(each.mean, _TINY) ** 2 for _, each in points]
    total = sum(weights)
    x_mean = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    y_mean = sum(w * each.mean for w, (_, each) in zip(weights, points, strict=True)) / total
    across = sum(w * (x - x_mean) * (each.mean - y_mean) for w, (x, each) in zip(weights, points, strict=True))
    along = sum(w * (x - x_mean) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    slope = across / along if along > 0 else 0.0
    if slope <= 0:
        return y_mean, 0.0
    offset = y_mean - slope * x_mean
    if offset >= 0:
        return offset, slope
    squares = sum(w * x**2 for w, (x, _) in zip(weights, points, strict=True))
    return 0.0, sum(w * x * each.mean for w, (x, each) in zip(weights, points, strict=True)) / squares


def _between(points: list[tuple[float, Sample]], x: float) -> float:
    for (left, low), (right, high) in pairwise(points):
        if left <= x <= right:
            part = (x - left) / (right - left)
            return low.mean * (1 - part) + high.mean * part
    return points[-1][1].mean


def _beyond(points: list[tuple[float, Sample]], x: float) -> float:
    """Return the duration beyond the points, on the line through the two nearest ones."""
    (left, low), (right, high) = points[:2] if x < points[0][0] else points[-2:]
    slope = max((high.mean - low.mean) / (right - left), 0.0)
    return max(low.mean + slope * (x - left), min(low.mean, high.mean) / 2)
