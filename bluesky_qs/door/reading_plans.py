"""Routes that read plans without queueing them: a typed plan, or a spreadsheet."""

from typing import Annotated, Any

import msgspec

from bluesky_qs.api.limits import LONGEST_PLAN
from bluesky_qs.api.method import METHODS
from bluesky_qs.door.methods import MethodHandler
from bluesky_qs.door.own_params import params
from bluesky_qs.door.route import Answer, Call, Route, answer
from bluesky_qs.door.shapes import ParsedPlan, ParsedSheet
from bluesky_qs.door.uploads import uploaded
from bluesky_qs.wire.codec import decode, json_text
from bluesky_qs.words.parsed_plan import parsed_plan
from bluesky_qs.words.parsed_sheet import parsed_sheet, without_plans
from bluesky_qs.words.sheet_table import SheetPlan
from bluesky_qs.words.spreadsheet import SpreadsheetError

_item_check = MethodHandler(METHODS["item_check"])


def routes() -> list[Route]:
    """The routes, with their scopes."""
    text, sheet = parse_plan.__doc__ or "", parse_spreadsheet.__doc__ or ""
    return [
        Route("POST", "/plan/parse", "read:resources", parse_plan, text=text, takes=_Typed, gives=ParsedPlan),
        Route("POST", "/plan/parse/spreadsheet", "read:queue", parse_spreadsheet, text=sheet, gives=ParsedSheet),
    ]


class _Typed(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(max_length=LONGEST_PLAN)]
    paths: list[list[Annotated[int, msgspec.Meta(ge=0)] | str]] = []


async def parse_plan(call: Call) -> Answer:
    """Read a plan that is written as in ``RE(…)``. The response has an ``item`` to queue, or ``errors`` with their
    places.

    Each error has ``msg``, ``column`` (from 0) and ``length``. ``names`` are the unquoted names in the arguments: the
    names of devices and plans. They are not compared with the lists. ``paths`` are the paths of values, as in the
    errors of ``item_check``; ``places`` has the place of each of them.
    """
    sent = await params(call, _Typed)
    return answer(parsed_plan(sent.text, sent.paths))


async def parse_spreadsheet(call: Call) -> Answer:
    """Read and check the plans in the rows of a CSV or XLSX file, sent as the file ``spreadsheet`` of a form. Nothing
    is queued.

    ``errors`` and ``warnings`` name cells by row and column, both counted from 1, and by the ``label`` of the column,
    such as ``B (num)``. The column is 0 if the whole row is wrong. ``items`` are the plans of the rows in
    ``item_rows``. Rows with errors have no plan. If there are many ``rows``, the response has only the first ones and
    those with errors.
    """
    data, name = await uploaded(call)
    try:
        sheet = await call.door.sheets.preview(data, name)
    except SpreadsheetError as error:
        return answer(without_plans(error.message))
    return answer(parsed_sheet(sheet, await _checks(call, sheet.plans)))


async def _checks(call: Call, plans: list[SheetPlan]) -> list[dict[str, Any]]:
    """Check the plans as if they were being added."""
    if not plans:
        return []
    reply = decode((await _item_check.send(call, {"items": json_text([plan.item for plan in plans])})).body)
    return reply.get("results", [])
