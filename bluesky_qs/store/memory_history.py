"""A history in memory: items by number and by uid."""

from collections.abc import Collection, Iterable, Sequence

from bluesky_qs.plan_queue.changes import NumberedItem
from bluesky_qs.plan_queue.items import uid_of
from bluesky_qs.store.base import Words, first_within, has_words


class MemoryHistory:
    """The history. Items are added at the new end, dropped at the old end, and read by number or by uid."""

    def __init__(self, items: Iterable[bytes] = ()) -> None:
        self._items: list[bytes] = []
        self._uids: list[str | None] = []
        self._first = 0
        #: For each uid, the number of its newest item: other services and damaged stores may contain a uid twice.
        self._numbers: dict[str, int] = {}
        for data in items:
            self.add(data)

    def copy(self) -> "MemoryHistory":
        """Return a history with the same items and numbers."""
        other = MemoryHistory()
        other._items, other._uids = list(self._items), list(self._uids)
        other._first, other._numbers = self._first, dict(self._numbers)
        return other

    @property
    def numbers(self) -> range:
        """The numbers of the items."""
        return range(self._first, self._first + len(self._items))

    @property
    def items(self) -> Sequence[bytes]:
        """All items, oldest first."""
        return self._items

    def add(self, data: bytes) -> None:
        """Add an item at the new end."""
        uid = uid_of(data)
        if uid is not None:
            self._numbers[uid] = self._first + len(self._items)
        self._items.append(data)
        self._uids.append(uid)

    def trim(self, keep: int) -> None:
        """Drop the oldest items so that the newest ``keep`` remain."""
        count = max(0, len(self._items) - max(0, keep))
        for number, uid in enumerate(self._uids[:count], self._first):
            if uid is not None and self._numbers[uid] == number:
                del self._numbers[uid]
        del self._items[:count], self._uids[:count]
        self._first += count

    def read(self, numbers: Sequence[int], *, words: Words = (), most_bytes: int | None = None) -> list[NumberedItem]:
        """Do the same as `Store.read_history`."""
        have = self.numbers
        items = ((number, self._items[number - have.start]) for number in numbers if number in have)
        if words:
            items = (item for item in items if has_words(item[1], words))
        return list(items) if most_bytes is None else first_within(items, most_bytes)

    def find(self, uids: Collection[str]) -> dict[str, NumberedItem]:
        """Do the same as `Store.find_history`."""
        numbers = {uid: self._numbers[uid] for uid in uids if uid in self._numbers}
        return {uid: (number, self._items[number - self._first]) for uid, number in numbers.items()}

    def size(self, numbers: range) -> int:
        """Do the same as `Store.history_size`."""
        return sum(map(len, self._items[max(0, numbers.start - self._first) : max(0, numbers.stop - self._first)]))
