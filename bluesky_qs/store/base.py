"""The interface of all stores."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from bluesky_qs.plan_queue.changes import Change, NumberedItem, Snapshot

#: Texts to look for in an item: one of each group must occur in its JSON text.
Words = Sequence[Sequence[bytes]]


def has_words(data: bytes, words: Words) -> bool:
    """Whether one text of each group occurs in an item."""
    return all(any(word in data for word in group) for group in words)


def first_within(items: Iterable[NumberedItem], most_bytes: int) -> list[NumberedItem]:
    """Return the first items, until they have ``most_bytes`` or more."""
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
    """Keeps rows that can be lost, without losing anything else."""

    async def load(self) -> list[Row]:
        """Return the rows, in the order in which they were kept last.

        Raises
        ------
        StoreError
        """
        ...

    async def keep(self, changes: Sequence[tuple[str, str, str | None]]) -> None:
        """Keep these rows. Drop those without a text.

        Raises
        ------
        StoreError
        """
        ...


class Store(Protocol):
    """Keeps queue, history and facts, even through crashes and power cuts."""

    @property
    def description(self) -> str:
        """The name of the store in the log: ``SQLite file /…``, ``Redis at …``."""
        ...

    @property
    def state_folder(self) -> Path | None:
        """The folder for files that are derived from the store; None if there is none. It need not exist."""
        ...

    @property
    def learned_times(self) -> DerivedRows | None:
        """Keeps learned times of plans; None if they are kept in the state folder."""
        ...

    async def open(self) -> None:
        """Open the store. Call this first.

        Raises
        ------
        StoreError
            Another service uses it, a newer version wrote it, it is unreachable, or it is not writable.
        """
        ...

    async def load(self) -> Snapshot:
        """Return everything that is stored, but only the numbers of the items in the history."""
        ...

    async def read_history(
        self, numbers: Sequence[int], *, words: Words = (), most_bytes: int | None = None
    ) -> list[NumberedItem]:
        """Return the items of the history with these numbers, in the same order.

        Items that were dropped or that do not have the ``words`` are left out. Once the items have
        ``most_bytes`` or more, the others are left out, too.

        Raises
        ------
        StoreError
        """
        ...

    async def find_history(self, uids: Collection[str]) -> dict[str, NumberedItem]:
        """Return those items with these uids that are in the history, by uid; the newest one of each uid.

        Raises
        ------
        StoreError
        """
        ...

    async def history_size(self, numbers: range) -> int:
        """Return the length in bytes of the items with these numbers.

        Raises
        ------
        StoreError
        """
        ...

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make the changes durable, all of them or none, in order.

        Commits are made one after the other, in the order of the calls. The caller combines edits into one commit. Once
        it returns, nothing can be lost in a power cut. Canceling the caller does not stop its commit.

        Raises
        ------
        StoreError
            None of these changes was made.
        """
        ...

    async def close(self) -> None:
        """Finish what is being written, then close the store."""
        ...
