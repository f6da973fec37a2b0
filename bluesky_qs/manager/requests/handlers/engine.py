"""Handlers of methods that control the RunEngine and its plan."""

import json
from typing import Any

from bluesky_qs import api
from bluesky_qs.api.types import Documents, Metadata, PauseOption, Reply, Run, RunOption, Runs
from bluesky_qs.errors import BadParams, NotFound, WrongState
from bluesky_qs.ipc.commands import EngineMetadata
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.requests.dispatch import handles
from bluesky_qs.manager.requests.handlers.states import (
    require_environment,
    require_paused,
    require_run_engine,
    require_running,
)
from bluesky_qs.wire.codec import Encoded, json_text


@handles(api.engine.re_pause)
async def re_pause(ctx: Context, option: PauseOption = "deferred", *, user: str | None = None) -> Reply:
    if ctx.environment.is_open:
        require_run_engine(ctx)
    require_running(ctx)
    await ctx.runner.pause(option, user or "")
    return {}


@handles(api.engine.re_resume)
async def re_resume(ctx: Context, *, user: str | None = None) -> Reply:
    await require_paused(ctx)
    await ctx.runner.resume_plan("resume", user)
    return {}


@handles(api.engine.re_stop)
async def re_stop(ctx: Context, *, user: str | None = None) -> Reply:
    await require_paused(ctx)
    await ctx.runner.resume_plan("stop", user)
    return {}


@handles(api.engine.re_abort)
async def re_abort(ctx: Context, *, user: str | None = None) -> Reply:
    await require_paused(ctx)
    await ctx.runner.resume_plan("abort", user)
    return {}


@handles(api.engine.re_halt)
async def re_halt(ctx: Context, *, user: str | None = None) -> Reply:
    await require_paused(ctx)
    await ctx.runner.resume_plan("halt", user)
    return {}


@handles(api.engine.re_runs)
def re_runs(ctx: Context, option: RunOption = "active") -> Runs:
    runs: list[Run] = [
        {"uid": run.uid, "scan_id": run.scan_id, "is_open": run.is_open, "exit_status": run.exit_status}
        for run in ctx.environment.runs
        if option == "active" or run.is_open == (option == "open")
    ]
    return {"run_list": runs, "run_list_uid": ctx.environment.runs_uid}


@handles(api.engine.documents_get)
async def documents_get(
    ctx: Context, *, limit: int = 1000, item_uid: str | None = None, before: int | None = None
) -> Documents:
    if before is not None and before < 1:
        raise BadParams(f"Parameter 'before' must be 1 or greater: before={before}")
    page = await ctx.documents.page(item_uid, max(0, limit), before)
    if page is None and item_uid is not None:
        await _require_no_documents(ctx, item_uid)
    documents: Any = Encoded.array([document.payload for document in page.documents] if page else [])
    return {
        "documents": documents,
        "item_uid": page.item_uid if page else item_uid or "",
        "before": page.before if page else None,
        "missing": page.missing if page else 0,
    }


async def _require_no_documents(ctx: Context, item_uid: str) -> None:
    """Raise the error for an item without documents, unless the item is running and has no data yet."""
    if item_uid == ctx.queue.running_uid:
        return
    if ctx.queue.position_of(item_uid) is not None:
        raise WrongState(f"Item with UID {item_uid!r} is in the queue and has not run yet")
    if (found := (await ctx.history.find([item_uid])).get(item_uid)) is None:
        raise NotFound(f"Item with UID {item_uid!r} is neither running nor in the history")
    if not (json.loads(found[1]).get("result") or {}).get("run_uids"):
        return
    if not ctx.documents.enabled:
        raise NotFound(
            "The service has no data for this item, because it does not keep documents (--zmq-publish-documents OFF)"
        )
    operation = ctx.settings.operation
    raise NotFound(
        f"The data of this item are no longer here. The service keeps those of the last {operation.documents_limit} "
        f"items, at most {operation.documents_size} MB (--documents-limit, --documents-size). Your startup code "
        f"saves the runs of the item elsewhere; their uids are in its result"
    )


@handles(api.engine.re_metadata)
async def re_metadata(ctx: Context) -> Metadata:
    require_environment(ctx)
    metadata = json.loads(await ctx.environment.query(EngineMetadata()))
    keys = ctx.settings.worker.permitted_re_metadata_keys
    shown: Any = Encoded(json_text(permitted(metadata, keys)))
    return {"re_metadata": shown, "permitted_keys": list(keys)}


def permitted(metadata: dict[str, Any], paths: Any) -> dict[str, Any]:
    """Return the parts of nested metadata at these paths, such as ``/`` (everything) or ``/a/b`` (a subtree)."""
    shown: dict[str, Any] = {}
    for path in paths:
        names = [name for name in path.split("/") if name]
        if not names:
            return metadata
        source: Any = metadata
        for name in names:
            source = source.get(name, _ABSENT) if isinstance(source, dict) else _ABSENT
        if source is _ABSENT:
            continue
        target = shown
        for name in names[:-1]:
            target = target.setdefault(name, {})
        target[names[-1]] = source
    return shown


_ABSENT = object()
