"""Handlers of methods that read and clear the history."""

from typing import Any

from bluesky_qs import api
from bluesky_qs.api.types import History, Reply
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.dispatch import handles
from bluesky_qs.wire.codec import Encoded


@handles(api.history.history_get)
def history_get(
    ctx: Context,
    *,
    limit: int | None = None,
    before: str | None = None,
    exit_status: str | None = None,
    name: str | None = None,
) -> History:
    page = ctx.queue.history_json(limit=limit, before=before, exit_status=exit_status, name=name)
    items: Any = Encoded.array(page)
    return {"items": items, "plan_history_uid": ctx.queue.history_uid}


@handles(api.history.history_clear)
async def history_clear(
    ctx: Context,
    *,
    size: int | None = None,
    item_uid: str | None = None,
) -> Reply:
    await ctx.ledger.commit(ctx.queue.clear_history(size=size, item_uid=item_uid))
    return {}
