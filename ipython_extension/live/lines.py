"""Lines that a command shows while it waits."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ipython_extension.live.columns import Column
from ipython_extension.shown.tables import cut

#: The mark of a line between rows about rows that are missing.
MISSING = "missing"


class PermanentLine(NamedTuple):
    """A permanent line; ``mark`` is ``heading``, ``failed``, `MISSING` or empty."""

    printed: str
    mark: str = ""

    def now(self) -> str:
        """The current text."""
        return self.printed


class TableRow(NamedTuple):
    """A table row; a notebook can redraw it with the digits that suit the whole column."""

    printed: str
    lead: str
    columns: Sequence[Column]
    values: Sequence[object]
    mark: str = ""

    def now(self) -> str:
        """The row, with the number of digits that suits all rows so far."""
        texts = [column.now(value) for column, value in zip(self.columns, self.values, strict=True)]
        return self.lead + cells(texts, self.columns)


def cells(texts: Iterable[str], columns: Sequence[Column]) -> str:
    """Right-aligned texts in columns."""
    pairs = zip(texts, columns, strict=True)
    return "".join(f"  {cut(text, column.width):>{column.width}}" for text, column in pairs)


def sentences(text: str) -> list[PermanentLine]:
    """The lines of a text."""
    return [PermanentLine(line) for line in text.splitlines()]
