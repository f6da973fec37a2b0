"""What a store holds, in memory: the store of the tests, and the mirror of stores that have to be written anew."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from bluesky_qs.errors import StoreError
from bluesky_qs.plan_queue.changes import (
    AddEvent,
    AddHistory,
    Change,
    ClearQueue,
    DropItem,
    PutItem,
    SetFact,
    Snapshot,
    StoredItem,
    TrimEvents,
    TrimHistory,
)


class Contents:
    """Queue, history, events and facts as the changes have made them."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        snapshot = snapshot or Snapshot()
        self._items = {item.uid: item for item in snapshot.items}
        self._history = list(snapshot.history)
        self._events = list(snapshot.events)
        self._facts = dict(snapshot.facts)

    def snapshot(self) -> Snapshot:
        """All of it, as it is now."""
        return Snapshot(
            sorted(self._items.values(), key=lambda item: item.rank),
            list(self._history),
            dict(self._facts),
            list(self._events),
        )

    def sizes(self) -> tuple[int, int, int]:
        """How many items, history items and events there are."""
        return len(self._items), len(self._history), len(self._events)

    def apply(self, changes: Iterable[Change]) -> None:
        """Make the changes, in their order."""
        for change in changes:
            match change:
                case PutItem():
                    self._items[change.uid] = StoredItem(change.uid, change.rank, change.data)
                case DropItem():
                    self._items.pop(change.uid, None)
                case ClearQueue():
                    self._items.clear()
                case AddHistory():
                    self._history.append(change.data)
                case TrimHistory():
                    del self._history[: max(0, len(self._history) - change.keep)]
                case AddEvent():
                    self._events.append(change.data)
                case TrimEvents():
                    del self._events[: max(0, len(self._events) - change.keep)]
                case SetFact(data=None):
                    self._facts.pop(change.name, None)
                case SetFact():
                    self._facts[change.name] = change.data or b""
                case _:
                    assert_never(change)


class MemoryStore:
    """A store that forgets all when its object goes; `refuse` makes it fail.

    Attributes
    ----------
    refuse
        While not None, every commit is refused with this sentence.
    """

    description = "memory"

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.refuse: str | None = None
        self._contents = Contents(snapshot)

    async def open(self) -> None:
        """There is nothing to open."""

    async def load(self) -> Snapshot:
        """Everything that was committed."""
        return self._contents.snapshot()

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make the changes, or refuse them."""
        if self.refuse is not None:
            raise StoreError(self.refuse)
        self._contents.apply(changes)

    async def close(self) -> None:
        """There is nothing to close."""
