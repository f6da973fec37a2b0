"""Plans from spreadsheets: one plan per row, and one parameter per column. Cells are parsed, never evaluated."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bluesky_qs.nearest import did_you_mean, nearest
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.sheet_cells import SpreadsheetError, is_spreadsheet, read_sheet, write_csv, write_xlsx
from bluesky_qs.words.sheet_table import COMMENT, MOST_SHOWN, PLAN, SheetPlan, SheetRow, SheetTable

_LEAD = "Plan validation failed: "


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
    table = SheetTable(read_sheet(data, file_name))
    plans = [plan for number in table.numbers() if (plan := table.plan(number)) is not None]
    table.check(file_name)
    if not plans:
        raise SpreadsheetError(f"{table.sheet.name} contains no plans")
    return SheetItems(plans)


def read_rows(data: bytes, file_name: str) -> list[SheetRow]:
    """The values in the rows of a spreadsheet whose headings are variable names.

    Raises
    ------
    SpreadsheetError
        As for `read_items`.
    """
    table = SheetTable(read_sheet(data, file_name), for_variables=True)
    rows = [table.row(number) for number in table.numbers()]
    table.check(file_name)
    if not rows:
        raise SpreadsheetError(f"{table.sheet.name} has no rows below the headings")
    return rows


class Places(Protocol):
    """The places of rows and arguments, as in `SheetItems`."""

    @property
    def places(self) -> Sequence[str]:
        """The sheet and the row of each item."""
        ...

    @property
    def columns(self) -> Sequence[Mapping[int | str, str]]:
        """The columns of each item's arguments."""
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
    more = [f"and {len(named) - MOST_SHOWN} more rows"] if len(named) > MOST_SHOWN else []
    return {**reply, "msg": f"{lead}: " + "; ".join([*named[:MOST_SHOWN], *more])}


def _columns_of(result: Mapping[str, Any], columns: Mapping[int | str, str]) -> list[str]:
    """The columns of the wrong arguments in the reply, in order."""
    paths = [error["path"] for error in result.get("errors") or () if error.get("path")]
    return [f"column {column}" for column in dict.fromkeys(columns[path[0]] for path in paths if path[0] in columns)]


def write_template(path: Path, name: str, plans: Mapping[str, Any]) -> None:
    """Write an empty spreadsheet for the plan with this name; ``plans`` are the descriptions of the allowed plans.

    Raises
    ------
    SpreadsheetError
        There is no such plan, the file already exists, or it cannot be written.
    """
    if name not in plans:
        raise SpreadsheetError(f"There is no allowed plan {name!r}{did_you_mean(nearest(name, plans))}")
    if not is_spreadsheet(path.name):
        raise SpreadsheetError(f"The file name must end in .csv or .xlsx: {path}")
    write = write_csv if path.suffix.lower() == ".csv" else write_xlsx
    data = write(template(plans[name]))
    try:
        with path.expanduser().open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise SpreadsheetError(f"{path} already exists. Remove it, or choose another name") from None
    except OSError as error:
        raise SpreadsheetError(f"{path} cannot be written: {error.strerror}") from None


def template(plan: Mapping[str, Any]) -> list[list[str]]:
    """The rows of an empty spreadsheet for a plan: the headings, their descriptions, and a row to fill in."""
    headings, texts = [PLAN], [f"{COMMENT} {_first_line(plan.get('description')) or plan['name']}"]
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
    # Spreadsheet programs would treat text that starts with these characters as a formula.
    return re.sub(r"^(?=[=+@-])", " ", f"{text} ({'; '.join(notes)})".strip())


def _first_line(text: Any) -> str:
    return next((line.strip() for line in str(text or "").splitlines() if line.strip()), "")
