"""Routes for clients that request console output instead of reading the stream."""

from typing import Any

import msgspec

from bluesky_qs.door.own_params import params
from bluesky_qs.door.route import Answer, Call, Handler, Route, answer
from bluesky_qs.door.shapes import ConsoleLines, ConsoleUid, ConsoleUpdate
from bluesky_qs.door.streams.console import Console


def routes() -> list[Route]:
    """The routes, with their scopes."""
    return [
        _route("/console_output", console_output, takes=_Lines, gives=ConsoleLines),
        _route("/console_output/uid", console_output_uid, gives=ConsoleUid),
        _route("/console_output_update", console_update, takes=_Since, gives=ConsoleUpdate),
    ]


def _route(path: str, handle: Handler, *, gives: Any, takes: Any = None) -> Route:
    return Route("GET", path, "read:console", handle, text=handle.__doc__ or "", takes=takes, gives=gives)


class _Lines(msgspec.Struct, forbid_unknown_fields=True):
    nlines: int = 200


class _Since(msgspec.Struct, forbid_unknown_fields=True):
    last_msg_uid: str


async def console_output(call: Call) -> Answer:
    """The last ``nlines`` lines (200) of the console output, as a terminal would show them, in ``text``."""
    count = (await params(call, _Lines)).nlines
    return answer({"success": True, "msg": "", "text": (await _console(call)).text(count)})


async def console_output_uid(call: Call) -> Answer:
    """A uid that changes whenever there is new console output, as ``console_output_uid``."""
    return answer({"success": True, "msg": "", "console_output_uid": (await _console(call)).uid})


async def console_update(call: Call) -> Answer:
    """The console output after the message with the uid ``last_msg_uid``; "ALL" asks for the latest 2000 messages.

    The response has ``console_output_msgs`` and the uid of the last message, for the next request. For an unknown or
    old uid, there are no messages.
    """
    uid = (await params(call, _Since)).last_msg_uid
    return answer((await _console(call)).update(uid))


async def _console(call: Call) -> Console:
    await call.service.feed.refresh_console()
    return call.service.feed.console
