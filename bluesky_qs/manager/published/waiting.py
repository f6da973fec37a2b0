"""Determines why the running plan is waiting.

If there are several reasons, it chooses the one that matters to users.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal

from bluesky_qs.api.values import WaitingFor
from bluesky_qs.ipc.states import PlanWait, WorkerState
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.published.wait_text import code_text, held_text, input_text, plan_text
from bluesky_qs.manager.worker.state import ManagerState

#: Kinds of waits that are often short. An event reports such a wait only after it has lasted `LASTS` seconds.
BRIEF = ("motor", "trigger", "sleep")
LASTS = 1.0
_PAUSING = "pausing at the next checkpoint"

Kind = Literal["motor", "trigger", "sleep", "suspender", "pause", "input", "user_code"]


def waiting_for(ctx: Context) -> WaitingFor | None:
    """Return why the plan waits; None if it does not wait, or if no plan from the queue is running."""
    uid, state, now = ctx.queue.running_uid, ctx.environment.state, ctx.clock.time()
    if not uid:
        return None
    if (held := state.waiting) is not None:
        # The worker reports the end of a pause later than the reply to the request that ends it.
        is_over = held.kind == "pause" and ctx.lifecycle.state is not ManagerState.PAUSED
        return None if is_over else _wait(held.kind, held_text(held, now), held.since, devices=held.devices)
    if state.input is not None and state.input.item_uid == uid:
        return _wait("input", input_text(state.input.prompt), state.input.time)
    runs = state.item_uid == uid and ctx.lifecycle.state is ManagerState.EXECUTING_QUEUE
    return _of_running(ctx, state, uid, now) if runs else None


def _of_running(ctx: Context, state: WorkerState, uid: str, now: float) -> WaitingFor | None:
    """Return why a plan that is neither paused nor suspended waits."""
    silent, wait = ctx.pulse.silent_since(uid), state.plan_wait
    if silent is not None and (wait is None or wait.kind != "user_code"):
        return _wait("user_code", code_text(silent, "", now), silent)
    if wait is not None:
        return _of_messages(ctx, wait, now)
    return None if state.pause_requested is None else _wait("pause", _PAUSING, state.pause_requested)


def _of_messages(ctx: Context, wait: PlanWait, now: float) -> WaitingFor:
    start, target = json.loads(wait.start), json.loads(wait.target)
    text = plan_text(wait, start, target, ctx.pulse.devices(ctx.queue.running_uid), now)
    return _wait(wait.kind, text, wait.since, devices=wait.devices, start=start, target=target)


def _wait(
    kind: Kind, text: str, since: float, *, devices: Sequence[str] = (), start: Any = None, target: Any = None
) -> WaitingFor:
    return {"kind": kind, "text": text, "devices": [*devices], "start": start, "target": target, "since": since}
