"""Handlers of methods for the service itself: configuration, stop, events, console."""

import asyncio
import json
from typing import Any

import msgspec

from bluesky_qs import api
from bluesky_qs.api.types import Config, ConsoleMessages, Events, Reply, StopOption
from bluesky_qs.errors import NotFound, Refused, WrongState
from bluesky_qs.ipc.supervision import ReadConsole
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.requests.dispatch import handles
from bluesky_qs.manager.requests.line_filter import LineFilter
from bluesky_qs.manager.worker.state import ManagerState
from bluesky_qs.wire.codec import Encoded
from bluesky_qs.wire.info import ConsoleMessage, console_payload

#: A number larger than that of any message. Numbers from clients may be too large to send to the supervisor.
_MAX_NUMBER = 2**53

_message = msgspec.json.Decoder(ConsoleMessage)


@handles(api.service.config_get)
def config_get(ctx: Context) -> Config:
    return {
        "config": {"ip_connect_info": json.loads(ctx.environment.connection)},
        "zmq_info_addr": ctx.settings.network.zmq_info_addr,
    }


@handles(api.service.manager_stop)
def manager_stop(ctx: Context, option: StopOption = "safe_on") -> Reply:
    state = ctx.lifecycle.state
    if option == "safe_on" and state is not ManagerState.IDLE:
        msg = (
            f"RE Manager must be in idle state to be stopped with the option 'safe_on', current state: {state.value!r}"
        )
        raise WrongState(msg)
    ctx.stop(f"'manager_stop' was called with the option {option!r}")
    return {}


@handles(api.service.manager_kill)
def manager_kill(ctx: Context) -> Reply:
    ctx.freeze()  # the supervisor notices it and replaces this manager
    return {}


@handles(api.service.events_get)
def events_get(ctx: Context, since: int | None = None, *, limit: int = 1000) -> Events:
    events: Any = Encoded.array(ctx.events.since(since, limit))
    return {"events": events, "last": ctx.events.last, "first": ctx.events.first}


@handles(api.service.console_get)
async def console_get(
    ctx: Context,
    since: int | None = None,
    *,
    limit: int = 1000,
    item_uid: str | None = None,
    grep: str | None = None,
    level: str | None = None,
) -> ConsoleMessages:
    accepted = LineFilter(grep, level)
    since = None if since is None else max(-1, min(since, _MAX_NUMBER))
    limit = max(0, min(limit, _MAX_NUMBER))
    if item_uid is not None:
        messages = await _log_of(ctx, item_uid)
        last = messages[-1].seq if messages else 0
    elif accepted.accepts_all:
        page = await ctx.supervisor.request(ReadConsole(since, limit))
        return {"messages": _array(page.messages), "last": page.last}
    else:
        page = await ctx.supervisor.request(ReadConsole(since, _MAX_NUMBER))
        last = page.last
        messages = await asyncio.to_thread(lambda: [_message.decode(each) for each in page.messages])
    return {"messages": _array(await asyncio.to_thread(_selected, messages, accepted, since, limit)), "last": last}


async def _log_of(ctx: Context, uid: str) -> list[ConsoleMessage]:
    """Return the log of an item or a task.

    Raises
    ------
    NotFound, Refused
        There is no log. The message says why.
    """
    if not ctx.settings.operation.item_logs_size:
        raise Refused(f"Parameter 'item_uid': the service keeps no logs (item_logs_size is 0): item_uid={uid!r}")
    messages = await ctx.logs.read(uid)
    if messages is not None:
        return messages
    if uid == ctx.queue.running_uid or ctx.tasks.status(uid) == "running":
        return []  # the item has not printed anything
    if ctx.queue.position_of(uid) is not None:
        raise Refused(f"Parameter 'item_uid': the item is in the queue and has not run: item_uid={uid!r}")
    if await ctx.history.find([uid]) or ctx.events.about([uid])[uid] or ctx.tasks.status(uid) == "completed":
        raise Refused(f"Parameter 'item_uid': this item has no log, or its log is no longer kept: item_uid={uid!r}")
    raise NotFound(f"Parameter 'item_uid': there is no item or task with this uid: item_uid={uid!r}")


def _selected(messages: list[ConsoleMessage], accepted: LineFilter, since: int | None, limit: int) -> list[bytes]:
    if not accepted.accepts_all:
        messages = accepted.applied(messages)
    if since is None:
        messages = messages[max(len(messages) - limit, 0) :]
    else:
        messages = [each for each in messages if each.seq > since][:limit]
    return [console_payload(each) for each in messages]


def _array(messages: list[bytes]) -> Any:
    return Encoded.array(messages)
