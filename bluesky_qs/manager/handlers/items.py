"""Handlers that answer about items: where one is, and whether one would be accepted."""

from typing import Any

from bluesky_qs import api
from bluesky_qs.api.types import Checks, Item, ItemStates, Writer
from bluesky_qs.errors import BadParams, QSError
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.dispatch import handles
from bluesky_qs.manager.handlers.queue import checked_item
from bluesky_qs.manager.state import ManagerState
from bluesky_qs.wire.codec import Encoded, json_text


@handles(api.queue.item_status)
def item_status(ctx: Context, item_uid: str | list[str]) -> ItemStates:
    found: Any = _status(ctx, item_uid) if isinstance(item_uid, str) else {uid: _status(ctx, uid) for uid in item_uid}
    status: Any = Encoded(json_text(found))
    return {"status": status}


@handles(api.queue.item_check)
def item_check(
    ctx: Context,
    item: Item | None = None,
    *,
    items: list[Item] | None = None,
    user: str | None = None,
    user_group: str = "",
) -> Checks:
    ctx.lists.check_group(user_group)
    if (item is None) == (items is None):
        raise BadParams("Exactly one of the parameters 'item' and 'items' is required")
    checks = [_check(ctx, each, user or "", user_group) for each in (items if items is not None else [item or {}])]
    results: Any = Encoded(json_text(checks))
    return {"results": results}


def _check(ctx: Context, item: Item, user: str, group: str) -> dict[str, Any]:
    """What adding the item would say, and in detail what is wrong with a plan's parameters."""
    try:
        ctx.queue.prepare(checked_item(ctx, item, Writer(user=user, user_group=group)))
    except QSError as error:
        problems = ctx.lists.catalog.problems(item, group) if item.get("item_type") == "plan" else []
        errors = [
            {
                "parameter": problem.parameter,
                "value": problem.value,
                "reason": problem.reason,
                "suggestions": problem.suggestions,
            }
            for problem in problems
        ]
        return {"success": False, "msg": error.message, "errors": errors, "arguments": {}}
    arguments = ctx.lists.catalog.arguments(item, group) if item["item_type"] == "plan" else {}
    return {"success": True, "msg": "", "errors": [], "arguments": arguments}


def _status(ctx: Context, uid: str) -> dict[str, Any]:
    """Where the item is: looked up in one turn of the loop, so that it is in exactly one place."""
    times: dict[str, float] = {}
    requeued: str | None = None
    removed = False
    for event in ctx.events.about(uid):
        match event["type"]:
            case "queue_changed" if uid in event.get("put", ()):
                times.setdefault("queued", event["time"])
            case "queue_changed" if uid in event.get("dropped", ()):
                removed = True
            case "item_started" if event["item_uid"] == uid:
                times["running"] = event["time"]
            case "item_ended" if event["item_uid"] == uid:
                times[event["exit_status"]] = event["time"]
                requeued = event.get("requeued_as")
            case _:
                pass
    status: dict[str, Any] = {"times": times}
    position = ctx.queue.position_of(uid)
    if uid == ctx.queue.running_uid:
        paused = ctx.lifecycle.state is ManagerState.PAUSED
        return {"state": "paused" if paused else "running", **status}
    if position is not None:
        return {"state": "queued", "position": position, **status}
    if (item := ctx.queue.history_item(uid)) is not None:
        result = item["result"]
        again = {"requeued_as": requeued} if requeued else {}
        return {"state": result["exit_status"], "result": result, **again, **status}
    return {"state": "removed" if removed else "not_found", **status}
