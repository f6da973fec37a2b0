"""What comes next when an item has ended, or when the queue starts: the rule, without queue, store or worker."""

from enum import StrEnum, auto
from typing import Literal

import msgspec

from bluesky_qs.manager.running import RunningItem

#: Why nothing follows an item that was executed without the queue.
BY_ITSELF = "it was not running"

NextItem = Literal["plan", "instruction", "none"]


class Ended(msgspec.Struct, frozen=True):
    """How the running item ended.

    Attributes
    ----------
    continues
        The exit status lets the queue continue, in its present mode.
    pause_missed
        The worker was asked to pause the item and could not do so before the item ended.
    """

    exit_status: str
    continues: bool
    pause_missed: bool = False


class Modes(msgspec.Struct, frozen=True):
    """What counts for the next step besides the item that ended.

    Attributes
    ----------
    next_item
        What is at the front of the queue.
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
        Why the queue stops; empty if it continues.
    switch_autostart_off
        Autostart is on and must be switched off.
    clear_stop_pending
        The pending stop is done.
    """

    next: Next
    why: str = ""
    switch_autostart_off: bool = False
    clear_stop_pending: bool = False


def decide(ended: Ended | None, run: RunningItem | None, modes: Modes) -> Decision:
    """Decide what follows the item ``run``, which ended as ``ended``. Both are None when the queue starts."""
    pause_missed = ended is not None and (ended.pause_missed or (run is not None and run.waiting_pause is not None))
    autostart_off = pause_missed or (ended is not None and not ended.continues)
    why = _why_stop(ended, run, modes, pause_missed=pause_missed)
    if why:
        # Whoever asked for the stop does not want autostart to start the queue again.
        off = modes.autostart and (autostart_off or modes.stop_pending)
        return Decision(Next.STOP, why, switch_autostart_off=off, clear_stop_pending=modes.stop_pending)
    if modes.next_item == "instruction":
        why = "by the instruction 'queue_stop'"
        return Decision(Next.PASS_INSTRUCTION, why, switch_autostart_off=modes.autostart)
    return Decision(Next.START_ITEM)


def _why_stop(ended: Ended | None, run: RunningItem | None, modes: Modes, *, pause_missed: bool) -> str:
    """The first reason to stop before the next item; empty if there is none."""
    has_ended = ended is not None
    reasons = (
        (modes.service_stops, "the service stops"),
        (has_ended and run is not None and run.immediate, BY_ITSELF),
        (has_ended and not ended.continues, f"the last plan's exit status is {ended.exit_status!r}" if ended else ""),
        (pause_missed, "the plan ended before the requested pause"),
        (modes.stop_pending, "as requested"),
        (modes.next_item == "none", "it is empty"),
        (not modes.worker_is_ready, "the environment is closed"),
    )
    return next((why for holds, why in reasons if holds), "")
