"""The table of a running scan, line by line as events arrive."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bluesky_qs.documents import mapping, text
from ipython_extension.live.columns import Column
from ipython_extension.live.lines import MISSING, PermanentLine, TableRow, cells
from ipython_extension.live.runs import LiveRun, LiveRuns, Reading, RunEnd, one_line
from ipython_extension.shown.tables import cut, cut_in_the_middle, moment, plural, shortened, terminal_height, wrapped

_INDENT = "  "
_NUMBER, _TIME = 5, 8
#: Maximum number of lines to print at once. If there are more, only the latest are printed.
_MOST = 40
#: Lines on a screen that are not rows: the heading, the progress line, the input line.
_NO_ROWS = 4
#: Maximum number of lines with the names of omitted columns.
_OMITTED = 4
#: The year 5138. Later times and higher numbers must be wrong.
_LATEST = 1e11


class RunTables:
    """One table for each run, at most ``width`` columns wide. The headings are repeated after ``screenful`` rows."""

    def __init__(self, width: int, screenful: int) -> None:
        self._width = width
        self._screenful = screenful
        self._runs = LiveRuns()
        self._columns: dict[int, list[Column]] = {}
        #: The number of each run's last event.
        self._last: dict[int, int] = {}
        self._above: LiveRun | None = None
        self._rows = 0
        self._has_printed = False

    def take(self, name: str, doc: Mapping[str, Any]) -> Sequence[PermanentLine | TableRow]:
        """Return the lines to print for a document."""
        match self._runs.take(name, doc):
            case Reading(run, event):
                heading = self._heading(run, event)
                self._rows += 1
                number = _count(event.get("seq_num"))
                return [*heading, *self._missing(run, number - 1, then=number), self._row(run, event)]
            case RunEnd(run, stop):
                last = _count(mapping(stop.get("num_events")).get(run.stream))
                missing = self._missing(run, last, then=0)
                self._columns.pop(id(run), None)
                self._last.pop(id(run), None)
                return [*missing, *self._ending(run, stop)]
            case _:
                return []

    def _heading(self, run: LiveRun, event: Mapping[str, Any]) -> list[PermanentLine]:
        """Return the heading of a row; empty if it is still on the screen."""
        if run is self._above:
            return [self._names(run)] if self._rows >= self._screenful else []
        gap = [PermanentLine("")] if self._has_printed else []
        self._above, self._has_printed = run, True
        if id(run) in self._columns:
            return [*gap, PermanentLine(f"{run.name}, continued"), self._names(run)]
        left_out = self._fit(run)
        points, clock = run.start.get("num_points"), _clock(run.start.get("time"))
        details = [run.plan]
        details += [plural(points, "point")] if isinstance(points, int) and points > 0 else []
        details += [f"started {clock}"] if clock else []
        lines = [*gap, PermanentLine(shortened(f"{run.name}: {', '.join(details)}", self._width))]
        if left_out:
            omitted = f"columns omitted: {', '.join(map(one_line, left_out))}"
            names = wrapped(_INDENT + shortened(omitted, _OMITTED * self._width), self._width)
            lines += [PermanentLine(cut(line, self._width)) for line in names.split("\n")]
        lines.append(self._names(run))
        if (earlier := _count(event.get("seq_num")) - 1) > 0:
            lines.append(PermanentLine(f"{_INDENT}{'…':>{_NUMBER}}  {plural(earlier, 'earlier point')}"))
        return lines

    def _missing(self, run: LiveRun, last: int, *, then: int) -> list[PermanentLine]:
        """A line about missing events up to number ``last``. The event with number ``then`` follows."""
        before = self._last.get(id(run), 0)
        self._last[id(run)] = then
        missing = last - before if before else 0  # the heading reports points before the first row
        verb = "is" if missing == 1 else "are"
        text = f"{_INDENT}{'…':>{_NUMBER}}  {plural(missing, 'point')} {verb} missing here"
        return [PermanentLine(text, MISSING)] if missing > 0 else []

    def _fit(self, run: LiveRun) -> list[str]:
        """Choose the columns; return the fields that do not fit."""
        fields = [*run.along, *run.read]
        columns: list[Column] = []
        room = self._width - len(_INDENT) - _NUMBER - 2 - _TIME
        for field in fields:
            column = Column(field, run.keys.get(field) or {}, is_moved=field in run.along)
            if room < column.width + 2:
                break
            room -= column.width + 2
            columns.append(column)
        self._columns[id(run)] = columns
        return fields[len(columns) :]

    def _names(self, run: LiveRun) -> PermanentLine:
        """The line with the column names. The rows below it may have other digits than those above it."""
        columns = self._columns[id(run)]
        self._rows = 0
        for column in columns:
            column.begin_page()
        names = cells([one_line(column.field) for column in columns], columns)
        return PermanentLine(f"{_INDENT}{'#':>{_NUMBER}}  {'time':<{_TIME}}{names}", "heading")

    def _row(self, run: LiveRun, event: Mapping[str, Any]) -> TableRow:
        columns = self._columns[id(run)]
        data = mapping(event.get("data"))
        values = [data.get(column.field) for column in columns]
        for column, value in zip(columns, values, strict=True):
            column.take(value)
        number, clock = _count(event.get("seq_num")) or "", _clock(event.get("time"), today=event.get("time"))
        lead = f"{_INDENT}{number:>{_NUMBER}}  {clock:<{_TIME}}"
        texts = [column.next_printed(value) for column, value in zip(columns, values, strict=True)]
        return TableRow(lead + cells(texts, columns), lead, columns, values)

    def _ending(self, run: LiveRun, stop: Mapping[str, Any]) -> list[PermanentLine]:
        if self._above is run:
            self._above = None
        status = stop.get("exit_status", "success")
        if status in ("success", "abort"):  # the wait reports once how the plan ended
            return []
        why = f": {reason}" if (reason := one_line(text(stop.get("reason")))) else ""
        ended = "failed" if status == "fail" else f"ended with {one_line(str(status))}"
        return [PermanentLine(cut_in_the_middle(f"{run.name} {ended}{why}", self._width), "failed")]


class Live:
    """Turns documents into lines to print while a command waits.

    Parameters
    ----------
    item_uid
        The item to wait for; it may have ended before its documents are requested.
    ended
        Further items that have ended and should be shown.
    shown
        Uids of runs that were shown before and are not shown again. This display adds its runs.

    Attributes
    ----------
    begun
        Uids of the runs that are shown here.
    """

    def __init__(
        self, width: int, *, item_uid: str | None = None, ended: Iterable[str] = (), shown: set[str] | None = None
    ) -> None:
        #: The items to show even if their documents were published before they were requested.
        self._wanted = {item_uid, *ended}
        self._tables = RunTables(width, max(terminal_height() - _NO_ROWS, 2 * _NO_ROWS))
        self._seen: set[str] = set()
        self._lines: list[PermanentLine | TableRow] = []
        self._shown: set[str] = set() if shown is None else shown
        self._ended: set[str] = set()
        self.begun: set[str] = set()

    def take_document(self, message: Mapping[str, Any], requested: bool) -> None:
        """Take a document that was published, or requested (``requested``)."""
        doc, name = mapping(message["doc"]), message["name"]
        uid = text(doc.get("uid"))
        if (requested and message["item_uid"] not in self._wanted) or uid in self._seen or not uid:
            return
        self._seen.add(uid)
        if name == "start":
            if uid in self._shown:  # without this start document, the table ignores the run's other documents
                return
            self.begun.add(uid)
        if name == "stop":
            self._ended.add(text(doc.get("run_start")))
        self._lines += self._tables.take(name, doc)

    def show(self, status: Mapping[str, Any]) -> Sequence[PermanentLine | TableRow]:
        """Return the new lines to print; only the latest if there are very many."""
        self._wanted.add(status["running_item_uid"])
        self._shown |= self._ended & self.begun
        lines, self._lines = self._lines, []
        if len(lines) > _MOST:
            more = PermanentLine(f"{_INDENT}{'…':>{_NUMBER}}  {len(lines) - _MOST} more")
            lines = [*lines[:3], more, *lines[3 - _MOST :]]
        return lines


def _clock(value: Any, *, today: Any = None) -> str:
    """The time of a document; empty if it is not valid."""
    return moment(value, today) if isinstance(value, int | float) and 0 <= value < _LATEST else ""


def _count(value: Any) -> int:
    """The number of an event; 0 if it is not valid."""
    return value if isinstance(value, int) and 0 < value < _LATEST else 0
