"""What happened: every change of the service as a numbered event, kept with the change that it tells of."""

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec

from bluesky_qs.plan_queue.changes import (
    AddEvent,
    AddHistory,
    Change,
    ClearQueue,
    DropItem,
    PutItem,
    SetFact,
    TrimEvents,
    TrimHistory,
)

logger = logging.getLogger(__name__)

Event = dict[str, Any]

#: Events that are kept; beyond that the oldest are dropped, some at a time.
KEPT = 10_000
_SLACK = 1_000
#: More uids than these are only counted: an event tells what happened, it is no copy of the queue.
_UIDS = 100
#: Uids that are looked for in the text of events.
_FEW = 20


class EventBook:
    """The events that are kept, by number.

    Parameters
    ----------
    stored
        Events as the store has them, oldest first.
    publish
        Called with each event, as JSON text, when it is durable.
    """

    def __init__(self, stored: Iterable[bytes], publish: Callable[[bytes], None]) -> None:
        self._kept, self.last = _in_sequence(stored)
        self._publish = publish

    def numbered(self, events: Iterable[Event]) -> list[bytes]:
        """The next events as they are to be stored, with numbers and times; `made` follows when they are."""
        now = time.time()
        return [
            json.dumps({"seq": number, "time": now, **event}).encode()
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

    def about(self, uids: Collection[str]) -> dict[str, list[Event]]:
        """For each of these items, the kept events that name it, oldest first."""
        told: dict[str, list[Event]] = {uid: [] for uid in uids}
        needles = [json.dumps(uid).encode() for uid in told]
        for text in self._kept:
            # To decode an event costs as much as to look for some tens of uids in it.
            if len(needles) > _FEW or any(needle in text for needle in needles):
                event = json.loads(text)
                for uid in {event.get("item_uid"), *event.get("put", ()), *event.get("dropped", ())} & told.keys():
                    told[uid].append(event)
        return told


class _Numbered(msgspec.Struct):
    seq: int


def _in_sequence(stored: Iterable[bytes]) -> tuple[deque[bytes], int]:
    """The latest events without a gap in their numbers, since they are found by number; and the last number."""
    kept: deque[bytes] = deque()
    last = left_out = 0
    for event in reversed(list(stored)):
        number = _number(event)
        if number is not None and not kept:
            last = number
        if number is not None and number == last - len(kept):
            kept.appendleft(event)
        else:
            left_out += 1
    if left_out:
        logger.warning("%d of the stored events are damaged or out of order, and left out", left_out)
    return kept, last


def _number(event: bytes) -> int | None:
    try:
        return msgspec.json.decode(event, type=_Numbered).seq
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def told_by(changes: Sequence[Change]) -> list[Event]:
    """The events that changes of the store amount to: one for the queue however many items are concerned."""
    events: list[Event] = []
    put: list[str] = []
    dropped: list[str] = []
    queue: Event = {"type": "queue_changed"}
    for change in changes:
        match change:
            case PutItem():
                put.append(change.uid)
            case DropItem():
                dropped.append(change.uid)
            case ClearQueue():
                queue["cleared"] = True
            case AddHistory():
                events.append(_ended(change))
            case TrimHistory():
                events.append({"type": "history_cleared", "items_left": change.keep})
            case SetFact():
                events += _fact(change)
            case _:
                pass
    for event in events:
        if event["type"] == "item_ended" and put:  # what an ended item puts into the queue is itself, under a new uid
            event["requeued_as"] = put[0]
    if put or dropped or "cleared" in queue:
        events.insert(0, queue | _listed("put", put) | _listed("dropped", dropped))
    return events


def _ended(change: AddHistory) -> Event:
    item = json.loads(change.data)
    return {"type": "item_ended", "item_uid": change.uid, "exit_status": item["result"]["exit_status"]}


def _fact(change: SetFact) -> list[Event]:
    if change.name not in _FACTS or change.data is None:
        return []
    kind, told = _FACTS[change.name]
    return [{"type": kind, **told(json.loads(change.data))}]


_FACTS: dict[str, tuple[str, Callable[[dict[str, Any]], Event]]] = {
    "running_plan": ("item_started", lambda item: {"item_uid": item["item_uid"]}),
    "plan_queue_mode": ("mode_changed", lambda mode: {"mode": mode}),
    "lock_info": ("lock_changed", lambda lock: {key: lock[key] for key in ("environment", "queue", "user", "note")}),
    "autostart_mode_info": ("autostart_changed", lambda autostart: autostart),
    "stop_pending_info": ("queue_stop_pending_changed", lambda stop: stop),
    "user_group_permissions": ("permissions_changed", lambda _: {}),
}


def _listed(what: str, uids: list[str]) -> Event:
    if len(uids) > _UIDS:
        return {f"{what}_count": len(uids)}
    return {what: uids} if uids else {}


class EventEdit:
    """An event that tells of something which is not stored: environment, lists, tasks."""

    changes: Sequence[Change] = ()

    def __init__(self, event: Event) -> None:
        self.events = [event]

    def undo(self) -> None:
        """There is nothing to take back."""
