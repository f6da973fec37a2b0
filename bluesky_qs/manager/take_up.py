"""Continues the work of the previous manager."""

import logging

from bluesky_qs.errors import WorkerLost
from bluesky_qs.ipc.commands import SetPermissions, WorkerSnapshot
from bluesky_qs.ipc.reports import TaskEnded
from bluesky_qs.ipc.states import EnvironmentState, WorkerState
from bluesky_qs.ipc.supervision import Inventory
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.worker.state import ManagerEvent

logger = logging.getLogger(__name__)

_DRY_RUN_LOST = "The reports of this dry run were lost, because the RE Manager was restarted. Start the dry run again."


async def take_up(ctx: Context, inventory: Inventory) -> None:
    """Connect to the existing worker and continue with its plan. Become idle if there is no worker or no plan."""
    snapshot: WorkerSnapshot | None = None
    ended = inventory.ended.how if inventory.ended else ""
    if inventory.worker:
        logger.info("Connecting to the running worker (pid %d)", inventory.worker.pid)
        try:
            snapshot = await ctx.environment.attach(inventory.worker, ctx.documents.last)
            await _synchronize(ctx, snapshot)
        except WorkerLost as error:
            ended = error.message
    event = found(snapshot.state if snapshot else None)
    if await ctx.runner.adopt(snapshot, ended) and event is ManagerEvent.FOUND_NOTHING_RUNNING:
        event = ManagerEvent.FOUND_PLAN_RUNNING
    ctx.lifecycle.fire(event)
    ctx.environment.take_up()


async def _synchronize(ctx: Context, snapshot: WorkerSnapshot) -> None:
    """Copy the worker's tasks and lists. Send the worker the command that the last manager may have failed to send."""
    for report in snapshot.finished_tasks:
        ctx.tasks.found(report, age=ctx.clock.time() - report.time_stop)
    for uid, started in snapshot.dry_run_tasks.items():
        now = ctx.clock.time()
        ctx.tasks.found(TaskEnded(uid, False, _DRY_RUN_LOST, "", b"null", started, now, snapshot.state), age=0.0)
    for uid, (started, background) in snapshot.running_tasks.items():
        ctx.tasks.started(uid, started, background=background)
    if snapshot.lists is None:
        await ctx.environment.request_opening()
    else:
        ctx.lists.replace(snapshot.lists)
        await ctx.environment.link.request(SetPermissions(ctx.lists.permissions_json))


_FOUND = {
    EnvironmentState.INITIALIZING: ManagerEvent.FOUND_OPENING,
    EnvironmentState.EXECUTING_PLAN: ManagerEvent.FOUND_PLAN_RUNNING,
    EnvironmentState.EXECUTING_TASK: ManagerEvent.FOUND_TASK_RUNNING,
    EnvironmentState.CLOSING: ManagerEvent.FOUND_CLOSING,
}


def found(worker: WorkerState | None) -> ManagerEvent:
    """Return the event for the state of an existing worker when a manager starts."""
    if worker is not None and worker.item_uid and worker.engine == "paused":
        return ManagerEvent.FOUND_PLAN_PAUSED
    return (
        _FOUND.get(worker.environment, ManagerEvent.FOUND_NOTHING_RUNNING)
        if worker
        else ManagerEvent.FOUND_NOTHING_RUNNING
    )
