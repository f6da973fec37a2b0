"""The table for a plan: its runs with their readings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bluesky_qs.documents import mapping
from ipython_extension.live.lines import MISSING, PermanentLine, TableRow
from ipython_extension.live.live_table import RunTables
from ipython_extension.live.notebook_output import lines_html
from ipython_extension.live.runs import LiveRuns, Reading
from ipython_extension.shown.colors import colored
from ipython_extension.shown.display import View
from ipython_extension.shown.tables import NOTEBOOK_WIDTH, plural, wrapped

#: More rows than any table has, so that the headings appear only once.
_ENDLESS = 10**9


class RunTable(View, list[dict[str, Any]]):
    """The readings of a plan: a dictionary for each point, with ``scan_id``, ``seq_num``, ``time`` and the fields.

    ``pandas.DataFrame(table)`` has a column for each field. ``heading`` returns the line above the table for a width.
    """

    def __init__(
        self,
        messages: Sequence[Mapping[str, Any]],
        notes: Iterable[str] = (),
        *,
        rows: int = 20,
        heading: Callable[[int], str] | None = None,
    ) -> None:
        super().__init__(_points(messages))
        self._messages = messages
        self._notes = list(notes)
        self._rows = rows
        self._heading = heading

    def text(self, width: int) -> str:
        shown = [colored(line.now(), line.mark) for line in self._lines(width)]
        heading = [self._heading(width)] if self._heading else []
        return "\n".join([*heading, *shown, *(wrapped(note, width) for note in self._notes)])

    def html(self) -> str:
        heading = [PermanentLine(self._heading(NOTEBOOK_WIDTH))] if self._heading else []
        return lines_html([*heading, *self._lines(NOTEBOOK_WIDTH), *map(PermanentLine, self._notes)])

    def _lines(self, width: int) -> Sequence[PermanentLine | TableRow]:
        tables = RunTables(width, _ENDLESS)
        return self._latest(
            [line for message in self._messages for line in tables.take(message["name"], mapping(message["doc"]))]
        )

    def _latest(self, lines: list[PermanentLine | TableRow]) -> Sequence[PermanentLine | TableRow]:
        """The latest rows, below their run's heading."""
        rows = [at for at, line in enumerate(lines) if isinstance(line, TableRow)]
        if len(rows) <= self._rows:
            return lines
        first = end = rows[-self._rows]
        while _is_in_table(lines[end - 1]):
            end -= 1
        start = end
        while start and not _is_in_table(lines[start - 1]):
            start -= 1
        hidden = plural(len(rows) - self._rows, "earlier point")
        return [*lines[start:end], PermanentLine(f"      …  {hidden} (-n N shows more)"), *lines[first:]]


def _is_in_table(line: PermanentLine | TableRow) -> bool:
    """Whether a line belongs below a heading: it is a row, or a line about missing rows."""
    return isinstance(line, TableRow) or line.mark == MISSING


def _points(messages: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    runs = LiveRuns()
    for message in messages:
        match runs.take(message["name"], message["doc"]):
            case Reading(run, event):
                about = {
                    "scan_id": run.start.get("scan_id"),
                    "seq_num": event.get("seq_num"),
                    "time": event.get("time"),
                }
                yield about | dict(mapping(event.get("data")))
            case _:
                pass
