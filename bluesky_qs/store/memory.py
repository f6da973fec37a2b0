"""The content of a store in memory: a store for tests, and the mirror from which Redis is rewritten."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import assert_never

from bluesky_qs.errors import StoreError
from bluesky_qs.plan_queue.changes import (
    AddAnswer,
    AddEvent,
    AddHistory,
    AddUndo,
    Change,
    ClearQueue,
    DropItem,
    NumberedItem,
    PutItem,
    SetFact,
    Snapshot,
    StoredItem,
    TrimAnswers,
    TrimEvents,
    TrimHistory,
    TrimUndo,
)
from bluesky_qs.store.base import DerivedRows, Words
from bluesky_qs.store.memory_history import MemoryHistory


class Contents:
    """The queue, history, events, undo records, answers and facts after all changes so far.

    ``history`` has the items in the history, because a ``snapshot`` has only their numbers.
    """

    def __init__(self, snapshot: Snapshot | None = None, history: MemoryHistory | None = None) -> None:
        snapshot = snapshot or Snapshot()
        self._items = {item.uid: item for item in snapshot.items}
        self.history = history or MemoryHistory()
        self._events = list(snapshot.events)
        self._undo = list(snapshot.undo)
        self._answers = list(snapshot.answers)
        self._facts = dict(snapshot.facts)

    def snapshot(self) -> Snapshot:
        """Return the present content."""
        return Snapshot(
            sorted(self._items.values(), key=lambda item: item.rank),
            self.history.numbers,
            dict(self._facts),
            list(self._events),
            list(self._undo),
            list(self._answers),
        )

    def copy(self) -> "Contents":
        """Return a copy that can be changed independently."""
        return Contents(self.snapshot(), self.history.copy())

    def sizes(self) -> tuple[int, int, int, int, int]:
        """Return the numbers of items, history items, events, undo records and answers."""
        return len(self._items), len(self.history.items), len(self._events), len(self._undo), len(self._answers)

    def apply(self, changes: Iterable[Change]) -> None:  # noqa: C901, PLR0912 - one case for each kind of change
        """Make the changes, in order."""
        for change in changes:
            match change:
                case PutItem():
                    self._items[change.uid] = StoredItem(change.uid, change.rank, change.data)
                case DropItem():
                    self._items.pop(change.uid, None)
                case ClearQueue():
                    self._items.clear()
                case AddHistory():
                    self.history.add(change.data)
                case TrimHistory():
                    self.history.trim(change.keep)
                case AddEvent():
                    self._events.append(change.data)
                case TrimEvents():
                    del self._events[: max(0, len(self._events) - change.keep)]
                case AddUndo():
                    self._undo.append(change.data)
                case TrimUndo():
                    del self._undo[: max(0, len(self._undo) - change.keep)]
                case AddAnswer():
                    self._answers.append(change.data)
                case TrimAnswers():
                    del self._answers[: max(0, len(self._answers) - change.keep)]
                case SetFact(data=None):
                    self._facts.pop(change.name, None)
                case SetFact():
                    self._facts[change.name] = change.data or b""
                case _:
                    assert_never(change)


class ReadFromMemory:
    """The reading half of a store whose contents are in memory."""

    _contents: Contents

    async def load(self) -> Snapshot:
        """Return everything that is stored."""
        return self._contents.snapshot()

    async def read_history(
        self, numbers: Sequence[int], *, words: Words = (), most_bytes: int | None = None
    ) -> list[NumberedItem]:
        """Return history items by number."""
        return self._contents.history.read(numbers, words=words, most_bytes=most_bytes)

    async def find_history(self, uids: Collection[str]) -> dict[str, NumberedItem]:
        """Return history items by uid."""
        return self._contents.history.find(uids)

    async def history_size(self, numbers: range) -> int:
        """Return the total size of history items in bytes."""
        return self._contents.history.size(numbers)


class MemoryStore(ReadFromMemory):
    """A store that lasts as long as its object; `refuse` makes it fail.

    Attributes
    ----------
    refuse
        While this is not None, every commit fails with this message.
    """

    description = "memory"
    state_folder: Path | None = None
    learned_times: DerivedRows | None = None

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.refuse: str | None = None
        self._contents = Contents(snapshot)

    async def open(self) -> None:
        """Do nothing: memory is always open."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make the changes, or refuse them."""
        if self.refuse is not None:
            raise StoreError(self.refuse)
        self._contents.apply(changes)

    async def close(self) -> None:
        """Do nothing: memory is always open."""
