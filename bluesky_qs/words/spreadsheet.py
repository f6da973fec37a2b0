"""Plans from spreadsheets: one plan per row, and one parameter per column. Cells are parsed, never evaluated."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from bluesky_qs.nearest import did_you_mean, nearest
from bluesky_qs.words.planexpr import INSTRUCTION, Item, value_at
from bluesky_qs.words.scanner import ExpressionError
from bluesky_qs.words.sheet_cells import (
    Cell,
    Sheet,
    SpreadsheetError,
    column_letters,
    is_spreadsheet,
    read_sheet,
    write_csv,
    write_xlsx,
)

PLAN = "plan"
_METADATA = "md."
_COMMENT = "#"
_MOST_SHOWN = 1000
_LEAD = "Plan validation failed: "
_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_HAS_SYNTAX = re.compile(r"[\[\](){}'\"$]")


class SheetRow(NamedTuple):
    """The values in a row by heading, and the place of the row: ``Sheet1, row 3``. Empty cells have no value."""

    values: dict[str, Any]
    place: str


class SheetPlan(NamedTuple):
    """A plan, its row, and the columns of its arguments: by position in ``args``, or by name in ``kwargs``."""

    item: Item
    place: str
    columns: Mapping[int | str, str] = {}


class SheetItems(list[Item]):
    """The items of a spreadsheet, with the places of their rows and arguments."""

    def __init__(self, plans: Sequence[SheetPlan]) -> None:
        super().__init__(plan.item for plan in plans)
        self.places = [plan.place for plan in plans]
        self.columns = [plan.columns for plan in plans]


def read_items(data: bytes, file_name: str) -> SheetItems:
    """The plans in the rows of a spreadsheet, as items for the queue.

    Raises
    ------
    SpreadsheetError
        The file is not a spreadsheet, or cells are wrong: the message names each of them.
    """
    table = _Table(read_sheet(data, file_name))
    plans = [plan for number in table.numbers() if (plan := table.plan(number)) is not None]
    table.check(file_name)
    if not plans:
        raise SpreadsheetError(f"{table.sheet.name} contains no plans")
    return SheetItems(plans)


def read_rows(data: bytes, file_name: str) -> list[SheetRow]:
    """The values in the rows of a spreadsheet whose headings are names of variables.

    Raises
    ------
    SpreadsheetError
        As `read_items`.
    """
    table = _Table(read_sheet(data, file_name), for_variables=True)
    rows = [table.row(number) for number in table.numbers()]
    table.check(file_name)
    if not rows:
        raise SpreadsheetError(f"{table.sheet.name} has no rows below the headings")
    return rows


class Places(Protocol):
    """The places of rows and arguments, as in `SheetItems`."""

    @property
    def places(self) -> Sequence[str]:
        """Sheet and row of each item."""
        ...

    @property
    def columns(self) -> Sequence[Mapping[int | str, str]]:
        """Columns of the arguments of each item."""
        ...


def naming_rows(reply: Mapping[str, Any], items: Places) -> dict[str, Any]:
    """The reply about items, with a message that names the rows and columns of errors and warnings."""
    refused = reply.get("success") is False
    named: list[str] = []
    for place, columns, result in zip(items.places, items.columns, reply.get("results") or (), strict=False):
        text = str(result.get("msg") or "").removeprefix(_LEAD) if refused else "; ".join(result.get("warnings") or ())
        if text:
            named.append(", ".join([place, *_columns_of(result, columns)]) + f": {text}")
    if not named:
        return dict(reply)
    count = "1 item" if len(items.places) == 1 else f"{len(items.places)} items"
    lead = "Failed to add all items" if refused else f"Added {count}, with warnings"
    more = [f"and {len(named) - _MOST_SHOWN} more rows"] if len(named) > _MOST_SHOWN else []
    return {**reply, "msg": f"{lead}: " + "; ".join([*named[:_MOST_SHOWN], *more])}


def _columns_of(result: Mapping[str, Any], columns: Mapping[int | str, str]) -> list[str]:
    """The columns of the wrong arguments in the reply, in order."""
    paths = [error["path"] for error in result.get("errors") or () if error.get("path")]
    return [f"column {column}" for column in dict.fromkeys(columns[path[0]] for path in paths if path[0] in columns)]


def write_template(path: Path, name: str, plans: Mapping[str, Any]) -> None:
    """Write an empty spreadsheet for the plan with this name; ``plans`` are the descriptions of the allowed ones.

    Raises
    ------
    SpreadsheetError
        There is no such plan, the file exists, or it cannot be written.
    """
    if name not in plans:
        raise SpreadsheetError(f"There is no allowed plan {name!r}{did_you_mean(nearest(name, plans))}")
    if not is_spreadsheet(path.name):
        raise SpreadsheetError(f"The name of the file must end in .csv or .xlsx: {path}")
    write = write_csv if path.suffix.lower() == ".csv" else write_xlsx
    data = write(template(plans[name]))
    try:
        with path.expanduser().open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise SpreadsheetError(f"{path} exists. Remove it, or choose another name") from None
    except OSError as error:
        raise SpreadsheetError(f"{path} cannot be written: {error.strerror}") from None


def template(plan: Mapping[str, Any]) -> list[list[str]]:
    """The rows of an empty spreadsheet for a plan: headings, a row with their descriptions, and a row to fill in."""
    headings, texts = [PLAN], [f"{_COMMENT} {_first_line(plan.get('description')) or plan['name']}"]
    for parameter in plan.get("parameters") or ():
        kind = (parameter.get("kind") or {}).get("name", "")
        if kind == "VAR_KEYWORD":
            continue
        headings.append(f"*{parameter['name']}" if kind == "VAR_POSITIONAL" else parameter["name"])
        texts.append(_explained(parameter, kind))
    return [headings, texts, [str(plan["name"]), *[""] * (len(headings) - 1)]]


def _explained(parameter: Mapping[str, Any], kind: str) -> str:
    text = " ".join(str(parameter.get("description") or "").split())
    expected = str((parameter.get("annotation") or {}).get("type") or "")
    expected = re.sub(r"__([A-Z]+)__", lambda kind: kind[1].lower(), re.sub(r"\b(?:\w+\.)+", "", expected))
    notes = [expected] if expected else []
    if kind == "VAR_POSITIONAL":
        notes.append("a list of the positional values that follow")
    elif "default" in parameter:
        notes.append(f"default: {parameter['default']}")
    else:
        notes.append("required")
    # A spreadsheet program would read text that begins like this as a formula.
    return re.sub(r"^(?=[=+@-])", " ", f"{text} ({'; '.join(notes)})".strip())


def _first_line(text: Any) -> str:
    return next((line.strip() for line in str(text or "").splitlines() if line.strip()), "")


class _Table:
    """The rows of a sheet below its headings. It collects all wrong cells for one error message."""

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
            self._wrong[1, 1] = "the first row must have the headings, one of which is 'plan'"
        #: A spreadsheet program takes the other kind for a mark of its own, or of the CSV format.
        self._quote = "'" if sheet.name.lower().endswith(".csv") else '"'

    def numbers(self) -> Iterator[int]:
        """The numbers of the rows, without those that are empty or begin with ``#``."""
        for number, cells in self.sheet.rows.items():
            if self._has_headings and number > 1 and not str(cells[1].value if 1 in cells else "").startswith(_COMMENT):
                yield number

    def check(self, file_name: str) -> None:
        """Raise a `SpreadsheetError` if any cell is wrong."""
        if not self._wrong:
            return
        lines = [
            f"{self._place(row)}, column {self._column(at)}: {why}" for (row, at), why in sorted(self._wrong.items())
        ]
        more = [f"and {len(lines) - _MOST_SHOWN} more"] if len(lines) > _MOST_SHOWN else []
        count = "1 cell is" if len(lines) == 1 else f"{len(lines)} cells are"
        raise SpreadsheetError("\n".join([f"{file_name}: {count} wrong", *lines[:_MOST_SHOWN], *more]))

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
        return SheetPlan(item, self._place(number), {} if name == INSTRUCTION else self._argument_columns(values))

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
                return "a table for --for has no plans; they are on the line"
            return "" if text.isidentifier() else f"{text!r} cannot be the name of a variable"
        if text.startswith(_METADATA) and text != _METADATA:
            return ""
        return "" if text.removeprefix("*").isidentifier() else f"{text!r} is not the name of a parameter"

    # --------------------------------------------------------------------------------------------------------- cells
    def _values(self, number: int) -> dict[int, Any]:
        """The values of a row by column, without the name of the plan."""
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
            self._wrong[number, column] = "the name of the plan is missing"
        elif not cell.problem and not _NAME.fullmatch(name):
            self._wrong[number, column] = f"{name!r} is not the name of a plan"
        return name

    def _arguments(self, number: int, values: Mapping[int, Any]) -> Item:
        """``args``, ``kwargs`` and ``meta`` of a row, without those that are empty."""
        item: dict[str, Any] = {"args": [], "kwargs": {}, "meta": {}}
        star = next((at for at in values if self._headings[at].startswith("*")), 0)
        for column, heading in sorted(self._headings.items()):
            if heading == PLAN:
                continue
            if column < star and not heading.startswith(_METADATA):
                if column not in values:
                    self._wrong.setdefault(
                        (number, column), f"it must not be empty, because {self._headings[star]} follows"
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
        """The columns of the arguments that `_arguments` makes of these values."""
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
    """The value of a cell. Text is written as in a plan.

    Raises
    ------
    ValueError
        It is not written so. The message is the reason.
    """
    if not isinstance(value, str):
        return value
    try:
        found = value_at(value, 0, len(value), objection=_no_objection, computes=False)
    except ExpressionError as error:
        hint = "" if _HAS_SYNTAX.search(value) else f" (if it is text, put it in quotes: {quote}{value}{quote})"
        raise ValueError(f"{value!r}: {error.message}{hint}") from None
    if isinstance(found, list) and value[0] not in "[(":
        raise ValueError(f"{value!r}: a list needs brackets: [{value}]")
    return found


def _no_objection(_name: str) -> None:
    """Leave the names of devices and plans to the service."""
