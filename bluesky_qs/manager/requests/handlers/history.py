"""Handlers of methods that read and clear the history."""

import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from bluesky_qs import api
from bluesky_qs.api.history import MOST_BYTES, MOST_ITEMS, PAGE
from bluesky_qs.api.types import History, Reply
from bluesky_qs.errors import BadParams, NotFound, Refused
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.requests.dispatch import handles
from bluesky_qs.plan_queue.changes import NumberedItem
from bluesky_qs.plan_queue.edit import Edit
from bluesky_qs.plan_queue.history_filter import HistoryFilter
from bluesky_qs.plan_queue.search_text import SearchWords
from bluesky_qs.wire.codec import Encoded


@handles(api.history.history_get)
async def history_get(
    ctx: Context,
    *,
    limit: int | None = None,
    before: str | None = None,
    exit_status: str | list[str] | None = None,
    name: str | None = None,
    user: str | None = None,
    since: float | None = None,
    until: float | None = None,
    metadata: dict[str, str] | None = None,
    search: str | None = None,
    scan_id: int | None = None,
) -> History:
    filters: dict[str, Any] = {
        "exit_status": exit_status,
        "name": name,
        "user": user,
        "since": since,
        "until": until,
        "metadata": metadata,
        "scan_id": scan_id,
    }
    if all(value is None for value in (limit, before, search, *filters.values())):
        return await _whole(ctx)
    wanted = HistoryFilter.of(**filters)
    words = None if search is None else SearchWords.of(search)
    return await _page(ctx, wanted, _checked_limit(limit), before, words)


@handles(api.history.history_clear, stores_reply=True)
async def history_clear(
    ctx: Context,
    *,
    size: int | None = None,
    item_uid: str | None = None,
    user: str | None = None,
) -> Reply:
    if size is not None and item_uid is not None:
        raise BadParams("Error: Parameters 'size' and 'item_uid' are mutually exclusive.")
    if item_uid is None:
        edit = ctx.queue.clear_history(size=size)
    else:
        found = (await ctx.history.find([item_uid])).get(item_uid)
        edit = ctx.queue.clear_history(through=found[0]) if found else Edit([])
    await ctx.ledger.commit(edit.by(user), reply={})
    return {}


async def _whole(ctx: Context) -> History:
    uid, numbers = ctx.queue.history_uid, ctx.queue.history.numbers
    size = await ctx.history.size(numbers) if len(numbers) <= MOST_ITEMS else None
    if size is None or size > MOST_BYTES:
        msg = (
            f"The history is too long for one reply ({_extent(len(numbers), size)}). "
            "Read it page by page: send 'limit' (for example limit=1000); for each older page, also send 'before' with "
            "the uid of the oldest item that you have"
        )
        raise Refused(msg)
    return {"items": _array(await ctx.history.items(numbers)), "plan_history_uid": uid}


def _extent(count: int, size: int | None) -> str:
    return f"{count} items" if size is None else f"{count} items, {size / 1e6:.1f} MB"


def _checked_limit(limit: int | None) -> int:
    if limit is None:
        return PAGE
    if limit < 0:
        raise BadParams(f"Parameter 'limit' must not be negative: limit={limit}")
    if limit > MOST_ITEMS:
        raise BadParams(f"Parameter 'limit' must not be greater than {MOST_ITEMS}: limit={limit}")
    return limit


async def _page(
    ctx: Context, wanted: HistoryFilter, limit: int, before: str | None, words: SearchWords | None
) -> History:
    try:
        end = ctx.queue.history.numbers.stop if before is None else await ctx.history.number(before)
    except NotFound as error:
        raise NotFound(f"Parameter 'before': {error.message}") from None
    uid, first = ctx.queue.history_uid, ctx.queue.history.numbers.start
    numbers = range(first, end)
    if words is not None:
        likely = limit if wanted.accepts_all else MOST_ITEMS
        items = await _newest(ctx.search.matches(words, end, likely), wanted, limit)
    elif not wanted.accepts_all:
        items = await _newest(ctx.history.backward(numbers, wanted.words), wanted, limit)
    else:
        numbers = numbers[max(0, len(numbers) - limit) :]
        _check_size(len(numbers), await ctx.history.size(numbers), limit)
        items = await ctx.history.items(numbers)
    return {
        "items": _array(items),
        "positions": [number - first for number, _ in items],
        "plan_history_uid": uid,
        "index_complete": ctx.search.is_complete,
    }


def _check_size(count: int, size: int, limit: int) -> None:
    if size > MOST_BYTES and count > 1:
        raise Refused(
            f"The page is too large for one reply ({_extent(count, size)}). Send a smaller 'limit' than {limit}"
        )


async def _newest(found: AsyncGenerator[list[NumberedItem]], wanted: HistoryFilter, limit: int) -> list[NumberedItem]:
    """Return the newest items that the filter accepts, oldest first."""
    items: list[NumberedItem] = []
    size = 0
    async with contextlib.aclosing(found):
        while len(items) < limit:
            try:
                some = await anext(found)
            except StopAsyncIteration:
                break
            for number, data in some:
                if len(items) < limit and wanted.accepts_json(data):
                    items.append((number, data))
                    size += len(data)
            _check_size(len(items), size, limit)
    return items[::-1]


def _array(items: Sequence[NumberedItem]) -> Any:
    return Encoded.array([data for _, data in items])
