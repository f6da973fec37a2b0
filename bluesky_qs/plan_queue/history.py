"""The items that ran, oldest first, each as JSON text with its ``result``. They are found by uid without a search."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from bluesky_qs.errors import NotFound
from bluesky_qs.plan_queue.items import uid_of

#: Bytes to search without a pause, a few milliseconds of work, and the bytes that take as long as one item itself.
EFFORT, EFFORT_PER_ITEM = 500_000, 1000


class ItemHistory:
    """Items are added at the new end, dropped at the old end, and read by page or by uid."""

    def __init__(self, items: Iterable[bytes] = ()) -> None:
        self._items: list[bytes] = []
        self._uids: list[str | None] = []
        self._first = 0
        #: For each uid the number of its newest item: other services and damaged stores may hold a uid twice.
        self._numbers: dict[str, int] = {}
        self._repeated: set[str] = set()
        self._bytes = 0
        self.extend(items)

    def __len__(self) -> int:
        return len(self._items)

    def extend(self, added: Iterable[bytes]) -> None:
        """Add items at the new end."""
        for data in added:
            uid = uid_of(data)
            if uid is not None:
                if uid in self._numbers:
                    self._repeated.add(uid)
                self._numbers[uid] = self._first + len(self._items)
            self._items.append(data)
            self._bytes += len(data)
            self._uids.append(uid)

    def drop(self, count: int) -> list[bytes]:
        """Drop the oldest ``count`` items and return them, for `restore`."""
        dropped = self._items[:count]
        for number, uid in enumerate(self._uids[:count], self._first):
            if uid is not None and self._numbers[uid] == number:
                del self._numbers[uid]
        del self._items[:count], self._uids[:count]
        self._first += len(dropped)
        self._bytes -= sum(map(len, dropped))
        return dropped

    def restore(self, dropped: Sequence[bytes], added: int) -> None:
        """Undo an edit: restore the oldest items, which were dropped, and remove the newest ``added`` items."""
        uids = [uid_of(data) for data in dropped]
        self._items[:0] = dropped
        self._bytes += sum(map(len, dropped))
        self._uids[:0] = uids
        self._first -= len(dropped)
        for number, uid in enumerate(uids, self._first):
            # A newer item of the same uid keeps its place in the index; among those put back the newest has it.
            if uid is not None and self._numbers.get(uid, -1) < self._first + len(dropped):
                self._numbers[uid] = number
        for _ in range(added):
            self._take_back_newest()

    def __contains__(self, uid: str) -> bool:
        return uid in self._numbers

    def place(self, uid: str) -> int:
        """The number of items older than the one with this uid.

        Raises
        ------
        NotFound
        """
        if uid not in self._numbers:
            msg = f"Item with UID {uid!r} is not in the history"
            raise NotFound(msg)
        return self._numbers[uid] - self._first

    def find(self, uids: Collection[str]) -> dict[str, bytes]:
        """The items with these uids that are in the history, by uid."""
        return {uid: self._items[self.place(uid)] for uid in uids if uid in self._numbers}

    @property
    def first(self) -> int:
        """The number of the oldest item.

        Numbers grow by one from item to item, and stay when older items are dropped.
        """
        return self._first

    def at(self, number: int) -> tuple[str | None, bytes] | None:
        """The uid and the text of the item with this number; None if it is not in the history."""
        place = number - self._first
        return (self._uids[place], self._items[place]) if 0 <= place < len(self._items) else None

    def numbered(self, first: int, stop: int) -> list[bytes]:
        """The items with the numbers from ``first`` to before ``stop``, without those that have been dropped."""
        return self._items[max(0, first - self._first) : max(0, stop - self._first)]

    @property
    def size_in_bytes(self) -> int:
        """The length of the JSON text of all items."""
        return self._bytes

    def page(self, limit: int | None = None, before: str | None = None) -> tuple[int, list[bytes]]:
        """The newest ``limit`` items older than the item ``before``; oldest first. Also the place of the first of them.

        Raises
        ------
        NotFound
            There is no item ``before``.
        """
        end = len(self._items) if before is None else self.place(before)
        first = 0 if limit is None else max(0, end - limit)
        return first, self._items[first:end]

    def search(self, accepts: Callable[[bytes], bool], before: str | None = None) -> Iterator[tuple[int, bytes] | None]:
        """The accepted items older than the item ``before``, newest first, each with its place.

        Items that are added or dropped meanwhile make no difference. None stands for a pause in a long search, in which
        other work can be done.

        Raises
        ------
        NotFound
            There is no item ``before``; raised at once.
        """
        _, items = self.page(None, before)
        return _search(items, accepts)

    def _take_back_newest(self) -> None:
        self._bytes -= len(self._items.pop())
        uid = self._uids.pop()
        if uid is None:
            return
        del self._numbers[uid]
        if uid in self._repeated and uid in self._uids:
            self._numbers[uid] = self._first + max(place for place, each in enumerate(self._uids) if each == uid)


def _search(items: Sequence[bytes], accepts: Callable[[bytes], bool]) -> Iterator[tuple[int, bytes] | None]:
    effort = 0
    for place in range(len(items) - 1, -1, -1):
        data = items[place]
        if accepts(data):
            yield place, data
        effort += len(data) + EFFORT_PER_ITEM
        if effort > EFFORT:
            effort = 0
            yield None
