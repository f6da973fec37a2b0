"""The route that receives a spreadsheet and queues the plans in its rows."""

from collections.abc import AsyncGenerator

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from bluesky_qs.api.method import METHODS
from bluesky_qs.api.types import BatchAdded
from bluesky_qs.door.methods import MethodHandler
from bluesky_qs.door.refusals import BadRequest, BodyMissing
from bluesky_qs.door.route import Answer, Call, Route, answer
from bluesky_qs.wire.codec import decode, json_text
from bluesky_qs.words.spreadsheet import SpreadsheetError, naming_rows

_FIELD = "spreadsheet"
_MOST_FIELDS = 10
#: Text that is contained in every reply about items with warnings. It may also occur in a parameter.
_WARNINGS = b'"warnings"'
_add_batch = MethodHandler(METHODS["queue_item_add_batch"])


def routes() -> list[Route]:
    """The route, with its scope."""
    path = "/queue/upload/spreadsheet"
    return [
        Route("POST", path, "write:queue:edit", add_spreadsheet, text=add_spreadsheet.__doc__ or "", gives=BatchAdded)
    ]


async def add_spreadsheet(call: Call) -> Answer:
    """Queue the plans in the rows of a CSV or XLSX file, all or none. Send it as the file ``spreadsheet`` of a form.

    The form may have ``data_type``, for clients of the Bluesky HTTP server; it has no effect. If cells are wrong,
    ``msg`` names all of these cells with sheet, row and column. Plans with unknown names are queued, and ``msg`` names
    their rows, because they will probably fail.
    """
    data, name = await uploaded(call)
    try:
        sheet = await call.door.sheets.read(data, name)
    except SpreadsheetError as error:
        return answer({"success": False, "msg": error.message, "items": [], "results": []})
    added = await _add_batch.send(call, {"items": sheet.items})
    if added.body.startswith(b'{"success":false') or _WARNINGS in added.body:
        return added._replace(body=json_text(naming_rows(decode(added.body), sheet)))
    return added


async def uploaded(call: Call) -> tuple[bytes, str]:
    """The content and the name of the file in the form.

    Raises
    ------
    BadRequest, BodyMissing
        The body is not a form, or the form does not have this file.
    """
    if not (call.header(b"content-type") or "").lower().startswith("multipart/form-data"):
        raise BadRequest(f"Send a form (multipart/form-data) with the file {_FIELD!r}")
    body = await call.body()

    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    headers = Headers(raw=call.scope["headers"])
    try:
        form = await MultiPartParser(headers, whole(), max_files=1, max_fields=_MOST_FIELDS).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise BadRequest(f"The form cannot be read: {error}") from None
    try:
        file = form.get(_FIELD)
        if not isinstance(file, UploadFile):
            raise BodyMissing(f"The form has no file {_FIELD!r}")
        return await file.read(), file.filename or ""
    finally:
        await form.close()
