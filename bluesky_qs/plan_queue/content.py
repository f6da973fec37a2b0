"""The content of the queue and the history: the read-only part of `PlanQueue`."""

import json
from typing import Any

from bluesky_qs.api.types import Position
from bluesky_qs.errors import ItemError
from bluesky_qs.plan_queue.edit import Facts
from bluesky_qs.plan_queue.entries import OrderedEntries
from bluesky_qs.plan_queue.history import ItemHistory
from bluesky_qs.plan_queue.rules import ModeSwitches


class QueueContent:
    """The queued items, the running item, the history and the modes."""

    def __init__(self, facts: Facts) -> None:
        self._entries = OrderedEntries()
        self._history = ItemHistory()
        self._facts = facts

    def __len__(self) -> int:
        """Return the number of waiting items, not counting the running item."""
        return len(self._entries)

    @property
    def history_size(self) -> int:
        """Number of items in the history."""
        return len(self._history)

    @property
    def queue_uid(self) -> str:
        """A uid that changes if, and only if, the queued items or the running item change."""
        return self._facts.queue_uid

    @property
    def history_uid(self) -> str:
        """A uid that changes if, and only if, the history changes."""
        return self._facts.history_uid

    @property
    def mode(self) -> ModeSwitches:
        """Loop mode, and whether failures are ignored."""
        return self._facts.mode

    @property
    def running(self) -> dict[str, Any] | None:
        """The running item as it was queued, without the properties of this execution."""
        return json.loads(self._facts.running.item) if self._facts.running else None

    @property
    def running_uid(self) -> str | None:
        """Uid of the running item."""
        return self._facts.running.uid if self._facts.running else None

    @property
    def running_since(self) -> float | None:
        """Start time of the running item, in epoch seconds."""
        return self._facts.running.time_start if self._facts.running else None

    @property
    def running_immediately(self) -> bool:
        """Whether the running item was never in the queue."""
        return self._facts.running is not None and self._facts.running.immediate

    @property
    def instruction_is_next(self) -> bool:
        """Whether the item at the front is an instruction."""
        data = self._entries[0].data
        return b'"instruction"' in data and json.loads(data)["item_type"] == "instruction"

    def uids(self) -> list[str]:
        """Return the uids of the items, front to back."""
        return [entry.uid for entry in self._entries.entries()]

    def items_json(self) -> list[bytes]:
        """Return the items, front to back, each as JSON text."""
        return self._entries.data()

    def running_json(self, *, with_run: bool = False) -> bytes | None:
        """Return the running item as JSON text, either as it was queued or with the properties of this execution."""
        running = self._facts.running
        return running and (running.stored if with_run else running.item)

    @property
    def history(self) -> ItemHistory:
        """The numbers of the items in the history. Do not change them."""
        return self._history

    def item(self, *, pos: Position | None = None, uid: str | None = None) -> dict[str, Any]:
        """Return one item, by position or uid; the last one by default. Raises the same errors as `item_json`."""
        return json.loads(self.item_json(pos=pos, uid=uid))

    def item_json(self, *, pos: Position | None = None, uid: str | None = None) -> bytes:
        """Return one item as JSON text, by position or uid; the last one by default.

        Raises
        ------
        NotFound, ItemError
            There is no such item, or the item is running.
        """
        if uid is not None and uid == self.running_uid:
            raise ItemError(f"Item with UID {uid!r} is currently running")
        return self._entries.one(pos, uid).data

    def position_of(self, uid: str) -> int | None:
        """Return an item's position, counted from 0; None if it is not in the queue."""
        entry = self._entries.find(uid)
        return None if entry is None else self._entries.index(entry)
