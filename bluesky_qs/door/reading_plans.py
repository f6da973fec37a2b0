"""Routes that read plans and queue nothing: a typed plan, and a spreadsheet."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec

from bluesky_qs.api.method import METHODS
from bluesky_qs.door.methods import MethodHandler
from bluesky_qs.door.own_params import params
from bluesky_qs.door.route import Answer, Call, Route, answer
from bluesky_qs.door.shapes import ParsedPlan, ParsedSheet, SheetFault
from bluesky_qs.door.uploads import uploaded
from bluesky_qs.nearest import did_you_mean
from bluesky_qs.wire.codec import decode, json_text
from bluesky_qs.words.planexpr import names_at, place_of, plan_at
from bluesky_qs.words.scanner import ExpressionError
from bluesky_qs.words.sheet_preview import SheetPreview
from bluesky_qs.words.sheet_table import MOST_SHOWN, SheetPlan
from bluesky_qs.words.spreadsheet import SpreadsheetError

_LEAD = "Plan validation failed: "
_item_check = MethodHandler(METHODS["item_check"])


def routes() -> list[Route]:
    """The routes, with their scopes."""
    text, sheet = parse_plan.__doc__ or "", parse_spreadsheet.__doc__ or ""
    return [
        Route("POST", "/plan/parse", "read:resources", parse_plan, text=text, takes=_Typed, gives=ParsedPlan),
        Route("POST", "/plan/parse/spreadsheet", "read:queue", parse_spreadsheet, text=sheet, gives=ParsedSheet),
    ]


class _Typed(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    paths: list[list[Annotated[int, msgspec.Meta(ge=0)] | str]] = []


async def parse_plan(call: Call) -> Answer:
    """Read a plan that is written as in ``RE(…)``. The answer has an ``item`` to queue, or ``errors`` with their
    places.

    Each error has ``msg``, ``column`` (from 0) and ``length``. ``names`` are the names without quotes among the
    arguments: those of devices and plans. They are not compared with the lists. ``paths`` are the paths of values, as
    in the errors of ``item_check``; ``places`` has the place of each of them.
    """
    sent = await params(call, _Typed)
    try:
        found = _whole_plan(sent.text)
    except ExpressionError as error:
        place = {"msg": _without_variables(error.message), "column": error.offset, "length": error.length}
        return answer({"success": False, "msg": place["msg"], "item": None, "errors": [place]})
    names = [
        {"name": each.name, "column": each.offset, "length": each.length}
        for each in names_at(sent.text, _start(sent.text))
    ]
    return answer(
        {
            "success": True,
            "msg": "",
            "item": found,
            "errors": [],
            "names": names,
            **({"places": [_place(sent.text, path) for path in sent.paths]} if sent.paths else {}),
        }
    )


def _start(text: str) -> int:
    """The offset of the plan: blanks may be before it."""
    return len(text) - len(text.lstrip())


def _whole_plan(text: str) -> dict[str, Any]:
    start = _start(text)
    found, end = plan_at(text, start, objection=lambda _name: None)
    if rest := text[end:].strip():
        raise ExpressionError("Unexpected text after the plan", text, text.index(rest, end), len(rest))
    try:
        json.dumps(found, allow_nan=False)
    except ValueError:
        raise ExpressionError("The plan contains infinity or NaN", text, start, end - start) from None
    return found


def _place(text: str, path: list[int | str]) -> dict[str, int]:
    try:
        column, length = place_of(text, _start(text), path)
    except ExpressionError:  # an instruction has no arguments
        column, length = 0, len(text)
    return {"column": column, "length": length}


def _without_variables(message: str) -> str:
    """An error without advice about variables, which exist only at the prompt."""
    if message.startswith("This session has no variable"):
        return "Only the prompt has variables: write the value"
    return message.partition(": assign the ")[0]


async def parse_spreadsheet(call: Call) -> Answer:
    """Read and check the plans in the rows of a CSV or XLSX file, a form with the file ``spreadsheet``. Nothing is
    queued.

    ``errors`` and ``warnings`` name cells: by row and column, both from 1, and by the ``label`` of the column, such as
    ``B (num)``. The column is 0 if the whole row is wrong. ``items`` are the plans of the rows in ``item_rows``. Rows
    with errors have no plan. Of many ``rows``, only the first are in the answer, and those with errors.
    """
    data, name = await uploaded(call)
    try:
        sheet = await call.door.sheets.preview(data, name)
    except SpreadsheetError as error:
        return answer(_sheet(error.message))
    faults: list[SheetFault] = [
        {"row": cell.row, "column": cell.column, "label": cell.label, "msg": cell.reason} for cell in sheet.wrong
    ]
    warnings: list[SheetFault] = []
    refused: set[int] = set()
    for plan, check in zip(sheet.plans, await _checks(call, sheet.plans), strict=False):
        if not check["success"]:
            refused.add(plan.number)
            faults += _faults(sheet, plan, check["errors"], check["msg"])
        warnings += _faults(sheet, plan, check.get("warnings", ()))
    faults.sort(key=lambda fault: (fault["row"], fault["column"]))
    right = [plan for plan in sheet.plans if plan.number not in refused]
    count = "1 cell is" if len(faults) == 1 else f"{len(faults)} cells are"
    return answer(
        _sheet(f"{count} wrong" if faults else "")
        | {
            "sheet": sheet.name,
            "columns": [column._asdict() for column in sheet.columns],
            "rows": [row._asdict() for row in sheet.rows],
            "row_count": sheet.row_count,
            "items": [plan.item for plan in right],
            "item_rows": [plan.number for plan in right],
            "errors": faults[:MOST_SHOWN],
            "error_count": len(faults),
            "warnings": warnings[:MOST_SHOWN],
        }
    )


def _sheet(message: str) -> dict[str, Any]:
    """An answer without plans."""
    lists: dict[str, Any] = {key: [] for key in ("columns", "rows", "items", "item_rows", "errors", "warnings")}
    return {"success": not message, "msg": message, "sheet": "", "row_count": 0, "error_count": 0, **lists}


async def _checks(call: Call, plans: list[SheetPlan]) -> list[dict[str, Any]]:
    """Check the plans as if they were being added."""
    if not plans:
        return []
    reply = decode((await _item_check.send(call, {"items": json_text([plan.item for plan in plans])})).body)
    return reply.get("results", [])


def _faults(
    sheet: SheetPreview, plan: SheetPlan, findings: Iterable[Mapping[str, Any]], message: str = ""
) -> list[SheetFault]:
    """The findings about the plan in a row, each with its cell. If there are none, the message is treated as one."""
    found: list[SheetFault] = []
    for finding in findings:
        label = plan.columns.get(finding["path"][0], "") if finding["path"] else _label_of_plan(sheet, plan, finding)
        value = f"{finding['value']!r} " if finding["parameter"] is not None else ""
        text = f"{value}{finding['reason']}{did_you_mean(finding['suggestions'])}"
        found.append({"row": plan.number, "column": sheet.column_of(label), "label": label, "msg": text})
    if message and not found:
        text, label = message.removeprefix(_LEAD), sheet.plan_label
        found.append({"row": plan.number, "column": sheet.column_of(label), "label": label, "msg": text})
    return found


def _label_of_plan(sheet: SheetPreview, plan: SheetPlan, finding: Mapping[str, Any]) -> str:
    """The label of the plan's column, if the finding is about its name; empty if it is about the whole row."""
    return sheet.plan_label if finding["value"] == plan.item["name"] else ""
