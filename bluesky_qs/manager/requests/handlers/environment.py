"""Handlers of methods that open, close and describe the RE Worker environment."""

from typing import Any

from bluesky_qs import api
from bluesky_qs.api.types import EnvironmentReport, Reply
from bluesky_qs.errors import WrongState
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.requests.dispatch import handles
from bluesky_qs.manager.requests.handlers.states import require_environment, require_idle, require_idle_kernel
from bluesky_qs.manager.worker.state import ManagerState
from bluesky_qs.wire.codec import Encoded


@handles(api.environment.environment_open)
def environment_open(ctx: Context, *, user: str | None = None) -> Reply:
    if ctx.environment.is_open:
        raise WrongState("RE Worker environment already exists.")
    require_idle(ctx)
    ctx.environment.open(user)
    return {}


@handles(api.environment.environment_close)
async def environment_close(ctx: Context, *, user: str | None = None) -> Reply:
    if ctx.lifecycle.state is not ManagerState.CLOSING_ENVIRONMENT:
        require_environment(ctx, hint="")
    await require_idle_kernel(ctx)
    await ctx.environment.close(user)
    return {}


@handles(api.environment.environment_destroy)
async def environment_destroy(ctx: Context, *, user: str | None = None) -> Reply:
    if not ctx.environment.exists:
        raise WrongState("RE environment does not exist.")
    if ctx.lifecycle.state is not ManagerState.DESTROYING_ENVIRONMENT:
        await ctx.environment.destroy(user)
    return {}


@handles(api.environment.environment_report)
def environment_report(ctx: Context) -> EnvironmentReport:
    report: Any = Encoded(ctx.environment.report)
    return {"report": report}
