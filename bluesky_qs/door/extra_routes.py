"""Routes that are not methods of the service: an item by uid, the instruments, and one for tests."""

import asyncio
from typing import Annotated, Any

import msgspec

from bluesky_qs.api.method import Scope
from bluesky_qs.api.types import OneItem, Reply
from bluesky_qs.door.own_params import params
from bluesky_qs.door.route import Answer, Call, Handler, Route, answer
from bluesky_qs.door.shapes import Instruments

_LONGEST_SLEEP = 3600.0


def routes() -> list[Route]:
    """The routes, with their scopes."""
    return [
        _route("GET", "/queue/item/{uid}", "read:queue", item, gives=OneItem),
        _route("GET", "/instruments", "read:status", instruments, gives=Instruments),
        _route("GET", "/test/server/sleep", "read:testing", sleep, takes=_Time, gives=Reply),
    ]


def _route(verb: str, path: str, scope: Scope, handle: Handler, *, gives: Any, takes: Any = None) -> Route:
    return Route(verb, path, scope, handle, text=handle.__doc__ or "", takes=takes, gives=gives)


async def item(call: Call) -> Answer:
    """One item of the queue, by its uid."""
    uid = msgspec.json.encode({"uid": call.path_params["uid"]})
    return Answer(await call.service.ask("queue_item_get", uid))


async def instruments(call: Call) -> Answer:
    """The services behind this server and their states. A service that is down does not delay the response."""
    return answer(
        {"success": True, "msg": "", "instruments": [service.glance() for service in call.door.services.values()]}
    )


class _Time(msgspec.Struct, forbid_unknown_fields=True):
    time: Annotated[float, msgspec.Meta(ge=0, le=_LONGEST_SLEEP)]


async def sleep(call: Call) -> Answer:
    """For tests: answer after ``time`` seconds."""
    seconds = (await params(call, _Time)).time
    await asyncio.sleep(seconds)
    return answer({"success": True, "msg": ""})
