"""Progress in a terminal or notebook: one line that changes, below lines that stay."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ipython_extension.live.lines import PermanentLine, TableRow
from ipython_extension.live.notebook_output import Notebook
from ipython_extension.shown.colors import colored, in_colors
from ipython_extension.shown.status_text import Bar
from ipython_extension.shown.tables import cells, cut, terminal_width, wrapped

#: Columns for ^C plus one free column, because some terminals wrap a line that fills the last column.
_CTRL_C = 3


class ProgressOutput(Protocol):
    """Shows the progress of a wait; ``shows`` is False if it shows nothing. Its tables have ``width`` columns."""

    shows: bool

    @property
    def width(self) -> int:
        """Maximum number of columns of the lines that it shows."""
        ...

    def say(self, progress: str | Bar) -> None:
        """Replace the progress line."""
        ...

    def put(self, lines: Sequence[PermanentLine | TableRow]) -> None:
        """Show lines that stay."""
        ...

    def copy(self, text: str) -> None:
        """Print the output of user code unchanged."""
        ...

    def picture(self, name: str, text: str) -> None:
        """Show a text picture. It replaces the previous one with that name if nothing has been shown since."""
        ...

    def clear(self) -> None:
        """Remove the progress line."""
        ...


class Nowhere:
    """Shows only the last pictures, at the end. Used in scripts and pipes."""

    shows = False

    def __init__(self) -> None:
        self._pictures: dict[str, str] = {}

    @property
    def width(self) -> int:
        return terminal_width()

    def say(self, progress: str | Bar) -> None:
        """Do nothing."""

    def put(self, lines: Sequence[PermanentLine | TableRow]) -> None:
        """Do nothing."""

    def copy(self, text: str) -> None:
        """Do nothing."""

    def picture(self, name: str, text: str) -> None:
        self._pictures[name] = text

    def clear(self) -> None:
        for text in self._pictures.values():
            _write(f"{text}\n")
        self._pictures.clear()


class Terminal:
    """Rewrites the last line of a terminal."""

    shows = True

    def __init__(self) -> None:
        self._shown = 0
        self._picture = ("", 0)

    @property
    def width(self) -> int:
        return terminal_width()

    def say(self, progress: str | Bar) -> None:
        width = terminal_width() - _CTRL_C
        line = cut(progress if isinstance(progress, str) else progress.text(width), width)
        _write(f"\r{line}{' ' * (self._shown - cells(line))}")
        self._shown = cells(line)

    def put(self, lines: Sequence[PermanentLine | TableRow]) -> None:
        width = terminal_width()
        with in_colors():
            self.copy("\n".join(colored(wrapped(line.printed, width), line.mark) for line in lines) if lines else "")

    def copy(self, text: str) -> None:
        if text:
            self.clear()
            self._picture = ("", 0)
            _write(text if text.endswith("\n") else f"{text}\n")

    def picture(self, name: str, text: str) -> None:
        self.clear()
        shown, lines = self._picture
        above = f"\x1b[{lines}A\r\x1b[J" if shown == name and lines else ""
        _write(f"{above}{text}\n")
        self._picture = (name, text.count("\n") + 1)

    def clear(self) -> None:
        if self._shown:
            # If Ctrl-C ended the wait, the terminal has printed ^C after the line.
            _write(f"\r{' ' * (self._shown + _CTRL_C - 1)}\r")
            self._shown = 0


def of(shell: Any, *, is_terminal: bool, is_silent: bool = False, place: Any = None) -> ProgressOutput:
    """Return the output of a session: a notebook, a terminal, or none. ``place`` is as in `Notebook`.

    In a notebook, a silent line has no bar, because its display could not be removed afterwards.
    """
    if hasattr(shell, "kernel"):
        is_console = _is_console(shell.kernel.get_parent("shell"))
        return Terminal() if is_console else Notebook(has_bar=not is_silent, place=place)
    return Terminal() if is_terminal else Nowhere()


def _is_console(request: Mapping[str, Any]) -> bool:
    """Whether a cell comes from `jupyter console` or a similar program, which cannot update output once it is printed.

    Notebooks name the cell. Programs that run notebooks do not name it, but they cannot answer input() either.
    """
    names_cell = "cellId" in request.get("metadata", {})
    return not names_cell and bool(request.get("content", {}).get("allow_stdin"))


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
