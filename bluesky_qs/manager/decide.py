"""The rule for the next step after an item has ended or the queue starts. It needs no queue, store or worker."""

from enum import StrEnum, auto
from typing import Literal

import msgspec

from bluesky_qs.manager.running import CurrentItem

#: The reason why nothing follows an item that was executed without the queue.
BY_ITSELF = "it was not running"
#: The reason why the queue stops after its last item.
EMPTY = "it is empty"

#: The reason why the queue stops before a plan that nothing can run.
NO_ENGINE = "the environment has no RunEngine 'RE'"

NextItem = Literal["plan", "instruction", "none"]


class Ended(msgspec.Struct, frozen=True):
    """How the running item ended.

    Attributes
    ----------
    continues
        With this exit status the queue continues in its present mode.
    pause_missed
        A pause was requested, and the item ended before the worker could pause it.
    resumed_by_hand
        The item was resumed from a console or by code of the environment, so somebody has taken over.
    """

    exit_status: str
    continues: bool
    pause_missed: bool = False
    resumed_by_hand: bool = False


class Modes(msgspec.Struct, frozen=True):
    """Everything else that the next step depends on.

    Attributes
    ----------
    next_item
        The kind of item at the front of the queue.
    engine_is_missing
        The environment has no RunEngine.
    worker_is_ready
        The environment is open, and the manager is still running the queue.
    service_stops
        The service is stopping.
    """

    next_item: NextItem
    autostart: bool = False
    stop_pending: bool = False
    worker_is_ready: bool = True
    service_stops: bool = False
    engine_is_missing: bool = False


class Next(StrEnum):
    """The next step."""

    START_ITEM = auto()
    PASS_INSTRUCTION = auto()
    STOP = auto()


class Decision(msgspec.Struct, frozen=True):
    """The next step, with the changes of modes that belong to it.

    Attributes
    ----------
    why
        The reason why the queue stops; empty if it continues.
    switch_autostart_off
        Autostart is on and must be switched off.
    clear_stop_pending
        The queue stops as requested, so the stop is no longer pending.
    """

    next: Next
    why: str = ""
    switch_autostart_off: bool = False
    clear_stop_pending: bool = False


def decide(ended: Ended | None, run: CurrentItem | None, modes: Modes) -> Decision:
    """Decide what follows the item ``run``, which ended as ``ended``. Both are None when the queue starts."""
    pause_missed = ended is not None and (ended.pause_missed or (run is not None and run.waiting_pause is not None))
    why = _why_stop(ended, run, modes, pause_missed=pause_missed)
    autostart_off = pause_missed or why == NO_ENGINE or (ended is not None and not ended.continues)
    if why:
        # After a requested stop, autostart must not start the queue again.
        off = modes.autostart and (autostart_off or modes.stop_pending)
        return Decision(Next.STOP, why, switch_autostart_off=off, clear_stop_pending=modes.stop_pending)
    if modes.next_item == "instruction":
        why = "by the instruction 'queue_stop'"
        return Decision(Next.PASS_INSTRUCTION, why, switch_autostart_off=modes.autostart)
    return Decision(Next.START_ITEM)


def _why_stop(ended: Ended | None, run: CurrentItem | None, modes: Modes, *, pause_missed: bool) -> str:
    """The first reason to stop before the next item; empty if there is none."""
    has_ended = ended is not None
    reasons = (
        (modes.service_stops, "the service is stopping"),
        (has_ended and run is not None and run.immediate, BY_ITSELF),
        (has_ended and not ended.continues, f"the last plan's exit status is {ended.exit_status!r}" if ended else ""),
        (pause_missed, "the plan ended before the requested pause"),
        (
            ended is not None and ended.resumed_by_hand and not modes.autostart,
            "the last plan was resumed from a console or by startup code",
        ),
        (modes.stop_pending, "as requested"),
        (modes.next_item == "none", EMPTY),
        (not modes.worker_is_ready, "the environment is closed"),
        (modes.engine_is_missing and modes.next_item == "plan", NO_ENGINE),
    )
    return next((why for holds, why in reasons if holds), "")
