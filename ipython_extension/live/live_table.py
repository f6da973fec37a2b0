"""The table of a running scan, line by line as its events come."""

import sys
from collections.abc import Mapping
from typing import Any

from ipython_extension.live.runs import Reading, Run, RunEnd, Runs
from ipython_extension.shown.tables import cut, moment, plural, shortened

_INDENT = "  "
_NUMBER, _TIME, _NARROWEST, _WIDEST = 5, 8, 10, 16
#: Rows that are printed at once; of more, the latest.
_MOST = 40
_DIGITS = 10


class LiveTables:
    """One table for each run, in at most ``width`` columns of a terminal."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._runs = Runs()
        self._columns: dict[int, list[tuple[str, int]]] = {}
        self._above: Run | None = None
        self._has_printed = False

    def take(self, name: str, doc: Mapping[str, Any]) -> list[str]:
        """The lines that a document adds."""
        match self._runs.take(name, doc):
            case Reading(run, event):
                return [*self._heading(run, event), self._row(run, event)]
            case RunEnd(run, stop):
                self._columns.pop(id(run), None)
                return self._ending(run, stop)
            case _:
                return []

    def _heading(self, run: Run, event: Mapping[str, Any]) -> list[str]:
        """What stands above a row: nothing if the row above it is of the same run."""
        if run is self._above:
            return []
        gap = [""] if self._has_printed else []
        self._above, self._has_printed = run, True
        if id(run) in self._columns:
            return [*gap, f"{run.name}, continued", self._names(run)]
        left_out = self._fit(run)
        start = run.start
        points = start.get("num_points")
        told = [str(start.get("plan_name") or "a plan")]
        told += [plural(points, "point")] if isinstance(points, int) else []
        lines = [*gap, shortened(f"{run.name}: {', '.join(told)}, since {moment(start['time'])}", self._width)]
        if left_out:
            lines.append(cut(f"{_INDENT}no room for {', '.join(left_out)}", self._width))
        lines.append(self._names(run))
        if earlier := int(event.get("seq_num", 1)) - 1:
            lines.append(f"{_INDENT}{'…':>{_NUMBER}}  {plural(earlier, 'point')} before")
        return lines

    def _fit(self, run: Run) -> list[str]:
        """Choose the columns; returns the fields that there is no room for."""
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

    def _names(self, run: Run) -> str:
        names = "".join(f"  {cut(field, width):>{width}}" for field, width in self._columns[id(run)])
        return f"{_INDENT}{'#':>{_NUMBER}}  {'time':<{_TIME}}{names}"

    def _row(self, run: Run, event: Mapping[str, Any]) -> str:
        data = event.get("data") or {}
        cells = "".join(
            f"  {cut(value_text(data.get(field), run.keys.get(field) or {}, width), width):>{width}}"
            for field, width in self._columns[id(run)]
        )
        clock = moment(event["time"], event["time"])
        return f"{_INDENT}{event.get('seq_num', ''):>{_NUMBER}}  {clock:<{_TIME}}{cells}"

    def _ending(self, run: Run, stop: Mapping[str, Any]) -> list[str]:
        if self._above is run:
            self._above = None
        status = stop.get("exit_status", "success")
        if status == "success":
            return []
        why = f": {stop['reason']}" if stop.get("reason") else ""
        ended = {"abort": "was aborted", "fail": "failed"}.get(status, f"ended with {status}")
        return [shortened(f"{run.name} {ended}{why}", self._width)]


class Live:
    """Documents as they come to somebody who waits, as the lines to print.

    ``item_uid`` is the item that is waited for, if it may have ended already when its documents are asked for.
    """

    def __init__(self, width: int, *, item_uid: str | None = None) -> None:
        self._running: str | None = None
        self._item_uid = item_uid
        self._tables = LiveTables(width)
        self._seen: set[str] = set()
        self._lines: list[str] = []

    def hear(self, message: Mapping[str, Any], asked: bool) -> None:
        """Take a document's message; ``asked`` for, or published just now."""
        doc = message["doc"]
        if (asked and message["item_uid"] not in (self._item_uid, self._running)) or doc["uid"] in self._seen:
            return
        self._seen.add(doc["uid"])
        self._lines += self._tables.take(message["name"], doc)

    def show(self, status: Mapping[str, Any]) -> str:
        """What is to be printed since the last time; of very many lines, the latest."""
        self._running = status["running_item_uid"]
        lines, self._lines = self._lines, []
        if len(lines) > _MOST:
            lines = [*lines[:3], f"{_INDENT}{'…':>{_NUMBER}}  {len(lines) - _MOST} more", *lines[3 - _MOST :]]
        return "\n".join(lines)


def value_text(value: Any, key: Mapping[str, Any], width: int = _WIDEST) -> str:
    """One reading as it is shown: with the device's own precision, if that is known; numbers fit into the width."""
    match value:
        case None:
            return "–"  # noqa: RUF001 - an array that was left out, or no number
        case bool() | str():
            return str(value)
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


def _fitting(value: float, width: int) -> str:
    """As many of six digits as fit: cut at its end, a number would lose its exponent."""
    texts = [f"{value:.{digits}g}" for digits in range(6, 0, -1)]
    return next((text for text in texts if len(text) <= width), texts[-1])
