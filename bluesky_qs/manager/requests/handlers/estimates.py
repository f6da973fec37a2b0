"""The handler of the method for estimates."""

from collections.abc import Mapping
from typing import Any

from bluesky_qs import api
from bluesky_qs.api.estimates import ItemEstimate, QueueEstimate
from bluesky_qs.api.types import Estimates
from bluesky_qs.errors import NotFound
from bluesky_qs.foresight.queue_times import Start, Timeline
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.requests.dispatch import handles


@handles(api.queue.estimates_get)
def estimates_get(ctx: Context, uids: list[str] | None = None) -> Estimates:
    running = ctx.queue.running_uid
    queued = ctx.queue.uids()
    known = {*queued, *filter(None, [running])}
    if uids is not None and (missing := next((uid for uid in uids if uid not in known), None)) is not None:
        raise NotFound(f"the queue has no item with the uid {missing!r}")
    now, times = ctx.clock.time(), ctx.end_of_queue.times()
    wanted = list(dict.fromkeys(uids)) if uids is not None else [*filter(None, [running]), *queued]
    return {
        "estimates": {uid: _running(ctx) if uid == running else _item(ctx, uid, now, times.starts) for uid in wanted},
        "queue": _queue(ctx, now, times),
        "estimates_uid": ctx.end_of_queue.uid,
    }


def _item(ctx: Context, uid: str, now: float, starts: Mapping[str, Start]) -> ItemEstimate:
    start = starts.get(uid)
    known: Any = {
        **ctx.foresight.expected(uid).estimate.fields(),
        "start": None if start is None else now + start.seconds,
        "start_at_least": start is not None and start.at_least,
    }
    return known


def _running(ctx: Context) -> ItemEstimate:
    """Return the total time of the running item, corrected by its progress."""
    estimate = ctx.end_of_queue.running_whole()
    assert estimate is not None, "an item is running"
    known: Any = {**estimate.fields(), "start": ctx.queue.running_since, "start_at_least": False}
    return known


def _queue(ctx: Context, now: float, times: Timeline) -> QueueEstimate:
    has_items = bool(times.starts) or ctx.queue.running_uid is not None
    end = None if times.seconds is None or ctx.queue.mode.loop or not has_items else now + times.seconds
    return {
        "seconds": times.seconds,
        "low": times.low,
        "high": times.high,
        "at_least": times.at_least,
        "start": now if has_items else None,
        "end": end,
    }
