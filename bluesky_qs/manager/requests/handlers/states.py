"""Checks of the manager's state, with the messages of refused requests."""

from bluesky_qs.errors import NoRunEngine, WrongState
from bluesky_qs.ipc.commands import NeedMainThread
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.worker.state import ManagerState

_BUSY = {
    ManagerState.INITIALIZING: "RE Manager is starting.",
    ManagerState.CREATING_ENVIRONMENT: "Manager is already in the process of creating the RE Worker environment.",
    ManagerState.CLOSING_ENVIRONMENT: "Manager is already in the process of closing the RE Worker environment.",
    ManagerState.DESTROYING_ENVIRONMENT: "Manager is already in the process of destroying the RE Worker environment.",
    ManagerState.STARTING_QUEUE: "Queue execution is in progress.",
    ManagerState.EXECUTING_QUEUE: "Queue execution is in progress.",
    ManagerState.PAUSED: "Queue execution is in progress. The current plan is paused.",
    ManagerState.EXECUTING_TASK: "Foreground task execution is in progress.",
}


def require_idle(ctx: Context) -> None:
    """Refuse unless the manager is idle."""
    if (state := ctx.lifecycle.state) is not ManagerState.IDLE:
        msg = f"{_BUSY[state]} RE Manager is busy. RE Manager must be in idle state, current state: {state.value!r}"
        raise WrongState(msg)


def require_environment(ctx: Context, hint: str = " Open it first.") -> None:
    """Refuse unless the environment is open."""
    if ctx.environment.is_open:
        return
    if ctx.lifecycle.state is ManagerState.CREATING_ENVIRONMENT:
        msg = f"{_BUSY[ManagerState.CREATING_ENVIRONMENT]} Try again when it is open."
        raise WrongState(msg)
    raise WrongState(f"RE Worker environment does not exist.{hint}")


async def require_idle_kernel(ctx: Context) -> None:
    """Refuse unless the manager is idle and no code from a console is running in the IPython kernel."""
    require_idle(ctx)
    await require_main_thread(ctx)
    require_idle(ctx)  # check again, because another request may have started something in the meantime


async def require_main_thread(ctx: Context) -> None:
    """Refuse while code from a console is running in the IPython kernel, or is about to run."""
    if ctx.settings.worker.use_ipython_kernel and ctx.environment.is_open:
        # Ask the worker, because the console knows earlier than the manager that code has started or ended.
        await ctx.environment.query(NeedMainThread())


def require_run_engine(ctx: Context) -> None:
    """Refuse if the environment has no RunEngine."""
    if ctx.environment.state.engine is None:
        raise NoRunEngine


def require_engine(ctx: Context) -> None:
    """Refuse while the RunEngine is panicked, or paused in a plan from a console."""
    if ctx.environment.state.engine == "panicked":
        raise WrongState("Run Engine is panicked and cannot run plans. Close the environment and open it again.")
    if ctx.environment.state.engine == "paused":
        raise WrongState("Run Engine is paused in a plan that was started in the IPython console. End that plan there.")


def require_running(ctx: Context) -> None:
    """Refuse unless the queue or a plan is running."""
    state = ctx.lifecycle.state
    if state not in (ManagerState.STARTING_QUEUE, ManagerState.EXECUTING_QUEUE):
        paused = " The current plan is paused. Resume, stop, abort or halt it."
        msg = f"Queue is not running: the manager is in the state {state.value!r}."
        msg += paused if state is ManagerState.PAUSED else ""
        raise WrongState(msg)


async def require_paused(ctx: Context) -> None:
    """Refuse unless the plan is paused."""
    if (state := ctx.lifecycle.state) is not ManagerState.PAUSED:
        first = " Pause the plan first." if state is ManagerState.EXECUTING_QUEUE else ""
        msg = f"No plan is paused: the manager must be in the state 'paused', current state: {state.value!r}.{first}"
        raise WrongState(msg)
    await require_main_thread(ctx)
