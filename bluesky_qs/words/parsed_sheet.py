"""The data that the page shows about a spreadsheet of plans: its cells, the plans in its rows, and their errors."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bluesky_qs.nearest import did_you_mean
from bluesky_qs.words.sheet_preview import SheetPreview
from bluesky_qs.words.sheet_table import MOST_SHOWN, SheetPlan

_LEAD = "Plan validation failed: "


def parsed_sheet(sheet: SheetPreview, checks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the data to show; ``checks`` are the results of ``item_check`` for the sheet's plans."""
    faults: list[dict[str, Any]] = [
        {"row": cell.row, "column": cell.column, "label": cell.label, "msg": cell.reason} for cell in sheet.wrong
    ]
    warnings: list[dict[str, Any]] = []
    refused: set[int] = set()
    for plan, check in zip(sheet.plans, checks, strict=False):
        if not check["success"]:
            refused.add(plan.number)
            faults += _faults(sheet, plan, check["errors"], check["msg"])
        warnings += _faults(sheet, plan, check.get("warnings", ()))
    faults.sort(key=lambda fault: (fault["row"], fault["column"]))
    right = [plan for plan in sheet.plans if plan.number not in refused]
    count = "1 cell is" if len(faults) == 1 else f"{len(faults)} cells are"
    return without_plans(f"{count} wrong" if faults else "") | {
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


def without_plans(message: str) -> dict[str, Any]:
    """The data to show if the file is not a spreadsheet; ``message`` is the reason."""
    lists: dict[str, Any] = {key: [] for key in ("columns", "rows", "items", "item_rows", "errors", "warnings")}
    return {"success": not message, "msg": message, "sheet": "", "row_count": 0, "error_count": 0, **lists}


def _faults(
    sheet: SheetPreview, plan: SheetPlan, findings: Iterable[Mapping[str, Any]], message: str = ""
) -> list[dict[str, Any]]:
    """The findings about the plan in a row, each with its cell. If there are none, the message is treated as one."""
    found: list[dict[str, Any]] = []
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
