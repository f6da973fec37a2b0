"""Handlers of methods that read and clear the history."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from bluesky_qs import api
from bluesky_qs.api.history import MOST_BYTES, MOST_ITEMS, PAGE
from bluesky_qs.api.types import History, Reply
from bluesky_qs.errors import BadParams, NotFound, Refused
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.dispatch import handles
from bluesky_qs.plan_queue.history import EFFORT, EFFORT_PER_ITEM
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
) -> History:
    if all(value is None for value in (limit, before, exit_status, name, user, since, until, metadata, search)):
        return _whole(ctx)
    wanted = HistoryFilter.of(
        exit_status=exit_status, name=name, user=user, since=since, until=until, metadata=metadata
    )
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
    await ctx.ledger.commit(ctx.queue.clear_history(size=size, item_uid=item_uid).by(user), reply={})
    return {}


def _whole(ctx: Context) -> History:
    history = ctx.queue.history
    if len(history) > MOST_ITEMS or history.size_in_bytes > MOST_BYTES:
        msg = (
            f"The history is too long for one reply ({len(history)} items, {history.size_in_bytes / 1e6:.1f} MB). "
            "Read it by page: send 'limit' (for example limit=1000), then for each older page also 'before' with the "
            "uid of the oldest item that you have"
        )
        raise Refused(msg)
    return {"items": _array(history.page()[1]), "plan_history_uid": ctx.queue.history_uid}


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
    uid, history = ctx.queue.history_uid, ctx.queue.history
    try:
        end = len(history) if before is None else history.place(before)
    except NotFound as error:
        raise NotFound(f"Parameter 'before': {error.message}") from None
    if words is not None:
        positions, items = await _newest(
            _with_words(ctx, words, wanted, end, likely=limit if wanted.accepts_all else MOST_ITEMS), limit
        )
    elif wanted.accepts_all:
        first, items = history.page(limit, before)
        positions = list(range(first, first + len(items)))
    else:
        positions, items = await _newest(_walk(ctx, wanted, before), limit)
    size = sum(map(len, items))
    if size > MOST_BYTES and len(items) > 1:
        raise Refused(
            f"The page is too large for one reply ({len(items)} items, {size / 1e6:.1f} MB). "
            f"Send a smaller 'limit' than {limit}"
        )
    return {
        "items": _array(items),
        "positions": positions,
        "plan_history_uid": uid,
        "index_complete": ctx.search.is_complete,
    }


async def _newest(found: AsyncGenerator[tuple[int, bytes] | None], limit: int) -> tuple[list[int], list[bytes]]:
    """The places and the items of a page: the first ones that are found, oldest first.

    At each None other requests are let in.
    """
    positions: list[int] = []
    items: list[bytes] = []
    async with contextlib.aclosing(found):
        while len(items) < limit:
            try:
                each = await anext(found)
            except StopAsyncIteration:
                break
            if each is None:
                await asyncio.sleep(0)
            else:
                positions.append(each[0])
                items.append(each[1])
    return positions[::-1], items[::-1]


async def _walk(ctx: Context, wanted: HistoryFilter, before: str | None) -> AsyncGenerator[tuple[int, bytes] | None]:
    """The items that a filter accepts, newest first, with their places."""
    for found in ctx.queue.history.search(wanted.accepts_json, before):
        yield found


async def _with_words(
    ctx: Context, words: SearchWords, wanted: HistoryFilter, end: int, *, likely: int
) -> AsyncGenerator[tuple[int, bytes] | None]:
    """The items with these words that a filter accepts, newest first, with their places."""
    oldest = ctx.queue.history.first
    effort = 0
    async with contextlib.aclosing(ctx.search.matches(words, oldest + end, likely)) as matches:
        async for number, item in matches:
            if wanted.accepts_json(item):
                yield number - oldest, item
            effort += len(item) + EFFORT_PER_ITEM
            if effort > EFFORT:
                effort = 0
                yield None


def _array(items: Sequence[bytes]) -> Any:
    return Encoded.array(items)
