"""The handlers of the methods that walk plans without hardware."""

import json
from collections.abc import Collection, Sequence
from typing import Any
from uuid import uuid4

import msgspec

from bluesky_qs import api
from bluesky_qs.api.dry_run import DryRunTotal
from bluesky_qs.api.types import DryRunDone, QueueDryRunDone, SentItem, Writer
from bluesky_qs.errors import BadParams, NotFound, QSError
from bluesky_qs.ipc.reports import TaskEnded
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.estimates.walked import with_estimates
from bluesky_qs.manager.requests.dispatch import handles
from bluesky_qs.manager.requests.handlers.queue import checked_item
from bluesky_qs.manager.requests.handlers.states import require_environment, require_run_engine
from bluesky_qs.wire.codec import Encoded, json_text

#: Maximum number of queued items to walk.
_MOST = 1000


@handles(api.queue.item_dry_run)
async def item_dry_run(
    ctx: Context,
    item: SentItem,
    *,
    user: str | None = None,
    user_group: str = "",
    timeout: float = 10.0,  # noqa: ASYNC109 - the worker applies it
) -> DryRunDone:
    checked = checked_item(ctx, item, Writer(user=user or "", user_group=user_group))
    if checked["item_type"] != "plan":
        raise BadParams(f"only plans can have a dry run; this item is of the type {checked['item_type']!r}")
    require_environment(ctx)
    require_run_engine(ctx)
    prepared = {"item_uid": "dry-run", **checked}
    walked = await ctx.dry_runs.walk([prepared], ctx.lists.permissions_json, timeout)
    report: Any = Encoded(with_estimates(ctx.times.learned, [checked], walked.reports)[0])
    shown: Any = checked
    return {"item": shown, "report": report}


@handles(api.queue.queue_dry_run)
async def queue_dry_run(
    ctx: Context,
    uids: list[str] | None = None,
    *,
    user: str | None = None,  # noqa: ARG001 - each item has its own user
    user_group: str = "",
    timeout: float = 60.0,  # noqa: ASYNC109 - the worker applies it
    run_in_background: bool = False,
) -> QueueDryRunDone:
    ctx.lists.check_group(user_group)
    require_environment(ctx)
    require_run_engine(ctx)
    items = _items(ctx, uids)
    wanted = {item["item_uid"] for item in items} if uids is None else set(uids)
    if not run_in_background:
        reports, total = await _walked(ctx, items, wanted, timeout)
        shown: Any = reports
        return {"reports": shown, "total": total, "task_uid": None}
    uid = str(uuid4())
    ctx.tasks.started(uid, ctx.clock.time(), background=True)
    ctx.spawn(_in_background(ctx, uid, items, wanted, timeout))
    return {"reports": [], "total": None, "task_uid": uid}


def _items(ctx: Context, uids: list[str] | None) -> list[SentItem]:
    """Return the items from the front of the queue up to the last one in ``uids``; without ``uids``, the first items.

    Raises
    ------
    NotFound
        One of the items is not in the queue, or is too far from its front.
    """
    if uids is None:
        return [json.loads(data) for data in ctx.queue.items_json()[:_MOST]]
    last = -1
    for uid in uids:
        position = ctx.queue.position_of(uid)
        if position is None:
            raise NotFound(f"the queue has no item with the uid {uid!r}")
        if position >= _MOST:
            raise NotFound(f"the item {uid!r} is at position {position}; only the first {_MOST} items can be walked")
        last = max(last, position)
    return [json.loads(data) for data in ctx.queue.items_json()[: last + 1]]


async def _walked(
    ctx: Context, items: Sequence[SentItem], wanted: Collection[str], seconds: float, task_uid: str = ""
) -> tuple[Encoded, DryRunTotal]:
    """Return the reports of the requested items, and their totals. ``task_uid`` is the task of a background dry run."""
    plans = [item for item in items if item["item_type"] == "plan"]
    reports: Sequence[bytes] = ()
    if plans:
        walked = await ctx.dry_runs.walk(plans, ctx.lists.permissions_json, seconds, task_uid=task_uid)
        reports = with_estimates(ctx.times.learned, plans, walked.reports)
    found = {item["item_uid"]: report for item, report in zip(plans, reports, strict=True)}
    shown = [item for item in items if item["item_uid"] in wanted]
    entries = [
        json_text({"item_uid": item["item_uid"], "name": item["name"]})[:-1]
        + b', "report": '
        + found.get(item["item_uid"], b"null")
        + b"}"
        for item in shown
    ]
    return Encoded.array(entries), _total([found[item["item_uid"]] for item in shown if item["item_uid"] in found])


class _Estimate(msgspec.Struct):
    seconds: float | None
    low: float | None
    high: float | None


class _Counts(msgspec.Struct):
    points: int
    runs: int
    estimate: _Estimate


def _total(reports: Sequence[bytes]) -> DryRunTotal:
    counts = [_counts(report) for report in reports]
    return {
        "seconds": _sum([each.estimate.seconds for each in counts]),
        "low": _sum([each.estimate.low for each in counts]),
        "high": _sum([each.estimate.high for each in counts]),
        "points": sum(each.points for each in counts),
        "runs": sum(each.runs for each in counts),
    }


def _counts(report: bytes) -> _Counts:
    return msgspec.convert(json.loads(report), _Counts)  # not msgspec's decoder, which refuses NaN


def _sum(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


async def _in_background(
    ctx: Context, uid: str, items: Sequence[SentItem], wanted: Collection[str], seconds: float
) -> None:
    """Walk the items, and record the result of the task."""
    began, value, message = ctx.clock.time(), b"null", ""
    try:
        reports, total = await _walked(ctx, items, wanted, seconds, uid)
        value = b'{"reports": ' + reports.json + b', "total": ' + json_text(total) + b"}"
    except QSError as error:
        message = f"No dry run: {error.message}"
    state = ctx.environment.state
    ctx.tasks.ended(TaskEnded(uid, not message, message, "", value, began, ctx.clock.time(), state))
