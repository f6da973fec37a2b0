"""Reads the history: the newest items, which are not yet durable, from memory, and all others from the store."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence

from bluesky_qs.errors import NotFound
from bluesky_qs.plan_queue.changes import NumberedItem
from bluesky_qs.plan_queue.history import ItemHistory
from bluesky_qs.plan_queue.items import uid_of
from bluesky_qs.store.base import Store, Words, has_words

#: Number of items and bytes to read at a time in a search. Reading them takes a few milliseconds.
_ITEMS, _BYTES = 500, 500_000


class HistoryBook:
    """The items of the history, by number and by uid.

    Parameters
    ----------
    history
        The item numbers, and the items that are not yet durable.
    store
        Contains all other items.

    Raises
    ------
    StoreError
        From all methods: the store cannot be read.
    """

    def __init__(self, history: ItemHistory, store: Store) -> None:
        self._history = history
        self._store = store

    async def items(self, numbers: range) -> list[NumberedItem]:
        """Return the items with these numbers, oldest first. Items that are dropped in the meantime may be missing."""
        newest = self._history.newest(numbers.start, numbers.stop)
        stop = min(numbers.stop, self._history.durable.stop)
        if numbers.start >= stop:
            return newest
        return await self._store.read_history(range(numbers.start, stop)) + newest

    async def size(self, numbers: range) -> int:
        """Return the total size in bytes of the items with these numbers."""
        newest = sum(len(data) for _, data in self._history.newest(numbers.start, numbers.stop))
        stop = min(numbers.stop, self._history.durable.stop)
        return newest + (await self._store.history_size(range(numbers.start, stop)) if numbers.start < stop else 0)

    async def find(self, uids: Collection[str]) -> dict[str, NumberedItem]:
        """Return the items in the history with these uids, by uid.

        If a uid occurs more than once, return its newest item.

        This finds all items that are in the history when it returns, including items that were added in the meantime.
        """
        while True:
            added = self._history.added
            numbers = self._history.numbers
            newest = {uid_of(each[1]): each for each in self._history.newest(numbers.start, numbers.stop)}
            found = {uid: newest[uid] for uid in uids if uid in newest}
            if (older := [uid for uid in uids if uid not in found]) and self._history.durable:
                found |= await self._store.find_history(older)
            if self._history.added == added:
                numbers = self._history.numbers
                return {uid: item for uid, item in found.items() if item[0] in numbers}

    async def number(self, uid: str) -> int:
        """Return the number of the newest item with this uid.

        Raises
        ------
        NotFound
        """
        found = await self.find([uid])
        if uid not in found:
            raise NotFound(f"Item with UID {uid!r} is not in the history")
        return found[uid][0]

    async def backward(self, numbers: range, words: Words = ()) -> AsyncGenerator[list[NumberedItem]]:
        """Yield the items with these numbers that contain the words, newest first, several at a time.

        Other requests are handled in between. Items that are dropped in the meantime may be missing.
        """
        newest = self._history.newest(numbers.start, numbers.stop)
        yield [each for each in reversed(newest) if has_words(each[1], words)]
        left: Sequence[int] = range(numbers.start, min(numbers.stop, self._history.durable.stop))[::-1]
        while left:
            items, left = await self.first_of(left, words=words)
            yield items
            await asyncio.sleep(0)

    async def first_of(
        self, numbers: Sequence[int], *, words: Words = (), at_once: int = _ITEMS, most_bytes: int = _BYTES
    ) -> tuple[list[NumberedItem], Sequence[int]]:
        """Return the first durable items with these numbers that contain the words, and the numbers left to read."""
        some = numbers[:at_once]
        items = await self._store.read_history(some, words=words, most_bytes=most_bytes)
        is_cut = sum(len(data) for _, data in items) >= most_bytes
        return items, numbers[some.index(items[-1][0]) + 1 if is_cut else len(some) :]
