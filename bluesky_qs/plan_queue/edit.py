"""A change that was made in memory and is not stored yet: what to store, which events it makes, how to undo it."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from bluesky_qs.plan_queue.changes import Change
from bluesky_qs.plan_queue.entries import Entry
from bluesky_qs.plan_queue.events import Event, ItemEnded
from bluesky_qs.plan_queue.items import Running
from bluesky_qs.plan_queue.rules import ModeSwitches


class Facts(msgspec.Struct, frozen=True):
    """What the queue consists of besides its items and its history."""

    mode: ModeSwitches
    running: Running | None
    queue_uid: str
    history_uid: str


class Delta(msgspec.Struct, frozen=True):
    """What an edit did to memory, so that the reverse can be done.

    Attributes
    ----------
    taken, put
        Entries that left and that entered the line.
    dropped, added
        History items dropped at the old end; number of those added at the new end.
    facts
        As they were before.
    """

    facts: Facts
    taken: Sequence[Entry] = ()
    put: Sequence[Entry] = ()
    dropped: Sequence[bytes] = ()
    added: int = 0


class Edit:
    """A change of the queue, made in memory.

    Attributes
    ----------
    items_json
        The items concerned, as JSON text, in the order in which the method reports them.
    changes
        What to commit to the store; empty if the request changed nothing.
    events
        Published when the changes are durable.
    """

    __slots__ = ("_items", "_revert", "changes", "events", "items_json")

    def __init__(
        self,
        changes: Sequence[Change],
        items_json: Sequence[bytes] = (),
        items: list[dict[str, Any]] | None = None,
    ) -> None:
        self.changes = changes
        self.events: Sequence[Event] = ()
        self.items_json = items_json
        self._items = items
        self._revert: Callable[[], None] | None = None

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items concerned; decoded when first asked for."""
        if self._items is None:
            self._items = [json.loads(data) for data in self.items_json]
        return self._items

    def made(self, events: Sequence[Event], revert: Callable[[], None]) -> None:
        """Record that memory has the edit: its events, and how to reverse it."""
        self.events = events
        self._revert = revert

    def undo(self) -> None:
        """Make memory what it was before this edit; a second time does nothing.

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
        The event: exit status, and the new uid if the item was requeued.
    continue_queue
        The next item may start. Never after an immediate execution.
    autostart_stays
        False: autostart must be switched off.
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
