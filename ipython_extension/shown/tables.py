"""Tables, times and durations as text for people."""

import html
import re
import shutil
import textwrap
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ipython_extension.shown.colors import colored
from ipython_extension.shown.notebook_html import COLORS

_WORDS = re.compile(r"(\s*)(\S+)")
_COLORS = re.compile(r"\x1b\[[0-9;]*m")
#: Width in columns of a notebook's live tables and of errors. In a narrower window, JupyterLab breaks words.
NOTEBOOK_WIDTH, NOTEBOOK_ERROR_WIDTH = 100, 80
_PRECISE, _MINUTE, _HOUR, _DAY = 10, 60, 3600, 86400


def terminal_width() -> int:
    """Return the width of the terminal; 80 without one."""
    return max(shutil.get_terminal_size((80, 24)).columns, 40)


def terminal_height() -> int:
    """Return the height of the terminal; 24 without one."""
    return shutil.get_terminal_size((80, 24)).lines


def stood_still(result: Mapping[str, Any]) -> list[str]:
    """``paused for 30 min 00 s``, ``suspended for 12 s``, from a plan's result; empty if it was neither."""
    states = ("paused", "suspended")
    return [f"{each} for {length_of_time(result[f'time_{each}'])}" for each in states if result.get(f"time_{each}")]


def length_of_time(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 05 min``, ``3 d 4 h``."""
    if seconds < _PRECISE:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def moment(epoch: float, now: float | None = None) -> str:
    """The local time: ``14:03:22`` today, ``21 Nov 14:03`` this year, ``2024-11-21 14:03`` in earlier years."""
    then, today = time.localtime(epoch), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M:%S", then)
    return time.strftime("%d %b %H:%M" if then[0] == today[0] else "%Y-%m-%d %H:%M", then)


def ranges(numbers: Iterable[object]) -> str:
    """``7``, ``3, 5``, ``12-20``: consecutive scan ids as ranges."""
    groups: list[list[object]] = []
    for number in numbers:
        last = groups[-1][-1] if groups else None
        if isinstance(number, int) and isinstance(last, int) and number == last + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    pair = 2
    return ", ".join(", ".join(map(str, g)) if len(g) <= pair else f"{g[0]}-{g[-1]}" for g in groups)


def plural(count: int, noun: str) -> str:
    """``1 plan``, ``3 plans``, ``no plans``."""
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def counted(rows: int) -> str:
    """The number as it is written after “the last”: ``one``, ``20``."""
    return "one" if rows == 1 else str(rows)


def full_sentence(text: str) -> str:
    """The text with a period, unless it ends with a punctuation mark."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def cells(text: str) -> int:
    """Return the width of the text in terminal columns, not counting color codes."""
    if "\x1b" in text:
        text = _COLORS.sub("", text)
    if text.isascii():
        return len(text)
    return sum(_char_cells(char) for char in text)


def shortened(text: str, width: int) -> str:
    """Return the text on one line of at most ``width`` columns; ``…`` marks a cut."""
    return cut(" ".join(text.split()), width)


def cut(line: str, width: int) -> str:
    """Cut a line at ``width`` columns, but keep its spaces."""
    if cells(line) <= width:
        return line
    taken, used = [], 0
    for char in line:
        used += _char_cells(char)
        if used > width - 1:
            break
        taken.append(char)
    return "".join(taken) + "…"


def cut_in_the_middle(text: str, width: int) -> str:
    """Return the text on one line of at most ``width`` columns; cut long text in the middle."""
    line = " ".join(text.split())
    if cells(line) <= width:
        return line
    end = width // 3
    return cut(line, width - end) + cut(line[::-1], end + 1)[::-1].removeprefix("…")


def wrapped(text: str, width: int) -> str:
    """Break long lines at spaces. A terminal would break them in the middle of a word."""
    return "\n".join("\n".join(_broken(line, width)) for line in text.split("\n"))


def _broken(line: str, width: int) -> list[str]:
    """Break a line at spaces; each part has the line's indentation. A word longer than the width stays whole."""
    if cells(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    lines: list[str] = []
    for blanks, word in _WORDS.findall(line):
        if lines and cells(lines[-1]) + len(blanks) + cells(word) <= width:
            lines[-1] += blanks + word
        else:
            lines.append(indent + word)
    return lines


class Row(NamedTuple):
    """A table row. ``note`` is a line below it, ``mark`` is a CSS class, and ``more`` is text that is never cut."""

    cells: tuple[str, ...]
    note: str = ""
    mark: str = ""
    more: str = ""


class Table(NamedTuple):
    """Rows under headings; the column ``flexible`` is cut or wrapped if there is not enough width.

    Columns whose headings begin with ``>`` are right-aligned.
    """

    headings: tuple[str, ...]
    rows: Sequence[Row]
    flexible: int
    wrap: bool = False

    def text(self, width: int) -> str:
        """Return the table, at most ``width`` columns wide."""
        names, widths = self._names(), self._widths(width)
        lines = [colored(self._line(names, widths), "heading")]
        for row in self.rows:
            lines += [colored(line, row.mark) for line in self._lines(row.cells, widths)]
            if row.note:
                lead = " " * (len(_INDENT) + widths[0] + _GAP)
                lines += [colored(lead + line, row.mark) for line in _note_lines(row.note, width - len(lead))]
            if row.more:
                lines.append(wrapped(" " * (len(_INDENT) + widths[0] + _GAP) + row.more, width))
        return "\n".join(lines)

    def html(self) -> str:
        """Return the table as HTML. Nothing is cut; the browser wraps. A row and its note share a stripe."""
        styles = self._styles()
        head = "".join(
            f'<th style="{style}">{html.escape(name.removeprefix(">"))}</th>'
            for name, style in zip(self.headings, styles, strict=True)
        )
        body = []
        for at, row in enumerate(self.rows):
            # Notebooks stripe every <tr>. A row with a note has two, so their stripes would not alternate by row.
            shade = _SHADE if at % 2 == 0 else _NO_SHADE
            marked = f' class="qs-{row.mark}"' if row.mark else ""
            color = f";{COLORS[row.mark]}" if row.mark in COLORS else ""
            tr = f'<tr{marked} style="background-color:{shade}{color}">'
            tds = "".join(
                f'<td style="{style}">{html.escape(each)}</td>' for each, style in zip(row.cells, styles, strict=True)
            )
            body.append(f"{tr}{tds}</tr>")
            for note in filter(None, (row.note, row.more)):
                span = len(self.headings) - 1
                body.append(f'{tr}<td></td><td colspan="{span}" style="{_CELL}">{html.escape(note)}</td></tr>')
        return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'

    def whole_rows(self, width: int) -> int:
        """The number of rows that a table of this width shows without cutting the flexible column."""
        room = self._widths(width)[self.flexible]
        return sum(cells(" ".join(row.cells[self.flexible].split())) <= room for row in self.rows)

    def room(self, width: int) -> int:
        """The maximum width of the flexible column in a table of this width."""
        widths = self._natural_widths()
        return width - len(_INDENT) - _GAP * (len(widths) - 1) - sum(widths) + widths[self.flexible]

    def spare(self, width: int) -> int:
        """The free space to the right of the table, in terminal columns."""
        return width - len(_INDENT) - sum(self._widths(width)) - _GAP * (len(self.headings) - 1)

    def _names(self) -> list[str]:
        return [heading.removeprefix(">") for heading in self.headings]

    def _widths(self, width: int) -> list[int]:
        """The width of each column in a table of this width."""
        widths = self._natural_widths()
        widths[self.flexible] = max(min(widths[self.flexible], self.room(width)), _NARROWEST)
        return widths

    def _natural_widths(self) -> list[int]:
        """The width of each column if nothing is cut."""
        columns = zip(self._names(), *(row.cells for row in self.rows), strict=True)
        return [max(map(cells, column)) for column in columns]

    def _styles(self) -> list[str]:
        """The style of each column: short ones do not wrap, and numbers are right-aligned."""
        styles: list[str] = []
        for at, heading in enumerate(self.headings):
            longest = max(map(cells, (heading, *(row.cells[at] for row in self.rows))))
            style = _SHORT_CELL if longest <= _SHORT and at != self.flexible else _CELL
            styles.append(style.replace("left", "right") if heading.startswith(">") else style)
        return styles

    def _lines(self, texts: Sequence[str], widths: Sequence[int]) -> list[str]:
        wide = texts[self.flexible]
        if not self.wrap or cells(wide) <= widths[self.flexible]:
            return [self._line(texts, widths)]
        first, *more = textwrap.wrap(wide, widths[self.flexible])
        rows = [[*texts[: self.flexible], first, *texts[self.flexible + 1 :]]]
        rows += [[part if at == self.flexible else "" for at in range(len(texts))] for part in more]
        return [self._line(row, widths) for row in rows]

    def _line(self, texts: Sequence[str], widths: Sequence[int]) -> str:
        parts = []
        for heading, text, width in zip(self.headings, texts, widths, strict=True):
            short = shortened(text, width)
            padding = " " * (width - cells(short))
            parts.append(padding + short if heading.startswith(">") else short + padding)
        return (_INDENT + (" " * _GAP).join(parts)).rstrip()


def roomiest(tables: Sequence[Table], width: int | None) -> Table:
    """The first table if it shows all rows completely, or if no width is given.

    Otherwise the table with the most complete rows; of equals, the first. Each table has fewer columns than the
    previous one.
    """
    first, *others = tables
    if width is None or not others or first.whole_rows(width) == len(first.rows):
        return first
    return max(others, key=lambda table: table.whole_rows(width))


def _note_lines(note: str, width: int) -> list[str]:
    """A note, broken at spaces. If it is very long, only its beginning and its end."""
    lines = _broken(" ".join(note.split()), width)
    room = _NOTE_LINES * width
    while len(lines) > _NOTE_LINES:
        lines = _broken(cut_in_the_middle(note, room), width)
        room -= _GAP
    return [cut_in_the_middle(line, width) for line in lines]


_INDENT = "  "
#: Maximum number of lines of a note below a row.
_NOTE_LINES = 3
_GAP = 2
_NARROWEST = 16
#: Maximum number of characters of a column that does not wrap in a notebook.
_SHORT = 20
_SHORT_CELL = "text-align:left;vertical-align:top;white-space:pre"
_CELL = "text-align:left;vertical-align:top;white-space:pre-wrap;word-break:normal;overflow-wrap:break-word"
#: Notebooks use a different font size for tables than for text.
_TABLE = "font-size:1em"
#: Gray, because it must be visible on both white and black.
_SHADE, _NO_SHADE = "rgba(128,128,128,0.1)", "transparent"


def _char_cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
