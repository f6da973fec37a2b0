"""Decides the next step when an item has ended or the queue starts. Needs no queue, store or worker."""

from enum import Enum, StrEnum, auto
from typing import Literal

import msgspec

from bluesky_qs.manager.execution.running import CurrentItem

NextItem = Literal["plan", "instruction", "none"]


class Ended(msgspec.Struct, frozen=True):
    """How the running item ended.

    Attributes
    ----------
    continues
        Whether the queue, in its current mode, continues after this exit status.
    pause_missed
        Whether a pause was requested but the item ended before the worker could pause it.
    resumed_by_hand
        Whether the item was resumed from a console or by code in the environment: a user has taken over.
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
        Whether the environment has no RunEngine.
    worker_is_ready
        Whether the environment is open and the manager is still running the queue.
    service_stops
        Whether the service is stopping.
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


class StopReason(Enum):
    """Why the queue stops. The value is the text in the log and in the status."""

    SERVICE_STOPS = "the service is stopping"
    WAS_NOT_RUNNING = "the item did not come from the queue"
    EXIT_STATUS = "the last plan {ending}"
    PAUSE_MISSED = "a pause was requested after the plan's last checkpoint, so the plan ran to its end"
    RESUMED_BY_HAND = "the last plan was resumed from a console or by startup code"
    STOP_REQUESTED = "a stop was requested"
    IS_EMPTY = "the queue is empty"
    NO_ENVIRONMENT = "the environment is closed"
    NO_ENGINE = "the environment has no RunEngine 'RE'"
    INSTRUCTION = "the queue reached the instruction 'queue_stop'"


#: How a plan ended, by its exit status.
_ENDINGS = {
    "failed": "failed",
    "stopped": "was finished early",
    "aborted": "was aborted",
    "halted": "was halted",
}


class Decision(msgspec.Struct, frozen=True):
    """The next step, with the mode changes that belong to it.

    Attributes
    ----------
    reason
        The reason why the queue stops; None if it continues.
    exit_status
        The exit status of the item that ended; some reasons contain it.
    switch_autostart_off
        Whether autostart is on and must be switched off.
    clear_stop_pending
        Whether the queue stops as requested, so that the stop is no longer pending.
    """

    next: Next
    reason: StopReason | None = None
    exit_status: str = ""
    switch_autostart_off: bool = False
    clear_stop_pending: bool = False

    @property
    def why(self) -> str:
        """The reason as text; empty if the queue continues."""
        ending = _ENDINGS.get(self.exit_status, f"ended with the exit status {self.exit_status!r}")
        return self.reason.value.format(ending=ending) if self.reason else ""


def decide(ended: Ended | None, run: CurrentItem | None, modes: Modes) -> Decision:
    """Decide what to do after the item ``run``; ``ended`` says how it ended. Both are None when the queue starts."""
    pause_missed = ended is not None and (ended.pause_missed or (run is not None and run.waiting_pause is not None))
    reason = _stop_reason(ended, run, modes, pause_missed=pause_missed)
    if reason:
        autostart_off = (
            pause_missed
            or reason is StopReason.NO_ENGINE
            or (ended is not None and not ended.continues)
            or modes.stop_pending  # after a requested stop, autostart must not start the queue again
        )
        return Decision(
            Next.STOP,
            reason,
            ended.exit_status if ended else "",
            switch_autostart_off=modes.autostart and autostart_off,
            clear_stop_pending=modes.stop_pending,
        )
    if modes.next_item == "instruction":
        return Decision(Next.PASS_INSTRUCTION, StopReason.INSTRUCTION, switch_autostart_off=modes.autostart)
    return Decision(Next.START_ITEM)


def _stop_reason(
    ended: Ended | None, run: CurrentItem | None, modes: Modes, *, pause_missed: bool
) -> StopReason | None:
    """Return the first reason to stop before the next item; None if there is none."""
    has_ended = ended is not None
    reasons = (
        (modes.service_stops, StopReason.SERVICE_STOPS),
        (has_ended and run is not None and run.immediate, StopReason.WAS_NOT_RUNNING),
        (has_ended and not ended.continues, StopReason.EXIT_STATUS),
        (pause_missed, StopReason.PAUSE_MISSED),
        (has_ended and ended.resumed_by_hand and not modes.autostart, StopReason.RESUMED_BY_HAND),
        (modes.stop_pending, StopReason.STOP_REQUESTED),
        (modes.next_item == "none", StopReason.IS_EMPTY),
        (not modes.worker_is_ready, StopReason.NO_ENVIRONMENT),
        (modes.engine_is_missing and modes.next_item == "plan", StopReason.NO_ENGINE),
    )
    return next((reason for holds, reason in reasons if holds), None)
