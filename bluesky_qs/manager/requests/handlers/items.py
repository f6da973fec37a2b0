"""Handlers of methods that find items and check whether the service would accept them."""

import asyncio
import json
from typing import Any

from bluesky_qs import api
from bluesky_qs.api.types import Checks, ItemStates, SentItem, Writer
from bluesky_qs.errors import BadParams, QSError
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.edits.events import EventRecord
from bluesky_qs.manager.requests.dispatch import handles
from bluesky_qs.manager.requests.handlers.queue import checked_item, must_yield, warnings_of
from bluesky_qs.manager.worker.state import ManagerState
from bluesky_qs.wire.codec import Encoded, json_text


@handles(api.queue.item_status)
async def item_status(ctx: Context, item_uid: str | list[str]) -> ItemStates:
    uids = [item_uid] if isinstance(item_uid, str) else list(dict.fromkeys(item_uid))
    # Search the long history only for items that were not found elsewhere, because waiting clients repeat this
    # request.
    history = ctx.queue.history
    while sought := [uid for uid in uids if uid != ctx.queue.running_uid and ctx.queue.position_of(uid) is None]:
        added = history.added
        ended = await ctx.history.find(sought)
        if history.added != added:  # other items may have just ended
            continue
        if all(number in history.durable for number, _ in ended.values()):
            break
        await ctx.ledger.settle()  # the event of an item's end is published when the end is durable
    else:
        ended = {}
    results = {uid: json.loads(data) for uid, (_, data) in ended.items()}
    events = ctx.events.about(uids)
    found = {uid: _status(ctx, uid, events[uid], results.get(uid)) for uid in uids}
    status: Any = Encoded(json_text(found[item_uid] if isinstance(item_uid, str) else found))
    return {"status": status}


@handles(api.queue.item_check)
async def item_check(
    ctx: Context,
    item: SentItem | None = None,
    *,
    items: list[SentItem] | None = None,
    user: str | None = None,
    user_group: str = "",
) -> Checks:
    ctx.lists.check_group(user_group)
    if (item is None) == (items is None):
        raise BadParams("Exactly one of the parameters 'item' and 'items' is required")
    checks: list[dict[str, Any]] = []
    for number, each in enumerate(items if items is not None else [item or {}], start=1):
        checks.append(_check(ctx, each, user or "", user_group))
        if must_yield(number, checks[-1]):
            await asyncio.sleep(0)
    results: Any = Encoded(json_text(checks))
    return {"results": results}


def _check(ctx: Context, item: SentItem, user: str, group: str) -> dict[str, Any]:
    """Return the reply that adding the item would get, with all errors and warnings for a plan's parameters."""
    try:
        checked = checked_item(ctx, item, Writer(user=user, user_group=group))
        ctx.queue.prepare(checked)
    except QSError as error:
        return {"success": False, "msg": error.message, "errors": error.reply.get("errors", []), "arguments": {}}
    arguments = ctx.lists.catalog.arguments(item, group) if item["item_type"] == "plan" else {}
    warnings = warnings_of(ctx, checked)
    return {
        "success": True,
        "msg": "",
        "errors": [],
        "arguments": arguments,
        **({"warnings": [warning.as_finding() for warning in warnings]} if warnings else {}),
    }


def _status(ctx: Context, uid: str, events: list[EventRecord], in_history: SentItem | None) -> dict[str, Any]:
    """Return the state and place of an item.

    Both are determined in one turn of the loop, so that the item is in exactly one place.
    """
    times: dict[str, float] = {}
    ended: EventRecord | None = None
    for event in events:
        match event["type"]:
            case "queue_changed" if uid in event.get("put", ()):
                times.setdefault("queued", event["time"])
            case "item_started":
                times["running"] = event["time"]
            case "item_ended":
                times[event["exit_status"]] = event["time"]
                ended = event
            case _:
                pass
    status: dict[str, Any] = {"times": times}
    position = ctx.queue.position_of(uid)
    if uid == ctx.queue.running_uid:
        paused = ctx.lifecycle.state is ManagerState.PAUSED
        return {"state": "paused" if paused else "running", **status}
    if position is not None:
        finding = ctx.findings.of(uid)
        return {"state": "queued", "position": position, **({"dry_run": finding} if finding else {}), **status}
    if ended and ended.get("requeued_as"):
        status["requeued_as"] = ended["requeued_as"]
    if in_history is not None:
        return {"state": in_history["result"]["exit_status"], "result": in_history["result"], **status}
    if ended:  # the history was cleared later
        return {"state": ended["exit_status"], **status}
    # An item that has events but did not run was removed. The event for clearing the queue does not list the items.
    return {"state": "removed" if events else "not_found", **status}
