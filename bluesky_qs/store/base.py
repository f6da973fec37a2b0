"""The interface of all stores."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from bluesky_qs.plan_queue.changes import Change, NumberedItem, Snapshot

#: Strings to look for in an item: one string of each group must occur in its JSON text.
Words = Sequence[Sequence[bytes]]


def has_words(data: bytes, words: Words) -> bool:
    """Return whether one string of each group occurs in an item."""
    return all(any(word in data for word in group) for group in words)


def first_within(items: Iterable[NumberedItem], most_bytes: int) -> list[NumberedItem]:
    """Return the first items, until they add up to ``most_bytes`` or more."""
    found: list[NumberedItem] = []
    size = 0
    for item in items:
        found.append(item)
        size += len(item[1])
        if size >= most_bytes:
            break
    return found


#: A row of derived data: kind, key and text.
Row = tuple[str, str, str]


class DerivedRows(Protocol):
    """Keeps rows of derived data. If they are lost, nothing else is."""

    async def load(self) -> list[Row]:
        """Return the rows in the order in which they were last kept.

        Raises
        ------
        StoreError
        """
        ...

    async def keep(self, changes: Sequence[tuple[str, str, str | None]]) -> None:
        """Keep these rows. Drop the rows that have no text.

        Raises
        ------
        StoreError
        """
        ...


class Store(Protocol):
    """Keeps the queue, the history and the facts safe from crashes and power outages."""

    @property
    def description(self) -> str:
        """The store's name in the log, such as ``SQLite file /…`` or ``Redis at …``."""
        ...

    @property
    def state_folder(self) -> Path | None:
        """The folder for files that are derived from the store; None if there is none. It need not exist."""
        ...

    @property
    def learned_times(self) -> DerivedRows | None:
        """The object that keeps learned times; None if they are kept in the state folder."""
        ...

    async def open(self) -> None:
        """Open the store. Call this first.

        Raises
        ------
        StoreError
            Another service uses the store, a newer version wrote it, or it is unreachable or not writable.
        """
        ...

    async def load(self) -> Snapshot:
        """Return everything that is stored, except that the history is given only by the numbers of its items."""
        ...

    async def read_history(
        self, numbers: Sequence[int], *, words: Words = (), most_bytes: int | None = None
    ) -> list[NumberedItem]:
        """Return the items in the history with these numbers, in the same order.

        Items that were dropped or that do not contain the ``words`` are left out. Once the items add up to
        ``most_bytes`` or more, the remaining items are left out, too.

        Raises
        ------
        StoreError
        """
        ...

    async def find_history(self, uids: Collection[str]) -> dict[str, NumberedItem]:
        """Return the items in the history with these uids, by uid; for each uid, the newest item.

        Raises
        ------
        StoreError
        """
        ...

    async def history_size(self, numbers: range) -> int:
        """Return the total size in bytes of the items with these numbers.

        Raises
        ------
        StoreError
        """
        ...

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make the changes durable, in order: all of them or none.

        Commits are made one after the other, in the order of the calls. The caller combines edits into one commit. Once
        this method returns, the changes survive a power outage. Canceling the caller does not stop its commit.

        Raises
        ------
        StoreError
            None of these changes was made.
        """
        ...

    async def close(self) -> None:
        """Finish what is being written, then close the store."""
        ...
