"""The table of a running scan, printed line by line as events arrive."""

import sys
from collections.abc import Mapping
from typing import Any

from bluesky_qs.documents import mapping, text
from ipython_extension.live.runs import LiveRun, LiveRuns, Reading, RunEnd, one_line
from ipython_extension.shown.tables import cut, moment, plural, shortened

_INDENT = "  "
_NUMBER, _TIME, _NARROWEST, _WIDEST = 5, 8, 10, 16
#: Most rows to print at once; if there are more, the latest are printed.
_MOST = 40
_DIGITS = 10
#: The year 5138. Later times and higher numbers are mistakes.
_LATEST = 1e11


class RunTables:
    """One table for each run, at most ``width`` columns wide."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._runs = LiveRuns()
        self._columns: dict[int, list[tuple[str, int]]] = {}
        self._above: LiveRun | None = None
        self._has_printed = False

    def take(self, name: str, doc: Mapping[str, Any]) -> list[str]:
        """Return the lines to print for a document."""
        match self._runs.take(name, doc):
            case Reading(run, event):
                return [*self._heading(run, event), self._row(run, event)]
            case RunEnd(run, stop):
                self._columns.pop(id(run), None)
                return self._ending(run, stop)
            case _:
                return []

    def _heading(self, run: LiveRun, event: Mapping[str, Any]) -> list[str]:
        """Return the heading of a row; empty if the row above belongs to the same run."""
        if run is self._above:
            return []
        gap = [""] if self._has_printed else []
        self._above, self._has_printed = run, True
        if id(run) in self._columns:
            return [*gap, f"{run.name}, continued", self._names(run)]
        left_out = self._fit(run)
        points, clock = run.start.get("num_points"), _clock(run.start.get("time"))
        details = [run.plan]
        details += [plural(points, "point")] if isinstance(points, int) and points > 0 else []
        details += [f"started {clock}"] if clock else []
        lines = [*gap, shortened(f"{run.name}: {', '.join(details)}", self._width)]
        if left_out:
            lines.append(cut(f"{_INDENT}columns omitted: {', '.join(map(one_line, left_out))}", self._width))
        lines.append(self._names(run))
        if (earlier := _count(event.get("seq_num")) - 1) > 0:
            lines.append(f"{_INDENT}{'…':>{_NUMBER}}  {plural(earlier, 'earlier point')}")
        return lines

    def _fit(self, run: LiveRun) -> list[str]:
        """Choose the columns; return the fields that do not fit."""
        fields = [*run.along, *run.read]
        columns: list[tuple[str, int]] = []
        room = self._width - len(_INDENT) - _NUMBER - 2 - _TIME
        for field in fields:
            width = min(max(len(field), _NARROWEST), _WIDEST)
            if room < width + 2:
                break
            room -= width + 2
            columns.append((field, width))
        self._columns[id(run)] = columns
        return fields[len(columns) :]

    def _names(self, run: LiveRun) -> str:
        names = "".join(f"  {cut(one_line(field), width):>{width}}" for field, width in self._columns[id(run)])
        return f"{_INDENT}{'#':>{_NUMBER}}  {'time':<{_TIME}}{names}"

    def _row(self, run: LiveRun, event: Mapping[str, Any]) -> str:
        data = mapping(event.get("data"))
        cells = "".join(
            f"  {cut(value_text(data.get(field), run.keys.get(field) or {}, width), width):>{width}}"
            for field, width in self._columns[id(run)]
        )
        number = _count(event.get("seq_num")) or ""
        return f"{_INDENT}{number:>{_NUMBER}}  {_clock(event.get('time'), today=event.get('time')):<{_TIME}}{cells}"

    def _ending(self, run: LiveRun, stop: Mapping[str, Any]) -> list[str]:
        if self._above is run:
            self._above = None
        status = stop.get("exit_status", "success")
        if status in ("success", "abort"):  # the wait reports how the plan ended, once
            return []
        why = f": {reason}" if (reason := one_line(text(stop.get("reason")))) else ""
        ended = "failed" if status == "fail" else f"ended with {one_line(str(status))}"
        return [shortened(f"{run.name} {ended}{why}", self._width)]


class Live:
    """Turns documents into lines to print while a command waits.

    ``item_uid`` is the item to wait for; it may have ended before its documents are requested.
    """

    def __init__(self, width: int, *, item_uid: str | None = None) -> None:
        self._running: str | None = None
        self._item_uid = item_uid
        self._tables = RunTables(width)
        self._seen: set[str] = set()
        self._lines: list[str] = []

    def take_document(self, message: Mapping[str, Any], requested: bool) -> None:
        """Take a document that was published, or requested (``requested``)."""
        doc = mapping(message["doc"])
        uid = text(doc.get("uid"))
        if (requested and message["item_uid"] not in (self._item_uid, self._running)) or uid in self._seen or not uid:
            return
        self._seen.add(uid)
        self._lines += self._tables.take(message["name"], doc)

    def show(self, status: Mapping[str, Any]) -> str:
        """Return the new lines to print; if there are very many, the latest."""
        self._running = status["running_item_uid"]
        lines, self._lines = self._lines, []
        if len(lines) > _MOST:
            lines = [*lines[:3], f"{_INDENT}{'…':>{_NUMBER}}  {len(lines) - _MOST} more", *lines[3 - _MOST :]]
        return "\n".join(lines)


def value_text(value: Any, key: Mapping[str, Any], width: int = _WIDEST) -> str:
    """Format one reading so that it fits the width, with the device's precision if that is known."""
    match value:
        case None:
            return "–"  # noqa: RUF001 - an omitted array, or no number
        case bool() | str():
            return one_line(str(value))
        case int():
            is_short = len(str(value)) <= width or abs(value) > sys.float_info.max
            return str(value) if is_short else _fitting(value, width)
        case float():
            precision = key.get("precision")
            fixed = f"{value:.{precision}f}" if isinstance(precision, int) and 0 <= precision <= _DIGITS else ""
            lost = value != 0 and fixed and float(fixed) == 0
            return fixed if fixed and not lost and len(fixed) <= _NARROWEST else _fitting(value, width)
        case list():
            return f"[{len(value)}]"
        case _:
            return "…"


def _clock(value: Any, *, today: Any = None) -> str:
    """The time of a document; empty if it is none."""
    return moment(value, today) if isinstance(value, int | float) and 0 <= value < _LATEST else ""


def _count(value: Any) -> int:
    """The number of an event; 0 if it is none."""
    return value if isinstance(value, int) and 0 < value < _LATEST else 0


def _fitting(value: float, width: int) -> str:
    """Format with as many digits as fit, up to six, because cutting off the end would lose the exponent."""
    texts = [f"{value:.{digits}g}" for digits in range(6, 0, -1)]
    return next((text for text in texts if len(text) <= width), texts[-1])
