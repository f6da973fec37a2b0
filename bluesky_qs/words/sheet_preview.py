"""A preview of a spreadsheet of plans: all cells, the plans in valid rows, and the invalid cells."""

from typing import NamedTuple

from bluesky_qs.words.sheet_cells import SpreadsheetError, column_letters, read_sheet
from bluesky_qs.words.sheet_table import MOST_SHOWN, PLAN, SheetPlan, SheetTable, WrongCell


class Column(NamedTuple):
    """A column: its number from 1, its letters, and its heading."""

    number: int
    letters: str
    heading: str


class PreviewRow(NamedTuple):
    """A row: its number from 1, and the texts of its cells, in the order of the columns."""

    number: int
    cells: list[str]


class SheetPreview(NamedTuple):
    """A spreadsheet of plans.

    Attributes
    ----------
    name
        The name of the sheet.
    rows
        The rows with plans. If there are many, only the first ones and those with errors.
    row_count
        The number of all rows with plans.
    plans
        The plans in the valid rows.
    wrong
        The invalid cells, in order.
    """

    name: str
    columns: list[Column]
    rows: list[PreviewRow]
    row_count: int
    plans: list[SheetPlan]
    wrong: list[WrongCell]

    def column_of(self, label: str) -> int:
        """The number of the column with this label, such as ``B (num)``; 0 if there is none."""
        letters = label.partition(" ")[0]
        return next((column.number for column in self.columns if column.letters == letters), 0)

    @property
    def plan_label(self) -> str:
        """The label of the column with the plan names; empty if there is none."""
        return next((f"{column.letters} ({PLAN})" for column in self.columns if column.heading == PLAN), "")


def read_preview(data: bytes, file_name: str) -> SheetPreview:
    """Read a spreadsheet of plans, even if cells are invalid.

    Raises
    ------
    SpreadsheetError
        The file is not a spreadsheet, or contains no plans.
    """
    table = SheetTable(read_sheet(data, file_name))
    sheet = table.sheet
    numbers = list(table.numbers())
    plans = [plan for number in numbers if (plan := table.plan(number)) is not None]
    wrong = table.wrong()
    if not numbers and not wrong:
        raise SpreadsheetError(f"{sheet.name} contains no plans")
    used = sorted({column for cells in sheet.rows.values() for column in cells})
    headings = sheet.rows.get(1, {})
    columns = [Column(at, column_letters(at), str(headings[at].value) if at in headings else "") for at in used]
    shown = {*numbers[:MOST_SHOWN], *[cell.row for cell in wrong[:MOST_SHOWN]]}
    rows = [
        PreviewRow(number, [str(cells[at].value) if at in cells else "" for at in used])
        for number, cells in sheet.rows.items()
        if number > 1 and number in shown
    ]
    return SheetPreview(sheet.name, columns, rows, len(numbers), plans, wrong)
