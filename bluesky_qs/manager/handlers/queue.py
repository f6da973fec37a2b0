"""Handlers of methods that read, change and run the queue."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Unpack, cast

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
from bluesky_qs.manager.console_lines import log_added, log_batch, log_batch_added, log_edit, log_item
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.dispatch import handles
from bluesky_qs.manager.handlers.states import (
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

#: Items to check in one turn of the event loop.
_PER_TURN = 100
#: Items of one request whose warnings are logged.
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
    """The item as a client sent it, with a uid and its owner."""
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


@handles(api.queue.queue_item_add, failed=_refused_add)
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
        stored = ctx.ledger.submit(edit.by(who.get("user")))
        size, position = len(ctx.queue), _position(ctx, edit)
    await stored
    log_added(edit.items[0], size, position)
    _log(edit.items_json, [accepted])
    return {"qsize": size, "item": _one(edit), **accepted}


@handles(api.queue.queue_item_add_batch, failed=_refused_batch)
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
        except QSError as error:  # a wrong position is a fault of each item, so that all replies have one form
            count = len(items)
            msg = f"validation of {count} out of {count} submitted items failed: {error.message}"
            raise type(error)(msg, results=[{"success": False, "msg": error.message}] * count) from None
        stored = ctx.ledger.submit(edit.by(who.get("user")))
        size, position = len(ctx.queue), _position(ctx, edit)
    await stored
    log_batch_added(len(items), size, position)
    _log(edit.items_json, results)
    added: Any = Encoded.array(edit.items_json)
    return {"qsize": size, "items": added, "results": results}


@handles(api.queue.queue_item_update, failed=_refused_update)
async def queue_item_update(
    ctx: Context, item: SentItem, *, replace: bool = False, expected: SentItem | None = None, **who: Unpack[Writer]
) -> ItemAdded:
    checked = checked_item(ctx, item, who)
    if checked.get("item_uid") is None:
        raise ItemError("The item has no 'item_uid'. Set it to the uid of the item to replace.")
    accepted = _accepted(ctx, checked)
    user = who.get("user")
    edit, size = await _commit(ctx, lambda: ctx.queue.update(checked, replace=replace, expected=expected), user)
    log_item("Item updated", edit.items[0], size)
    _log(edit.items_json, [accepted])
    return {"qsize": size, "item": _one(edit), **accepted}


@handles(api.queue.queue_item_update_batch, failed=_refused_batch)
async def queue_item_update_batch(
    ctx: Context, items: list[Any], *, expected: list[SentItem] | None = None, **who: Unpack[Writer]
) -> BatchAdded:
    ctx.lists.check_group(who.get("user_group", ""))
    async with ctx.order:
        prepared, results = await _prepared(ctx, items, who, _with_its_uid)
        edit = ctx.queue.update_batch(prepared, expected=expected)
        stored = ctx.ledger.submit(edit.by(who.get("user")))
        size = len(ctx.queue)
    await stored
    log_batch("Updating a batch of items ...", edit, size)
    _log(edit.items_json, results)
    updated: Any = Encoded.array(edit.items_json)
    return {"qsize": size, "items": updated, "results": results}


@handles(api.queue.queue_item_get)
def queue_item_get(ctx: Context, *, pos: Position | None = None, uid: str | None = None) -> OneItem:
    item: Any = Encoded(ctx.queue.item_json(pos=pos, uid=uid))
    return {"item": item}


@handles(api.queue.queue_item_remove)
async def queue_item_remove(
    ctx: Context,
    *,
    pos: Position | None = None,
    uid: str | None = None,
    user: str | None = None,
) -> ItemAndSize:
    edit, size = await _commit(ctx, lambda: ctx.queue.remove(pos=pos, uid=uid), user)
    log_edit("Removing item from the queue ...", edit, size)
    return {"item": _one(edit), "qsize": size}


@handles(api.queue.queue_item_remove_batch)
async def queue_item_remove_batch(
    ctx: Context,
    uids: list[str],
    *,
    ignore_missing: bool = True,
    user: str | None = None,
) -> ItemsAndSize:
    remove = partial(ctx.queue.remove_batch, uids, ignore_missing=ignore_missing)
    edit, size = await _commit(ctx, remove, user)
    log_batch("Removing a batch of items from the queue ...", edit, size)
    removed: Any = Encoded.array(edit.items_json)
    return {"items": removed, "qsize": size}


@handles(api.queue.queue_item_move)
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
    edit, size = await _commit(ctx, move, user)
    log_edit("Moving a queue item ...", edit, size)
    return {"item": _one(edit), "qsize": size}


@handles(api.queue.queue_item_move_batch)
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
    edit, size = await _commit(
        ctx,
        lambda: ctx.queue.move_batch(
            uids,
            pos_dest=pos_dest,
            before_uid=before_uid,
            after_uid=after_uid,
            reorder=reorder,
        ),
        user,
    )
    log_batch("Moving a batch of queue items ...", edit, size)
    moved: Any = Encoded.array(edit.items_json)
    return {"items": moved, "qsize": size}


@handles(api.queue.queue_item_execute)
async def queue_item_execute(ctx: Context, item: SentItem, **who: Unpack[Writer]) -> ItemAdded:
    checked = checked_item(ctx, item, who)
    require_environment(ctx)
    await require_idle_kernel(ctx)
    if checked["item_type"] == "instruction":  # the queue does not run, so there is nothing to stop
        prepared = ctx.queue.prepare(checked)
        log_item("Item execution started", prepared.item, len(ctx.queue))
        done: Any = Encoded(prepared.data)
        return {"qsize": len(ctx.queue), "item": done}
    require_run_engine(ctx)
    require_engine(ctx)
    accepted = _accepted(ctx, checked)
    started = await ctx.runner.execute(checked)
    log_item("Item execution started", started.items[0], len(ctx.queue))
    _log(started.items_json, [accepted])
    return {"qsize": len(ctx.queue), "item": _one(started), **accepted}


@handles(api.queue.queue_clear)
async def queue_clear(ctx: Context, *, user: str | None = None) -> Reply:
    await _commit(ctx, ctx.queue.clear, user)
    return {}


@handles(api.queue.queue_undo)
async def queue_undo(ctx: Context, event: int, *, user: str | None = None) -> Undone:
    async with ctx.order:
        await ctx.ledger.drain()  # what is not durable yet has no number, and could be taken back by a failing store
        record = ctx.undo.find(event, ctx.queue)
        edit = ctx.queue.take_back(record, event)
        stored = ctx.ledger.submit(edit.by(user))
        size = len(ctx.queue)
    await stored
    log_batch(f"Undoing the {record.name} of event {event} ...", edit, size)
    items: Any = Encoded.array(edit.items_json)
    return {"change": record.name, "items": items, "qsize": size}


@handles(api.queue.queue_mode_set)
async def queue_mode_set(ctx: Context, mode: dict[str, Any] | Literal["default"], *, user: str | None = None) -> Reply:
    await ctx.ledger.commit(ctx.queue.set_mode(mode).by(user))
    return {}


@handles(api.queue.queue_start)
async def queue_start(ctx: Context) -> Reply:
    require_environment(ctx)
    await require_idle_kernel(ctx)
    require_run_engine(ctx)
    require_engine(ctx)
    await ctx.runner.start()
    return {}


@handles(api.queue.queue_stop)
async def queue_stop(ctx: Context, *, user: str | None = None) -> Reply:
    require_running(ctx)
    await ctx.ledger.commit(ctx.runner.switches.set_stop_pending(pending=True).by(user))
    return {}


@handles(api.queue.queue_stop_cancel)
async def queue_stop_cancel(ctx: Context, *, user: str | None = None) -> Reply:
    if ctx.runner.switches.stop_pending:
        await ctx.ledger.commit(ctx.runner.switches.set_stop_pending(pending=False).by(user))
    return {}


@handles(api.queue.queue_autostart)
async def queue_autostart(ctx: Context, enable: bool, *, user: str | None = None) -> Reply:
    if ctx.runner.switches.autostart != enable or ctx.runner.switches.autostart_off_reason is not None:
        await ctx.ledger.commit(ctx.runner.switches.set_autostart(enabled=enable).by(user))
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
    """Reasons why an accepted item may not do what its author expects."""
    if checked["item_type"] != "plan":
        return unknown_keys(checked, KNOWN_KEYS)
    catalog, group = ctx.lists.catalog, checked["user_group"]
    parameters = [parameter.name for parameter in catalog.signature(checked["name"], group).parameters]
    return [*unknown_keys(checked, KNOWN_KEYS, parameters), *catalog.warnings(checked, group)]


def must_yield(number: int, result: Mapping[str, Any]) -> bool:
    """Whether to let other requests run after this many items, given the result of the last one."""
    # After each warning, because the search for similar names takes as long as checking a thousand items.
    return number % _PER_TURN == 0 or "warnings" in result


def _accepted(ctx: Context, checked: SentItem) -> Accepted:
    """The part of a reply that contains the warnings for an accepted item."""
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
    """An item that replaces the queued one with its uid."""
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
        At least one is refused.
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


async def _commit(ctx: Context, make: Callable[[], Edit], user: str | None) -> tuple[Edit, int]:
    """Wait for our turn, make an edit, and wait until it is durable.

    Return it and the size of the queue right after it.
    """
    async with ctx.order:
        edit = make()
        stored = ctx.ledger.submit(edit.by(user))
        size = len(ctx.queue)
    await stored
    return edit, size


def _position(ctx: Context, edit: Edit) -> int | None:
    """The position of the first item that the edit has added; None if it has added none."""
    return ctx.queue.position_of(edit.items[0]["item_uid"]) if edit.items else None


def _one(edit: Edit) -> Any:
    """The only item of an edit, encoded for a reply."""
    return Encoded(edit.items_json[0])
