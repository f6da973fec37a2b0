"""``status``, derived from the parts of the manager whenever one of them has changed."""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from bluesky_qs._version import __version__
from bluesky_qs.api import METHODS
from bluesky_qs.api.types import Status
from bluesky_qs.api.values import EnvironmentStateName, InputPending, KernelState, RunningItemProgress, WaitingFor
from bluesky_qs.ipc.commands import PausePlan
from bluesky_qs.ipc.states import EnvironmentState
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.edits.events import EnvironmentChanged, InputChanged, ListsChanged, TasksChanged, WaitingChanged
from bluesky_qs.manager.published.waiting import BRIEF, LASTS, waiting_for
from bluesky_qs.manager.worker.state import ManagerState
from bluesky_qs.plan_queue.events import Event
from bluesky_qs.wire.codec import Encoded, json_text

#: Events for changes that are not stored. Their fields are status keys; an event reports that one of them has changed.
_PARTS = (EnvironmentChanged, ListsChanged, TasksChanged, InputChanged, WaitingChanged)

#: The kinds of waits whose text changes with time, and how many seconds pass until the text is updated.
_TIMED = (*BRIEF, "user_code")
_TEXT_AGE = 0.25

_EXTENSIONS = sorted({name for method in METHODS.values() for name in method.extensions})


class StatusBoard:
    """The current status, computed again only after a change."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._stale = True
        self._facts: Mapping[str, Any] = {}
        self._derived = 0.0
        self._later: asyncio.TimerHandle | None = None
        self._json = Encoded(b"{}")
        ctx.changed.watch_at_once(self._mark_stale)

    @property
    def json(self) -> Encoded:
        """Return the status, encoded for replies and publications."""
        wait = self._facts.get("waiting_for")
        if wait and wait["kind"] in _TIMED and self._ctx.clock.monotonic() - self._derived > _TEXT_AGE:
            self._stale = True
        self._renew()
        return self._json

    def watch(self, published: Callable[[Encoded], None]) -> None:
        """Call ``published`` with each new status, after the turn of the loop in which it changed."""
        last = self._json

        def look() -> None:
            nonlocal last
            if (now := self.json) is not last:
                last = now
                published(now)

        self._ctx.changed.watch(look)

    def watch_parts(self, happened: Callable[[Event], object]) -> None:
        """Call ``happened`` with an event for each change that is not stored; see `_PARTS`."""
        last = self._parts()

        def look() -> None:
            nonlocal last
            before, last = last, self._parts()
            for event, previous in zip(last, before, strict=True):
                if _without_time(event) != _without_time(previous):
                    happened(self._attributed(event))

        self._ctx.changed.watch(look)

    def _parts(self) -> list[Event]:
        self._renew()
        facts = {**self._facts, "waiting_for": self._lasting(self._facts["waiting_for"])}
        return [event(**{key: facts[key] for key in event.__struct_fields__ if key in facts}) for event in _PARTS]

    def _attributed(self, event: Event) -> Event:
        """Return the event. If it is about the manager's state, add the user whose request led to that state."""
        user = self._ctx.lifecycle.user
        return replace(event, user=user) if user and isinstance(event, EnvironmentChanged) else event

    def _lasting(self, wait: WaitingFor | None) -> WaitingFor | None:
        """Return the wait. If it is of a brief kind and has just begun, return None and check again later."""
        if wait is None or wait["kind"] not in BRIEF:
            return wait
        rest = wait["since"] + LASTS - self._ctx.clock.time()
        if rest <= 0:
            return wait
        if self._later is not None:
            self._later.cancel()
        self._later = asyncio.get_running_loop().call_later(rest, self._ctx.changed)
        return None

    def _mark_stale(self) -> None:
        self._stale = True

    def _renew(self) -> None:
        if not self._stale:
            return
        self._stale = False
        self._derived = self._ctx.clock.monotonic()
        facts = derive(self._ctx)
        if facts != self._facts:
            self._facts = facts
            now = dt.datetime.fromtimestamp(self._ctx.clock.time()).astimezone().isoformat()
            self._json = Encoded(json_text({**facts, "time": now, "status_uid": str(uuid4())}))


def _without_time(event: Event) -> Any:
    """Return the parts whose change causes an event.

    Others change too often: the wait's text and the remaining devices.
    """
    wait = event.waiting_for if isinstance(event, WaitingChanged) else None
    return (wait["kind"], wait["since"]) if wait and wait["kind"] in _TIMED else event


def _kernel_state(ctx: Context) -> KernelState | None:
    """Return the state of the kernel, which starts before the startup code runs in it."""
    kernel, environment = ctx.environment.state.kernel, ctx.environment
    opening = ctx.lifecycle.state is ManagerState.CREATING_ENVIRONMENT and kernel != "disabled"
    return kernel if environment.is_open or opening or kernel == "starting" else None


def derive(ctx: Context) -> Status:
    """Return the status computed from the parts, without its time and uid."""
    environment, queue, lists, runner = ctx.environment, ctx.queue, ctx.lists, ctx.runner
    worker = environment.state
    state = ctx.lifecycle.state
    return {
        "msg": f"RE Manager v{__version__}",
        "items_in_queue": len(queue),
        "items_in_history": queue.history_size,
        "running_item_uid": queue.running_uid,
        "manager_state": state.value,
        "queue_stop_pending": runner.switches.stop_pending,
        "queue_autostart_enabled": runner.switches.autostart,
        "queue_autostart_off_reason": runner.switches.autostart_off_reason,
        "queue_stopped_reason": _stopped_reason(ctx),
        "worker_environment_exists": environment.is_open,
        "worker_environment_state": _environment_state(ctx),
        "worker_background_tasks": ctx.tasks.background,
        "re_state": worker.engine if environment.is_open else None,
        "ip_kernel_state": _kernel_state(ctx),
        "ip_kernel_captured": worker.captured if environment.is_open else None,
        "pause_pending": _pause_pending(ctx),
        "run_list_uid": environment.runs_uid,
        "plan_queue_uid": queue.queue_uid,
        "plan_history_uid": queue.history_uid,
        "devices_existing_uid": lists.devices_existing_uid,
        "plans_existing_uid": lists.plans_existing_uid,
        "devices_allowed_uid": lists.devices_allowed_uid,
        "plans_allowed_uid": lists.plans_allowed_uid,
        "functions_allowed_uid": lists.functions_allowed_uid,
        "task_results_uid": ctx.tasks.uid,
        "dry_runs_uid": ctx.findings.uid,
        "lock_info_uid": ctx.lock.uid,
        "plan_queue_mode": {"loop": queue.mode.loop, "ignore_failures": queue.mode.ignore_failures},
        "lock": ctx.lock.state,
        "running_item_progress": _progress(ctx),
        "input_pending": _input_pending(ctx),
        "waiting_for": waiting_for(ctx),
        "stopping": ctx.lifecycle.is_ending,
        "estimates_uid": ctx.end_of_queue.uid,
        "queue_end": ctx.end_of_queue.end,
        "queue_at_least": ctx.end_of_queue.at_least,
        "extensions": _EXTENSIONS,
        "time": "",
        "status_uid": "",
    }


def _stopped_reason(ctx: Context) -> str | None:
    """Return why the queue has stopped, if it is not empty and nothing is running."""
    has_stopped = ctx.lifecycle.state is ManagerState.IDLE and len(ctx.queue)
    return ctx.runner.switches.stopped_reason if has_stopped else None


def _pause_pending(ctx: Context) -> bool:
    """Whether a deferred pause is pending, even if the worker does not know about it yet."""
    environment, run = ctx.environment, ctx.runner.running
    return (
        environment.state.pause_pending
        or any(isinstance(each, PausePlan) and each.option == "deferred" for each in environment.pending)
        or (run is not None and run.waiting_pause == "deferred")
    )


def _progress(ctx: Context) -> RunningItemProgress | None:
    """Return the progress of the running plan; None if nothing is running."""
    if not ctx.queue.running_uid:
        return None
    progress, run = ctx.environment.progress, ctx.runner.running
    return {
        "events": progress.events if progress else 0,
        "num_points": progress.num_points if progress else None,
        "time_start": ctx.queue.running_since,
        "time_paused": (run.time_paused if run else 0.0) + ctx.environment.state.time_suspended,
        "paused_since": run.paused_since if run else None,
    }


def _input_pending(ctx: Context) -> InputPending | None:
    """Return the input prompt at which user code is waiting."""
    if (pending := ctx.environment.state.input) is None:
        return None
    return {
        "input_uid": pending.input_uid,
        "prompt": pending.prompt,
        "time": pending.time,
        "item_uid": pending.item_uid,
        "task_uid": pending.task_uid,
        "secret": pending.secret,
    }


def _environment_state(ctx: Context) -> EnvironmentStateName:
    """Return the worker's state. A request that the manager has just sent to the worker counts as started."""
    worker = ctx.environment.state.environment
    match ctx.lifecycle.state:
        case ManagerState.CREATING_ENVIRONMENT if worker is EnvironmentState.CLOSED:
            return EnvironmentState.INITIALIZING.value
        case ManagerState.EXECUTING_TASK if worker is EnvironmentState.IDLE:
            return EnvironmentState.EXECUTING_TASK.value
        case ManagerState.CLOSING_ENVIRONMENT if worker is EnvironmentState.IDLE:
            return EnvironmentState.CLOSING.value
        case _:
            return worker.value
