"""The handler of the method that walks a plan without hardware."""

from typing import Any

from bluesky_qs import api
from bluesky_qs.api.types import DryRunDone, SentItem, Writer
from bluesky_qs.errors import BadParams
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.dispatch import handles
from bluesky_qs.manager.handlers.queue import checked_item
from bluesky_qs.manager.handlers.states import require_environment, require_run_engine


@handles(api.queue.item_dry_run)
async def item_dry_run(
    ctx: Context,
    item: SentItem,
    *,
    user: str | None = None,
    user_group: str = "",
    timeout: float = 10.0,  # noqa: ASYNC109 - it is the worker's
) -> DryRunDone:
    checked = checked_item(ctx, item, Writer(user=user or "", user_group=user_group))
    if checked["item_type"] != "plan":
        raise BadParams(f"only plans can be walked; this item is of the type {checked['item_type']!r}")
    require_environment(ctx)
    require_run_engine(ctx)
    prepared = {"item_uid": "dry-run", **checked}
    report: Any = await ctx.dry_runs.report(prepared, ctx.lists.permissions_json, timeout)
    walked: Any = checked
    return {"item": walked, "report": report}
