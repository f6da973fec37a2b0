"""The service's events. Each event is numbered and stored together with the change that it reports."""

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec

from bluesky_qs.plan_queue.changes import AddEvent, Change, TrimEvents
from bluesky_qs.plan_queue.events import Event
from bluesky_qs.plan_queue.undo import UndoRecord

logger = logging.getLogger(__name__)

#: An event in its stored and published form, with number, time and type.
EventRecord = dict[str, Any]

#: Number of events to keep. The oldest are dropped, up to `_SLACK` at a time.
KEPT = 10_000
_SLACK = 1_000
#: Maximum number of uids for which the text of events is searched.
_MAX_TEXT_SEARCHES = 20


class LockChanged(Event, frozen=True, omit_defaults=False, kw_only=True, tag="lock_changed"):
    """Something was locked or unlocked. Without a lock, the user and the note are null."""

    environment: bool
    queue: bool
    note: str | None


class AutostartChanged(Event, frozen=True, tag="autostart_changed"):
    """Autostart was switched on or off."""

    enabled: bool


class StopPendingChanged(Event, frozen=True, tag="queue_stop_pending_changed"):
    """A queue stop was requested, canceled or carried out."""

    enabled: bool


class PermissionsChanged(Event, frozen=True, tag="permissions_changed"):
    """The user group permissions changed."""


class EnvironmentChanged(Event, frozen=True, tag="environment_changed"):
    """The environment or the manager's state changed."""

    manager_state: str
    worker_environment_exists: bool


class ListsChanged(Event, frozen=True, tag="lists_changed"):
    """The lists of plans and devices changed; the event has the uids of the new lists."""

    plans_existing_uid: str
    devices_existing_uid: str
    plans_allowed_uid: str
    devices_allowed_uid: str
    functions_allowed_uid: str


class TasksChanged(Event, frozen=True, tag="tasks_changed"):
    """A task started or ended."""

    task_results_uid: str


class InputChanged(Event, frozen=True, tag="input_changed"):
    """User code began or stopped waiting for input."""

    input_pending: dict[str, Any] | None


class WaitingChanged(Event, frozen=True, tag="waiting_changed"):
    """The running plan began to wait or stopped waiting."""

    waiting_for: dict[str, Any] | None


class DryRunFound(Event, frozen=True, omit_defaults=False, kw_only=True, tag="dry_run_found"):
    """A plan in the queue was walked without hardware."""

    item_uid: str
    ok: bool | None
    msg: str


class EventEdit:
    """An event about a change that is not stored: environment, lists, tasks, input, waiting, dry-run findings."""

    changes: Sequence[Change] = ()
    record: UndoRecord | None = None

    def __init__(self, event: Event) -> None:
        self.events: Sequence[Event] = [event]

    def undo(self) -> None:
        """Do nothing, because the edit did not change memory."""


class EventBook:
    """The kept events, by number.

    Parameters
    ----------
    stored
        Events from the store, oldest first.
    publish
        Called with each event (JSON text) when it is durable.
    now
        Epoch seconds.
    """

    def __init__(
        self, stored: Iterable[bytes], publish: Callable[[bytes], None], now: Callable[[], float] = time.time
    ) -> None:
        self._now = now
        self._kept, self.last = _in_sequence(stored)
        self._publish = publish

    def numbered(self, events: Iterable[Event]) -> list[bytes]:
        """Return these events in their stored form, with numbers and times. Call `made` when they are stored."""
        now = self._now()
        return [
            json.dumps({"seq": number, "time": now, **msgspec.to_builtins(event)}).encode()
            for number, event in enumerate(events, self.last + 1)
        ]

    def changes(self, events: list[bytes]) -> list[Change]:
        """Return the changes that store these events and, when necessary, drop the oldest ones."""
        trim = len(self._kept) + len(events) > KEPT + _SLACK
        return [*map(AddEvent, events), *([TrimEvents(KEPT)] if trim else [])]

    def made(self, events: list[bytes]) -> None:
        """Keep and publish events that are durable now."""
        self._kept.extend(events)
        self.last += len(events)
        if len(self._kept) > KEPT + _SLACK:
            while len(self._kept) > KEPT:
                self._kept.popleft()
        for event in events:
            self._publish(event)

    @property
    def first(self) -> int:
        """Number of the oldest kept event; `last` + 1 if there is none."""
        return self.last - len(self._kept) + 1

    def since(self, number: int | None, limit: int) -> list[bytes]:
        """Return at most ``limit`` events after this number, oldest first; without a number, the latest ones."""
        start = max(0, len(self._kept) - max(0, limit) if number is None else number + 1 - self.first)
        return [self._kept[index] for index in range(start, min(start + max(0, limit), len(self._kept)))]

    def about(self, uids: Collection[str]) -> dict[str, list[EventRecord]]:
        """Return the kept events that name each of these items, oldest first."""
        found: dict[str, list[EventRecord]] = {uid: [] for uid in uids}
        needles = [json.dumps(uid).encode() for uid in found]
        for text in self._kept:
            # Decoding an event takes about as long as searching its text for 20 uids.
            if len(needles) > _MAX_TEXT_SEARCHES or any(needle in text for needle in needles):
                event = json.loads(text)
                for uid in {event.get("item_uid"), *event.get("put", ()), *event.get("dropped", ())} & found.keys():
                    found[uid].append(event)
        return found


class _Numbered(msgspec.Struct):
    seq: int


def _in_sequence(stored: Iterable[bytes]) -> tuple[deque[bytes], int]:
    """Return the latest events and the last number. The events have no gaps, because they are looked up by number."""
    kept: deque[bytes] = deque()
    last = ignored = 0
    for event in reversed(list(stored)):
        number = _number(event)
        if number is not None and not kept:
            last = number
        if number is not None and number == last - len(kept):
            kept.appendleft(event)
        else:
            ignored += 1
    if ignored:
        logger.warning("Ignored %d stored events that are damaged or out of order", ignored)
    return kept, last


def _number(event: bytes) -> int | None:
    try:
        return msgspec.json.decode(event, type=_Numbered).seq
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
