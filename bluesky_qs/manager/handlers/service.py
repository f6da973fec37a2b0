"""Handlers of methods for the service itself: configuration, stop, events, console."""

import json
from typing import Any

from bluesky_qs import api
from bluesky_qs.api.types import Config, ConsoleMessages, Events, Reply, StopOption
from bluesky_qs.errors import WrongState
from bluesky_qs.ipc.supervision import ReadConsole
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.dispatch import handles
from bluesky_qs.manager.state import ManagerState
from bluesky_qs.wire.codec import Encoded

#: More than the number of any message. Clients may send larger numbers, which cannot be sent to the supervisor.
_MAX_NUMBER = 2**53


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
async def console_get(ctx: Context, since: int | None = None, *, limit: int = 1000) -> ConsoleMessages:
    since = None if since is None else max(-1, min(since, _MAX_NUMBER))
    page = await ctx.supervisor.request(ReadConsole(since, max(0, min(limit, _MAX_NUMBER))))
    messages: Any = Encoded.array(page.messages)
    return {"messages": messages, "last": page.last}
