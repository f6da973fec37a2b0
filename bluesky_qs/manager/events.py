"""The service's record of events: typed as they are made, numbered and kept with the change that they report."""

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec

from bluesky_qs.plan_queue.changes import AddEvent, Change, TrimEvents
from bluesky_qs.plan_queue.events import Event

logger = logging.getLogger(__name__)

#: An event as it is stored and published: with its number, its time and its type.
EventRecord = dict[str, Any]

#: Events that are kept; beyond that the oldest are dropped, some at a time.
KEPT = 10_000
_SLACK = 1_000
#: Uids that are looked for in the text of events.
_FEW = 20


class LockChanged(Event, frozen=True, tag="lock_changed"):
    """Something was locked or unlocked."""

    environment: bool
    queue: bool
    user: str | None
    note: str | None


class AutostartChanged(Event, frozen=True, tag="autostart_changed"):
    """Autostart was switched on or off."""

    enabled: bool


class StopPendingChanged(Event, frozen=True, tag="queue_stop_pending_changed"):
    """A stop of the queue is pending, or no longer."""

    enabled: bool


class PermissionsChanged(Event, frozen=True, tag="permissions_changed"):
    """Other user group permissions are in force."""


class EnvironmentChanged(Event, frozen=True, tag="environment_changed"):
    """The environment or the manager's state changed."""

    manager_state: str
    worker_environment_exists: bool


class ListsChanged(Event, frozen=True, tag="lists_changed"):
    """The lists of plans and devices changed; each uid is that of a list as it is now."""

    plans_existing_uid: str
    devices_existing_uid: str
    plans_allowed_uid: str
    devices_allowed_uid: str


class TasksChanged(Event, frozen=True, tag="tasks_changed"):
    """A task started or ended."""

    task_results_uid: str


class InputChanged(Event, frozen=True, tag="input_changed"):
    """User code is waiting for input, or no longer."""

    input_pending: dict[str, Any] | None


class EventEdit:
    """An event without a stored change: environment, lists, tasks, input."""

    changes: Sequence[Change] = ()

    def __init__(self, event: Event) -> None:
        self.events: Sequence[Event] = [event]

    def undo(self) -> None:
        """Do nothing: memory has nothing to reverse."""


class EventBook:
    """The events that are kept, by number.

    Parameters
    ----------
    stored
        Events as the store has them, oldest first.
    publish
        Called with each event, as JSON text, when it is durable.
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
        """The next events as they are to be stored, with numbers and times; `made` follows when they are."""
        now = self._now()
        return [
            json.dumps({"seq": number, "time": now, **msgspec.to_builtins(event)}).encode()
            for number, event in enumerate(events, self.last + 1)
        ]

    def changes(self, events: list[bytes]) -> list[Change]:
        """What to store for these events; now and then that drops the oldest."""
        trim = len(self._kept) + len(events) > KEPT + _SLACK
        return [*map(AddEvent, events), *([TrimEvents(KEPT)] if trim else [])]

    def made(self, events: list[bytes]) -> None:
        """The events are durable: keep and publish them."""
        self._kept.extend(events)
        self.last += len(events)
        if len(self._kept) > KEPT + _SLACK:
            while len(self._kept) > KEPT:
                self._kept.popleft()
        for event in events:
            self._publish(event)

    @property
    def first(self) -> int:
        """Number of the oldest event that is kept; one more than the last if none is."""
        return self.last - len(self._kept) + 1

    def since(self, number: int, limit: int) -> list[bytes]:
        """Events after that number, oldest first, at most ``limit``."""
        start = max(0, number + 1 - self.first)
        return [self._kept[index] for index in range(start, min(start + max(0, limit), len(self._kept)))]

    def about(self, uids: Collection[str]) -> dict[str, list[EventRecord]]:
        """For each of these items, the kept events that name it, oldest first."""
        found: dict[str, list[EventRecord]] = {uid: [] for uid in uids}
        needles = [json.dumps(uid).encode() for uid in found]
        for text in self._kept:
            # Decoding an event takes as long as searching it for some tens of uids.
            if len(needles) > _FEW or any(needle in text for needle in needles):
                event = json.loads(text)
                for uid in {event.get("item_uid"), *event.get("put", ()), *event.get("dropped", ())} & found.keys():
                    found[uid].append(event)
        return found


class _Numbered(msgspec.Struct):
    seq: int


def _in_sequence(stored: Iterable[bytes]) -> tuple[deque[bytes], int]:
    """The latest events without a gap in their numbers, since they are found by number; and the last number."""
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
