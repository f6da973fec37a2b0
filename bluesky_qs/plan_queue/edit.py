"""A change made in memory that is not stored yet: the changes for the store, the events, and a way to undo it."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from bluesky_qs.plan_queue.changes import Change
from bluesky_qs.plan_queue.entries import Entry
from bluesky_qs.plan_queue.events import Event, ItemEnded, QueueChanged
from bluesky_qs.plan_queue.items import Running
from bluesky_qs.plan_queue.rules import ModeSwitches
from bluesky_qs.plan_queue.undo import UndoRecord


class Facts(msgspec.Struct, frozen=True):
    """The state of the queue besides its items and its history."""

    mode: ModeSwitches
    running: Running | None
    queue_uid: str
    history_uid: str


class Delta(msgspec.Struct, frozen=True):
    """The effects of an edit in memory, recorded so that it can be undone.

    Attributes
    ----------
    taken, put
        Entries that left the queue, and entries that entered it.
    dropped, added
        Number of dropped history items (the oldest ones), and number of new ones.
    facts
        The facts before the edit.
    """

    facts: Facts
    taken: Sequence[Entry] = ()
    put: Sequence[Entry] = ()
    dropped: int = 0
    added: int = 0


class Edit:
    """A change to the queue, made in memory.

    Attributes
    ----------
    items_json
        The affected items, as JSON text, in the order in which the method reports them.
    changes
        What to commit to the store; empty if the request changed nothing.
    events
        Published when the changes are durable.
    record
        The data for undoing the change later, on request; None if it cannot be undone.
    """

    __slots__ = ("_items", "_revert", "changes", "events", "items_json", "record")

    def __init__(
        self,
        changes: Sequence[Change],
        items_json: Sequence[bytes] = (),
        items: list[dict[str, Any]] | None = None,
    ) -> None:
        self.changes = changes
        self.events: Sequence[Event] = ()
        self.record: UndoRecord | None = None
        self.items_json = items_json
        self._items = items
        self._revert: Callable[[], None] | None = None

    @property
    def items(self) -> list[dict[str, Any]]:
        """The affected items, decoded on first use."""
        if self._items is None:
            self._items = [json.loads(data) for data in self.items_json]
        return self._items

    def made(self, events: Sequence[Event], revert: Callable[[], None], record: UndoRecord | None = None) -> None:
        """Record that the edit was made in memory, with its events and a way to undo it."""
        self.events = events
        self.record = record
        self._revert = revert

    def by(self, user: str | None) -> Self:
        """Record in the events who made the change."""
        self.events = [replace(each, user=user) for each in self.events]
        self.record = self.record and replace(self.record, user=user)
        return self

    def undo(self) -> None:
        """Undo this edit in memory. A second call does nothing.

        Later edits depend on this one, so undo the newest first.
        """
        revert, self._revert = self._revert, None
        if revert is not None:
            revert()


class EndEdit(Edit):
    """The end of the running item.

    Attributes
    ----------
    ended
        The event, with the exit status and, if the item was requeued, its new uid.
    continue_queue
        Whether the next item may start. Always false after an immediate execution.
    autostart_stays
        Whether autostart stays on. If false, it must be switched off.
    """

    __slots__ = ("autostart_stays", "continue_queue", "ended")

    def __init__(
        self,
        changes: Sequence[Change],
        item_json: bytes,
        ended: ItemEnded,
        *,
        continue_queue: bool,
        autostart_stays: bool,
    ) -> None:
        super().__init__(changes, [item_json])
        self.ended = ended
        self.continue_queue = continue_queue
        self.autostart_stays = autostart_stays


def queue_changed(
    taken: Sequence[Entry], put: Sequence[Entry], record: UndoRecord | None = None, *, cleared: bool = False
) -> QueueChanged:
    """Return the event for entries that left the queue and entries that were put into it."""
    event = QueueChanged(cleared=True) if cleared else _listed(taken, put)
    return replace(event, change=record.name, undoes=record.undoes) if record else event


def _listed(taken: Sequence[Entry], put: Sequence[Entry]) -> QueueChanged:
    entered = [entry.uid for entry in put]
    stay = set(entered)  # the entries that moved or changed
    return QueueChanged.of(entered, [entry.uid for entry in taken if entry.uid not in stay])
