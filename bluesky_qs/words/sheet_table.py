"""Reads the rows of a sheet as plans or as values of variables, and finds invalid cells. Cells are never evaluated."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bluesky_qs.words.planexpr import INSTRUCTION, Item, value_at
from bluesky_qs.words.scanner import ExpressionError
from bluesky_qs.words.sheet_cells import Cell, Sheet, SpreadsheetError, column_letters

#: The heading of the column with the plan names.
PLAN = "plan"
#: The character that begins a row to ignore.
COMMENT = "#"
#: Maximum number of invalid cells and rows to list.
MOST_SHOWN = 1000
_METADATA = "md."
_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_SEVERAL_WORDS = re.compile(r"\w[\w.-]*( +\w[\w.-]*)+")
_HAS_SYNTAX = re.compile(r"[\[\](){}'\"$]")


class SheetRow(NamedTuple):
    """The values in a row by heading, and the place of the row: ``Sheet1, row 3``. Empty cells have no value."""

    values: dict[str, Any]
    place: str


class SheetPlan(NamedTuple):
    """A plan, its row, and the columns of its arguments: by position in ``args``, or by name in ``kwargs``.

    ``number`` is the row number, from 1, and ``columns`` are texts such as ``B (num)``.
    """

    item: Item
    place: str
    columns: Mapping[int | str, str] = {}
    number: int = 0


class WrongCell(NamedTuple):
    """A cell that cannot be read, by row and column, both counted from 1. ``label`` is the column: ``B (num)``."""

    row: int
    column: int
    label: str
    reason: str


class SheetTable:
    """The rows of a sheet below its headings. The table collects all invalid cells for one error message."""

    def __init__(self, sheet: Sheet, *, for_variables: bool = False) -> None:
        self.sheet = sheet
        self._wrong: dict[tuple[int, int], str] = {}
        self._headings: dict[int, str] = {}
        self._columns: dict[int, str] = {}
        self._for_variables = for_variables
        for column, cell in sheet.rows.get(1, {}).items():
            self._add_heading(column, cell)
        self._has_headings = for_variables or PLAN in self._headings.values()
        if not self._has_headings:
            self._wrong[1, 1] = "the first row must contain the headings, and one of them must be 'plan'"
        #: The quotes for text. Spreadsheet programs and the CSV format give the other kind of quotes a special meaning.
        self._quote = "'" if sheet.name.lower().endswith(".csv") else '"'

    def numbers(self) -> Iterator[int]:
        """The row numbers, without rows that are empty or begin with ``#``."""
        for number, cells in self.sheet.rows.items():
            if self._has_headings and number > 1 and not str(cells[1].value if 1 in cells else "").startswith(COMMENT):
                yield number

    def wrong(self) -> list[WrongCell]:
        """The wrong cells that were found so far, in order."""
        return [WrongCell(row, at, self._column(at), why) for (row, at), why in sorted(self._wrong.items())]

    def check(self, file_name: str) -> None:
        """Raise a `SpreadsheetError` if any cell is wrong."""
        lines = [f"{self._place(row)}, column {label}: {why}" for row, _, label, why in self.wrong()]
        if not lines:
            return
        more = [f"and {len(lines) - MOST_SHOWN} more"] if len(lines) > MOST_SHOWN else []
        count = "1 cell is" if len(lines) == 1 else f"{len(lines)} cells are"
        raise SpreadsheetError("\n".join([f"{file_name}: {count} wrong", *lines[:MOST_SHOWN], *more]))

    def row(self, number: int) -> SheetRow:
        """The values of a row."""
        values = {self._headings[column]: value for column, value in self._values(number).items()}
        return SheetRow(values, self._place(number))

    def plan(self, number: int) -> SheetPlan | None:
        """The plan of a row; None if cells are wrong."""
        before = len(self._wrong)
        values = {column: value for column, value in self._values(number).items() if self._headings[column] != PLAN}
        name = self._plan_name(number)
        if name == INSTRUCTION:
            for column in values:
                self._wrong[number, column] = f"{INSTRUCTION} has no parameters"
            item: Item = {"item_type": "instruction", "name": INSTRUCTION}
        else:
            item = {"item_type": "plan", "name": name, **self._arguments(number, values)}
        if len(self._wrong) > before:
            return None
        columns = {} if name == INSTRUCTION else self._argument_columns(values)
        return SheetPlan(item, self._place(number), columns, number)

    # ------------------------------------------------------------------------------------------------------ headings
    def _add_heading(self, column: int, cell: Cell) -> None:
        text = str(cell.value)
        if problem := cell.problem or self._heading_problem(text):
            self._wrong[1, column] = problem
        self._headings[column] = text

    def _heading_problem(self, text: str) -> str:
        if text in self._headings.values():
            return f"the heading {text!r} appears twice"
        if self._for_variables:
            if text == PLAN:
                return "a table for --for cannot contain plans; write the plan on the line"
            return "" if text.isidentifier() else f"{text!r} cannot be a variable name"
        if text.startswith(_METADATA) and text != _METADATA:
            return ""
        return "" if text.removeprefix("*").isidentifier() else f"{text!r} is not the name of a parameter"

    # --------------------------------------------------------------------------------------------------------- cells
    def _values(self, number: int) -> dict[int, Any]:
        """The values of a row by column, without the plan name."""
        values: dict[int, Any] = {}
        for column, cell in self.sheet.rows[number].items():
            if problem := cell.problem or ("" if column in self._headings else "the column has no heading"):
                self._wrong[number, column] = problem
            elif self._for_variables or self._headings[column] != PLAN:
                try:
                    values[column] = _parsed(cell.value, self._quote)
                except ValueError as error:
                    self._wrong[number, column] = str(error)
        return values

    def _plan_name(self, number: int) -> str:
        column = next((at for at, heading in self._headings.items() if heading == PLAN), 1)
        cell = self.sheet.rows[number].get(column)
        name = "" if cell is None else str(cell.value)
        if cell is None:
            self._wrong[number, column] = "the plan name is missing"
        elif not cell.problem and not _NAME.fullmatch(name):
            self._wrong[number, column] = f"{name!r} is not the name of a plan"
        return name

    def _arguments(self, number: int, values: Mapping[int, Any]) -> Item:
        """``args``, ``kwargs`` and ``meta`` of a row, unless they are empty."""
        item: dict[str, Any] = {"args": [], "kwargs": {}, "meta": {}}
        star = next((at for at in values if self._headings[at].startswith("*")), 0)
        for column, heading in sorted(self._headings.items()):
            if heading == PLAN:
                continue
            if column < star and not heading.startswith(_METADATA):
                if column not in values:
                    self._wrong.setdefault(
                        (number, column), f"it must not be empty, because the column {self._headings[star]} has a value"
                    )
                item["args"].append(values.get(column))
            elif column not in values:
                continue
            elif column == star:
                if not isinstance(values[column], list):
                    self._wrong[number, column] = "it must be a list, such as [motor, -1, 1]"
                    continue
                item["args"] += values[column]
            elif heading.startswith(_METADATA):
                item["meta"][heading.removeprefix(_METADATA)] = values[column]
            else:
                item["kwargs"][heading] = values[column]
        return {key: value for key, value in item.items() if value}

    def _argument_columns(self, values: Mapping[int, Any]) -> dict[int | str, str]:
        """The columns of the arguments that `_arguments` creates from these values."""
        star = next((at for at in values if self._headings[at].startswith("*")), 0)
        found: dict[int | str, str] = {}
        position = 0
        for column in sorted(values):
            heading = self._headings[column]
            if heading.startswith(_METADATA):
                continue
            if column > star:
                found[heading] = self._column(column)
                continue
            count = len(values[column]) if column == star else 1
            found.update(dict.fromkeys(range(position, position + count), self._column(column)))
            position += count
        return found

    def _place(self, number: int) -> str:
        return f"{self.sheet.name}, row {number}"

    def _column(self, column: int) -> str:
        if column not in self._columns:
            heading = self._headings.get(column)
            self._columns[column] = column_letters(column) + (f" ({heading})" if heading else "")
        return self._columns[column]


def _parsed(value: Any, quote: str) -> Any:
    """The value of a cell. Text must be written as in a plan.

    Raises
    ------
    ValueError
        The text is not written that way. The message is the reason.
    """
    if not isinstance(value, str):
        return value
    try:
        found = value_at(value, 0, len(value), objection=_no_objection, computes=False)
    except ExpressionError as error:
        if _SEVERAL_WORDS.fullmatch(value):
            raise ValueError(f"{value!r}: text with spaces needs quotes: {quote}{value}{quote}") from None
        hint = "" if _HAS_SYNTAX.search(value) else f" (if it is text, put it in quotes: {quote}{value}{quote})"
        raise ValueError(f"{value!r}: {error.message}{hint}") from None
    if isinstance(found, list) and value[0] not in "[(":
        raise ValueError(f"{value!r}: a list needs brackets: [{value}]")
    return found


def _no_objection(_name: str) -> None:
    """Leave the check of device and plan names to the service."""
