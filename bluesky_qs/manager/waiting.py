"""What the running plan waits for, in words."""

import datetime as dt

from bluesky_qs.api.values import WaitingFor
from bluesky_qs.ipc.states import Waiting
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.state import ManagerState


def waiting_for(ctx: Context) -> WaitingFor | None:
    """What the plan waits for; None if it does not wait, or if no plan of the queue is running."""
    waiting = ctx.environment.state.waiting
    if waiting is None or not ctx.queue.running_uid:
        return None
    # The worker reports the end of a pause later than the reply to the request that ends it.
    if waiting.kind == "pause" and ctx.lifecycle.state is not ManagerState.PAUSED:
        return None
    return {
        "kind": waiting.kind,
        "text": _text(waiting, ctx.clock.time()),
        "devices": waiting.devices,
        "start": None,
        "target": None,
        "since": waiting.since,
    }


def _text(waiting: Waiting, now: float) -> str:
    since = _moment(waiting.since, now)
    match waiting.kind:
        case "suspender":
            return f"suspended since {since}: {waiting.reason}"
        case "pause":
            who = "the plan" if waiting.by_plan else waiting.user
            return f"paused at {since}" + (f" by {who}" if who else "")


def _moment(seconds: float, now: float) -> str:
    """The local time in hours and minutes, with the date unless it is today's."""
    moment, today = dt.datetime.fromtimestamp(seconds).astimezone(), dt.datetime.fromtimestamp(now).astimezone()
    return f"{moment:%H:%M}" if moment.date() == today.date() else f"{moment:%Y-%m-%d %H:%M}"
