"""Answers a view's requests with the notebook's client."""

import base64
import logging
from collections.abc import Mapping
from typing import Any

from bluesky_qs.api.method import METHODS
from bluesky_qs.client.failures import ClientClosedError, RequestFailedError, RequestTimeoutError
from bluesky_qs.client.http_failures import NotAuthorizedError, NotSignedInError
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import QSError
from bluesky_qs.words.parsed_plan import parsed_plan
from bluesky_qs.words.parsed_sheet import parsed_sheet, without_plans
from bluesky_qs.words.sheet_preview import read_preview
from bluesky_qs.words.spreadsheet import SpreadsheetError

log = logging.getLogger(__name__)


def answer(client: REManagerAPI, method: str, params: Mapping[str, Any], request_id: str | None) -> dict[str, Any]:
    """The reply to a request; if there is none, a key ``refused``, ``forbidden`` or ``unanswered`` with a sentence."""
    try:
        return {"reply": _reply(client, method, params, request_id)}
    except RequestFailedError as error:
        reply = dict(error.response)
        return {"refused": str(reply.get("msg") or error), "code": str(reply.get("error") or ""), "reply": reply}
    except (NotAuthorizedError, NotSignedInError) as error:
        return {"forbidden": str(error)}
    except (RequestTimeoutError, ClientClosedError) as error:
        return {"unanswered": str(error)}
    except QSError as error:
        return {"refused": str(error)}
    except Exception as error:  # the request came from another process, so the browser must get an answer
        log.exception("The request %s of a view failed", method)
        return {"refused": f"The kernel could not send the request: {type(error).__name__}: {error}"}


def _reply(client: REManagerAPI, method: str, params: Mapping[str, Any], request_id: str | None) -> Mapping[str, Any]:
    match method:
        case "plan_parse":
            return parsed_plan(params["text"], params.get("paths", ()))
        case "sheet_parse":
            return _sheet(client, base64.b64decode(params["data"]), params["name"])
    found = METHODS.find(method)
    repeatable = {"request_id": request_id} if request_id and found.is_repeatable else {}
    return client.ask(found, {**params, **repeatable})


def _sheet(client: REManagerAPI, data: bytes, name: str) -> dict[str, Any]:
    try:
        sheet = read_preview(data, name)
    except SpreadsheetError as error:
        return without_plans(error.message)
    items = [plan.item for plan in sheet.plans]
    checks = client.ask(METHODS["item_check"], {"items": items})["results"] if items else []
    return parsed_sheet(sheet, checks)
