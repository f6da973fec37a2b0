"""The view of a plan's dry run: sentences about what the plan would do."""

import re
import textwrap
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ipython_extension.shown import times_text
from ipython_extension.shown.display import View
from ipython_extension.shown.tables import length_of_time, moment, plural, shortened

_WIDEST = 110
#: Age in seconds above which the view mentions when the copy of the environment was made.
OLD = 60.0
#: Number of decimals to which positions are rounded; the rest is rounding error.
_DIGITS = 15
#: Parts of the estimated time are shown if they take at least this many seconds.
_SHORTEST = 0.05
#: Maximum number of lines of a list and of the plan's output.
_MOST = 10
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>[^\n]+)(?:\n +(?P<code>[^\n]+))?')
_INSTALLED = ("/site-packages/", "/dist-packages/", "<frozen")


class DryRunView(View, dict[str, Any]):
    """The report on a dry run."""

    def text(self, width: int) -> str:
        return "\n".join(
            textwrap.fill(
                line,
                max(min(width, _WIDEST), _MOST),
                subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2),
                break_on_hyphens=False,
                break_long_words=False,
            )
            for line in self.lines()
        )

    def lines(self) -> list[str]:
        """The sentences."""
        return list(self._lines())

    def brief(self, width: int | None) -> str:
        """The text to print for a line whose result IPython does not show."""
        return self.text(width or _WIDEST)

    def _lines(self) -> Iterator[str]:
        yield self._first()
        for error in self["errors"]:
            yield from _place(error["traceback"])
        yield from (_motor(name, motor) for name, motor in self["motors"].items())
        if len(self["streams"]) > 1:
            streams = [f"{name} ({plural(points, 'point')})" for name, points in self["stream_points"].items()]
            yield f"Streams: {', '.join(streams)}."
        if triggers := self["triggers"]:
            yield f"Triggers: {', '.join(f'{name} ({n})' for name, n in triggers.items())}."
        estimate = self["estimate"]
        if estimate["seconds"] is not None:
            parts = _parts(estimate["parts"])
            yield f"Takes {times_text.takes(estimate)}{parts and f' ({parts})'}."
        elif estimate["reason"] and self["complete"] and not self["errors"] and not self["blocked"]:
            yield f"The time is not known: {estimate['reason']}."
        if estimate["seconds"] is None and (slept := estimate["parts"]["sleep"] or 0.0) >= 1:
            yield f"Takes at least {length_of_time(slept)}, because the plan sleeps that long."
        if self["bytes"] >= 10**6:
            yield f"Data: about {_bytes(self['bytes'])}."
        yield from _some([f"Note: {text}." for text in self["warnings"]])
        if assumed := self["assumed"]:
            listed = ", ".join(f"{each['field']} = {_number(each['value'])}" for each in assumed[:_MOST])
            yield f"Not exact: the plan depends on readings. Assumed: {listed}."
        for each in self["blocked"][:_MOST]:
            yield f"Blocked: {each['call']} (point {each['step']})"
            yield from _place(each["traceback"])
        if time.time() - self["as_of"] > OLD:
            yield f"Based on the environment as it was at {moment(self['as_of'])}."
        if output := self["output"].rstrip():
            yield "It printed:"
            yield from (f"  {line}" for line in output.split("\n")[-_MOST:])

    def _first(self) -> str:
        took = f"{plural(self['points'], 'point')} in {plural(self['runs'], 'run')}"
        where = f"after {took}" if self["points"] else "before the first point"
        if self["errors"]:
            return f"Would fail {where}: {self['errors'][0]['msg']}"
        if not self["complete"]:
            return f"The dry run was cut off {where}: {self['reason']}."
        return f"Would take {took}." if self["runs"] else "Would take no points."


def _motor(name: str, motor: Mapping[str, Any]) -> str:
    units = f" {motor['units']}" if motor["units"] else ""
    start, end = _number(motor["start"]), _number(motor["end"])
    if motor["min"] is None:
        return f"{name}: {start} → {end}{units}."
    low, high = _number(motor["min"]), _number(motor["max"])
    if low == high:
        return f"{name}: stays at {end}{units}."
    return f"{name}: starts at {start}, ends at {end}{units}, range {low} … {high}."


def place_of(trace: str) -> str:
    """The innermost line in the user's own code: ``scan.py, line 12``; empty if there is none."""
    return next((_file_and_line(frame) for frame in _innermost(trace) if _is_own(frame)), "")


def _place(trace: str) -> Iterator[str]:
    for frame in _innermost(trace):
        code = f": {shortened(frame['code'].strip(), 60)}" if frame["code"] else ""
        yield f"  {_file_and_line(frame)}, in {frame['name']}{code}"


def _innermost(trace: str) -> list[re.Match[str]]:
    """The innermost frame in the user's own code, if there is a traceback."""
    frames = list(_FRAME.finditer(trace))
    own = [each for each in frames if _is_own(each)]
    return (own or frames)[-1:]


def _is_own(frame: re.Match[str]) -> bool:
    return not any(part in frame["file"] for part in _INSTALLED)


def _file_and_line(frame: re.Match[str]) -> str:
    return f"{frame['file'].rpartition('/')[2]}, line {frame['line']}"


def _some(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST
    return lines if more <= 0 else [*lines[:_MOST], f"… and {more} more"]


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "unknown" if value is None else shortened(str(value), 40)
    text = f"{round(value, _DIGITS) + 0.0:.6g}" if isinstance(value, float) else str(value)
    return text.replace("-", "\N{MINUS SIGN}")


def _bytes(number: float) -> str:
    for unit in ("MB", "GB", "TB"):
        number /= 1000 if unit != "MB" else 10**6
        if number < 1000:  # noqa: PLR2004 - the next unit
            break
    return f"{number:.3g} {unit}"


def _parts(parts: Mapping[str, float | None]) -> str:
    """``moves 3 min, triggers 8 min, …``; empty if there are fewer than two parts."""
    names = {"move": "moves", "trigger": "triggers", "sleep": "sleeps", "other": "the rest"}
    known = {name: seconds for name, seconds in parts.items() if seconds and seconds >= _SHORTEST}
    several = known if len(known) > 1 else {}
    return ", ".join(f"{names[name]} {times_text.roughly(seconds)}" for name, seconds in several.items())
