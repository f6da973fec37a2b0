"""The handler of the method that reads devices."""

from typing import Any

from bluesky_qs import api
from bluesky_qs.api.types import DevicesRead
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.requests.dispatch import handles
from bluesky_qs.manager.requests.handlers.states import require_environment


@handles(api.devices.device_read)
async def device_read(
    ctx: Context, names: str | list[str] | None = None, *, user_group: str = "", max_age: float = 0.0
) -> DevicesRead:
    ctx.lists.check_group(user_group)
    require_environment(ctx)
    named = [names] if isinstance(names, str) else names
    devices: Any = await ctx.readings.read(ctx.lists.catalog, user_group, named, max_age)
    return {"devices": devices}
