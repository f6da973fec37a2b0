"""Handlers of methods that read, change and run the queue."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeVar, Unpack, cast

from bluesky_qs import api
from bluesky_qs.api.method import shortened
from bluesky_qs.api.types import (
    Accepted,
    BatchAdded,
    ItemAdded,
    ItemAndSize,
    ItemResult,
    ItemsAndSize,
    OneItem,
    Position,
    Queue,
    QueueEnd,
    Reply,
    SentItem,
    Undone,
    Writer,
)
from bluesky_qs.errors import BadParams, InvalidPlan, ItemError, QSError
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.requests.console_lines import log_added, log_batch, log_batch_added, log_edit, log_item
from bluesky_qs.manager.requests.dispatch import handles
from bluesky_qs.manager.requests.handlers.states import (
    require_engine,
    require_environment,
    require_idle_kernel,
    require_run_engine,
    require_running,
)
from bluesky_qs.plan_queue.edit import Edit
from bluesky_qs.plan_queue.items import KNOWN_KEYS, Prepared, uuid4_text
from bluesky_qs.plans.item_keys import unknown_keys
from bluesky_qs.plans.signature import NameWarning
from bluesky_qs.wire.codec import Encoded

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Reply)

#: Number of items to check in one turn of the event loop.
_PER_TURN = 100
#: Maximum number of items in one request whose warnings are logged.
_MAX_LOGGED = 20


@handles(api.queue.queue_get)
def queue_get(ctx: Context) -> Queue:
    items: Any = Encoded.array(ctx.queue.items_json())
    running: Any = Encoded(ctx.queue.running_json(with_run=True) or b"{}")
    return {
        "items": items,
        "running_item": running,
        "plan_queue_uid": ctx.queue.queue_uid,
    }


def _refused_add(ctx: Context, params: Mapping[str, Any], _message: str) -> Mapping[str, Any]:
    """Return the item as a client sent it, with a uid and its owner."""
    item = params.get("item")
    if isinstance(item, dict):
        owner = {key: params[key] for key in ("user", "user_group") if key in params}
        item = {"item_uid": uuid4_text(), **cast("dict[str, Any]", item), **owner}
    return {"qsize": len(ctx.queue), "item": item}


def _refused_batch(ctx: Context, params: Mapping[str, Any], message: str) -> Mapping[str, Any]:
    items = params.get("items")
    items = cast("list[Any]", items) if isinstance(items, list) else []
    results = [{"success": False, "msg": message}] * len(items)
    return {"qsize": len(ctx.queue), "items": items, "results": results}


def _refused_update(ctx: Context, params: Mapping[str, Any], _message: str) -> Mapping[str, Any]:
    return {"qsize": len(ctx.queue), "item": params.get("item")}


@handles(api.queue.queue_item_add, failed=_refused_add, stores_reply=True)
async def queue_item_add(
    ctx: Context,
    item: SentItem,
    *,
    pos: Position | None = None,
    before_uid: str | None = None,
    after_uid: str | None = None,
    **who: Unpack[Writer],
) -> ItemAdded:
    checked = checked_item(ctx, item, who)
    accepted = _accepted(ctx, checked)
    async with ctx.order:
        edit = ctx.queue.add(checked, pos=pos, before_uid=before_uid, after_uid=after_uid)
        size, position = len(ctx.queue), _position(ctx, edit)
        reply: ItemAdded = {"qsize": size, "item": _one(edit), **accepted}
        stored = ctx.ledger.submit(edit.by(who.get("user")), reply=reply)
    await stored
    log_added(edit.items[0], size, position)
    _log(edit.items_json, [accepted])
    return reply


@handles(api.queue.queue_item_add_batch, failed=_refused_batch, stores_reply=True)
async def queue_item_add_batch(
    ctx: Context,
    items: list[Any],
    *,
    pos: Position | None = None,
    before_uid: str | None = None,
    after_uid: str | None = None,
    **who: Unpack[Writer],
) -> BatchAdded:
    ctx.lists.check_group(who.get("user_group", ""))
    async with ctx.order:
        prepared, results = await _prepared(ctx, items, who, ctx.queue.prepare)
        try:
            edit = ctx.queue.add_batch(prepared, pos=pos, before_uid=before_uid, after_uid=after_uid)
        except QSError as error:  # a wrong position counts as an error in each item, so that all replies have one form
            count = len(items)
            msg = f"validation of {count} out of {count} submitted items failed: {error.message}"
            raise type(error)(msg, results=[{"success": False, "msg": error.message}] * count) from None
        size, position = len(ctx.queue), _position(ctx, edit)
        reply: BatchAdded = {"qsize": size, "items": _all(edit), "results": results}
        stored = ctx.ledger.submit(edit.by(who.get("user")), reply=reply)
    await stored
    log_batch_added(len(items), size, position)
    _log(edit.items_json, results)
    return reply


@handles(api.queue.queue_item_update, failed=_refused_update, stores_reply=True)
async def queue_item_update(
    ctx: Context, item: SentItem, *, replace: bool = False, expected: SentItem | None = None, **who: Unpack[Writer]
) -> ItemAdded:
    checked = checked_item(ctx, item, who)
    if checked.get("item_uid") is None:
        raise ItemError("The item has no 'item_uid'. Set it to the uid of the item to replace.")
    accepted = _accepted(ctx, checked)

    def replied(edit: Edit, size: int) -> ItemAdded:
        return {"qsize": size, "item": _one(edit), **accepted}

    update = partial(ctx.queue.update, checked, replace=replace, expected=expected)
    edit, reply = await _commit(ctx, update, replied, who.get("user"))
    log_item("Item updated", edit.items[0], reply["qsize"] or 0)
    _log(edit.items_json, [accepted])
    return reply


@handles(api.queue.queue_item_update_batch, failed=_refused_batch, stores_reply=True)
async def queue_item_update_batch(
    ctx: Context, items: list[Any], *, expected: list[SentItem] | None = None, **who: Unpack[Writer]
) -> BatchAdded:
    ctx.lists.check_group(who.get("user_group", ""))
    async with ctx.order:
        prepared, results = await _prepared(ctx, items, who, _with_its_uid)
        edit = ctx.queue.update_batch(prepared, expected=expected)
        size = len(ctx.queue)
        reply: BatchAdded = {"qsize": size, "items": _all(edit), "results": results}
        stored = ctx.ledger.submit(edit.by(who.get("user")), reply=reply)
    await stored
    log_batch("Updating a batch of items ...", edit, size)
    _log(edit.items_json, results)
    return reply


@handles(api.queue.queue_item_get)
def queue_item_get(ctx: Context, *, pos: Position | None = None, uid: str | None = None) -> OneItem:
    item: Any = Encoded(ctx.queue.item_json(pos=pos, uid=uid))
    return {"item": item}


@handles(api.queue.queue_item_remove, stores_reply=True)
async def queue_item_remove(
    ctx: Context,
    *,
    pos: Position | None = None,
    uid: str | None = None,
    user: str | None = None,
) -> ItemAndSize:
    edit, reply = await _commit(ctx, partial(ctx.queue.remove, pos=pos, uid=uid), _item_and_size, user)
    log_edit("Removing item from the queue ...", edit, reply["qsize"] or 0)
    return reply


@handles(api.queue.queue_item_remove_batch, stores_reply=True)
async def queue_item_remove_batch(
    ctx: Context,
    uids: list[str],
    *,
    ignore_missing: bool = True,
    user: str | None = None,
) -> ItemsAndSize:
    remove = partial(ctx.queue.remove_batch, uids, ignore_missing=ignore_missing)
    edit, reply = await _commit(ctx, remove, _items_and_size, user)
    log_batch("Removing a batch of items from the queue ...", edit, reply["qsize"] or 0)
    return reply


@handles(api.queue.queue_item_move, stores_reply=True)
async def queue_item_move(
    ctx: Context,
    *,
    pos: Position | None = None,
    uid: str | None = None,
    pos_dest: Position | None = None,
    before_uid: str | None = None,
    after_uid: str | None = None,
    user: str | None = None,
) -> ItemAndSize:
    move = partial(ctx.queue.move, pos=pos, uid=uid, pos_dest=pos_dest, before_uid=before_uid, after_uid=after_uid)
    edit, reply = await _commit(ctx, move, _item_and_size, user)
    log_edit("Moving a queue item ...", edit, reply["qsize"] or 0)
    return reply


@handles(api.queue.queue_item_move_batch, stores_reply=True)
async def queue_item_move_batch(
    ctx: Context,
    uids: list[str],
    *,
    pos_dest: QueueEnd | None = None,
    before_uid: str | None = None,
    after_uid: str | None = None,
    reorder: bool = False,
    user: str | None = None,
) -> ItemsAndSize:
    move = partial(
        ctx.queue.move_batch, uids, pos_dest=pos_dest, before_uid=before_uid, after_uid=after_uid, reorder=reorder
    )
    edit, reply = await _commit(ctx, move, _items_and_size, user)
    log_batch("Moving a batch of queue items ...", edit, reply["qsize"] or 0)
    return reply


@handles(api.queue.queue_item_execute, stores_reply=True)
async def queue_item_execute(ctx: Context, item: SentItem, **who: Unpack[Writer]) -> ItemAdded:
    checked = checked_item(ctx, item, who)
    require_environment(ctx)
    await require_idle_kernel(ctx)
    if checked["item_type"] == "instruction":  # the queue does not run, so there is nothing to stop
        prepared = ctx.queue.prepare(checked)
        log_item("Item execution started", prepared.item, len(ctx.queue))
        done: Any = Encoded(prepared.data)
        reply: ItemAdded = {"qsize": len(ctx.queue), "item": done}
        await ctx.ledger.remember(reply)
        return reply
    require_run_engine(ctx)
    require_engine(ctx)
    accepted = _accepted(ctx, checked)

    def replied(edit: Edit) -> ItemAdded:
        return {"qsize": len(ctx.queue), "item": _one(edit), **accepted}

    started = await ctx.runner.execute(checked, replied)
    log_item("Item execution started", started.items[0], len(ctx.queue))
    _log(started.items_json, [accepted])
    return replied(started)


@handles(api.queue.queue_clear, stores_reply=True)
async def queue_clear(ctx: Context, *, user: str | None = None) -> Reply:
    _, reply = await _commit(ctx, ctx.queue.clear, _nothing, user)
    return reply


@handles(api.queue.queue_undo, stores_reply=True)
async def queue_undo(ctx: Context, event: int, *, user: str | None = None) -> Undone:
    async with ctx.order:
        await (
            ctx.ledger.drain()
        )  # a change that is not yet durable has no number, and could be undone if the store fails
        ended = await ctx.history.find(ctx.undo.uids(event))
        record = ctx.undo.find(event, ctx.queue, ended)
        edit = ctx.queue.take_back(record, event)
        size = len(ctx.queue)
        reply: Undone = {"change": record.name, "items": _all(edit), "qsize": size}
        stored = ctx.ledger.submit(edit.by(user), reply=reply)
    await stored
    log_batch(f"Undoing the {record.name} of event {event} ...", edit, size)
    return reply


@handles(api.queue.queue_mode_set, stores_reply=True)
async def queue_mode_set(ctx: Context, mode: dict[str, Any] | Literal["default"], *, user: str | None = None) -> Reply:
    await ctx.ledger.commit(ctx.queue.set_mode(mode).by(user), reply={})
    return {}


@handles(api.queue.queue_start, stores_reply=True)
async def queue_start(ctx: Context, *, user: str | None = None) -> Reply:
    require_environment(ctx)
    await require_idle_kernel(ctx)
    require_run_engine(ctx)
    require_engine(ctx)
    await ctx.runner.start(reply={}, user=user)
    return {}


@handles(api.queue.queue_stop, stores_reply=True)
async def queue_stop(ctx: Context, *, user: str | None = None) -> Reply:
    require_running(ctx)
    await ctx.ledger.commit(ctx.runner.switches.set_stop_pending(pending=True).by(user), reply={})
    return {}


@handles(api.queue.queue_stop_cancel, stores_reply=True)
async def queue_stop_cancel(ctx: Context, *, user: str | None = None) -> Reply:
    switches = ctx.runner.switches
    edits = [switches.set_stop_pending(pending=False).by(user)] if switches.stop_pending else []
    await ctx.ledger.commit(*edits, reply={})
    return {}


@handles(api.queue.queue_autostart, stores_reply=True)
async def queue_autostart(ctx: Context, enable: bool, *, user: str | None = None) -> Reply:
    switches = ctx.runner.switches
    changes = switches.autostart != enable or switches.autostart_off_reason is not None
    edits = [switches.set_autostart(enabled=enable).by(user)] if changes else []
    await ctx.ledger.commit(*edits, reply={})
    return {}


def checked_item(ctx: Context, item: SentItem, who: Writer) -> SentItem:
    """Check an item and return it with its owner.

    Raises
    ------
    BadParams, InvalidPlan, NotPermitted
        The message names the wrong parameter and its value.
    """
    group = who.get("user_group", "")
    ctx.lists.check_group(group)
    if not isinstance(item, dict):
        raise BadParams(f"Incorrect request format: an item must be an object, not {shortened(item)}")
    if "item_type" not in item:
        raise BadParams(f"Incorrect request format: 'item_type' key is not found: item={shortened(item)}")
    match item["item_type"]:
        case "plan":
            ctx.lists.catalog.check(item, group)
        case "instruction":
            if item.get("name") != "queue_stop":
                msg = f"Unsupported instruction {shortened(item.get('name'))}. Supported instructions: 'queue_stop'"
                raise BadParams(msg)
        case other:
            msg = (
                f"Incorrect request format: unsupported 'item_type' value: {shortened(other)}. "
                "Supported values: 'plan', 'instruction'"
            )
            raise BadParams(msg)
    return {**item, "user": who.get("user", ""), "user_group": group}


def warnings_of(ctx: Context, checked: SentItem) -> list[NameWarning]:
    """Return the reasons why an accepted item may not do what its author expects."""
    if checked["item_type"] != "plan":
        return unknown_keys(checked, KNOWN_KEYS)
    catalog, group = ctx.lists.catalog, checked["user_group"]
    parameters = [parameter.name for parameter in catalog.signature(checked["name"], group).parameters]
    return [*unknown_keys(checked, KNOWN_KEYS, parameters), *catalog.warnings(checked, group)]


def must_yield(number: int, result: Mapping[str, Any]) -> bool:
    """Return whether to let other requests run after this many items, given the result of the last one."""
    # Yield after each warning, because the search for similar names takes as long as checking a thousand items.
    return number % _PER_TURN == 0 or "warnings" in result


def _accepted(ctx: Context, checked: SentItem) -> Accepted:
    """Return the part of a reply that contains the warnings for an accepted item."""
    warnings = warnings_of(ctx, checked)
    return {"warnings": [warning.sentence for warning in warnings]} if warnings else {}


def _log(items: Sequence[bytes], results: Sequence[Accepted]) -> None:
    warned = [(data, result["warnings"]) for data, result in zip(items, results, strict=True) if "warnings" in result]
    for data, warnings in warned[:_MAX_LOGGED]:
        item = json.loads(data)
        logger.warning("Item %s, plan %r: %s", item["item_uid"], item["name"], "; ".join(warnings))
    if len(warned) > _MAX_LOGGED:
        logger.warning("... and %d more items with warnings; the reply contains them all", len(warned) - _MAX_LOGGED)


def _with_its_uid(item: SentItem) -> Prepared:
    """Return an item that replaces the queued item with the same uid."""
    uid = item.get("item_uid")
    if not isinstance(uid, str):
        raise ItemError("The item has no 'item_uid'. Set it to the uid of the item to replace.")
    return Prepared.of(item, uid)


async def _prepared(
    ctx: Context, items: list[SentItem], who: Writer, prepare: Callable[[SentItem], Prepared]
) -> tuple[list[Prepared], list[ItemResult]]:
    """Check and prepare many items; let other requests run from time to time. Return a result for each item.

    Raises
    ------
    InvalidPlan
        At least one item is refused.
    """
    prepared: list[Prepared] = []
    results: list[ItemResult] = []
    for number, item in enumerate(items, start=1):
        try:
            checked = checked_item(ctx, item, who)
            prepared.append(prepare(checked))
            results.append({"success": True, "msg": "", **_accepted(ctx, checked)})
        except QSError as error:
            refused: ItemResult = {"success": False, "msg": error.message}
            if "errors" in error.reply:
                refused["errors"] = error.reply["errors"]
            results.append(refused)
        if must_yield(number, results[-1]):
            await asyncio.sleep(0)
    if failed := sum(not result.get("success") for result in results):
        msg = f"validation of {failed} out of {len(items)} submitted items failed: " + next(
            f"item {n}: {result.get('msg')}" for n, result in enumerate(results) if result.get("msg")
        )
        raise InvalidPlan(msg, results=results)
    return prepared, results


async def _commit(
    ctx: Context, make: Callable[[], Edit], replied: Callable[[Edit, int], R], user: str | None
) -> tuple[Edit, R]:
    """Wait for our turn, make an edit, and wait until it and the reply are durable.

    ``replied`` makes the reply from the edit and the queue size right after it. Return the edit and the reply.
    """
    async with ctx.order:
        edit = make()
        reply = replied(edit, len(ctx.queue))
        stored = ctx.ledger.submit(edit.by(user), reply=reply)
    await stored
    return edit, reply


def _nothing(_edit: Edit, _size: int) -> Reply:
    return {}


def _item_and_size(edit: Edit, size: int) -> ItemAndSize:
    return {"item": _one(edit), "qsize": size}


def _items_and_size(edit: Edit, size: int) -> ItemsAndSize:
    return {"items": _all(edit), "qsize": size}


def _position(ctx: Context, edit: Edit) -> int | None:
    """Return the position of the first item that the edit added; None if it added none."""
    return ctx.queue.position_of(edit.items[0]["item_uid"]) if edit.items else None


def _one(edit: Edit) -> Any:
    """Return the only item of an edit, encoded for a reply."""
    return Encoded(edit.items_json[0])


def _all(edit: Edit) -> Any:
    """Return the items of an edit, encoded for a reply."""
    return Encoded.array(edit.items_json)
