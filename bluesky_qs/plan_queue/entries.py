"""The queued items in order, found by position and by uid in O(log n)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import msgspec
from sortedcontainers import SortedList  # pyright: ignore[reportMissingTypeStubs]

from bluesky_qs.api.types import Position
from bluesky_qs.errors import BadParams, NotFound
from bluesky_qs.plan_queue.position import spread


class Entry(msgspec.Struct, frozen=True):
    """A queued item: ``data`` is its JSON text."""

    uid: str
    rank: bytes
    data: bytes


class _Ranks(Protocol):
    """The part of `SortedList` that is used here, because `SortedList` has no types."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __getitem__(self, index: int) -> bytes: ...
    def index(self, value: bytes) -> int: ...
    def update(self, iterable: Iterable[bytes]) -> None: ...
    def remove(self, value: bytes) -> None: ...


def _in_order(ranks: Iterable[bytes] = ()) -> _Ranks:
    ordered: Any = SortedList(ranks)
    return ordered


class OrderedEntries:
    """The entries by position and by uid. The items themselves are not decoded."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._ranks = _in_order()
        self._by_rank: dict[bytes, Entry] = {}
        self._by_uid: dict[str, Entry] = {}
        self.put(entries)

    def __len__(self) -> int:
        return len(self._ranks)

    def __getitem__(self, index: int) -> Entry:
        """Return the entry at a position; negative positions count from the back.

        Raises IndexError if there is no such position.
        """
        return self._by_rank[self._ranks[index]]

    def find(self, uid: str) -> Entry | None:
        """Return the entry with this uid, if there is one."""
        return self._by_uid.get(uid)

    def index(self, entry: Entry) -> int:
        """Return the position of an entry, counted from 0."""
        return self._ranks.index(entry.rank)

    def place(self, pos: Position | None) -> int | None:
        """Return an item's position, counted from 0; None if there is none.

        Without ``pos``, return the last position.
        """
        size = len(self)
        if pos == "front":
            index = 0
        elif pos is None or pos == "back":
            index = size - 1
        else:
            index = pos + size if pos < 0 else pos
        return index if 0 <= index < size else None

    def one(self, pos: Position | None, uid: str | None) -> Entry:
        """Return the entry at a position or with a uid; the last entry by default.

        Raises
        ------
        BadParams, NotFound
        """
        only_one(pos=pos, uid=uid)
        if uid is not None:
            if entry := self.find(uid):
                return entry
            msg = f"Item with UID {uid!r} is not in the queue"
            raise NotFound(msg)
        if not len(self):
            raise NotFound("Queue is empty")
        if (place := self.place(pos)) is None:
            msg = f"Position {pos!r} is out of range: the queue has {len(self)} items"
            raise NotFound(msg)
        return self[place]

    def all_of(self, uids: Sequence[str]) -> list[Entry]:
        """Return the entries with these uids, in the order of the uids.

        Raises
        ------
        NotFound
            The message lists all missing uids.
        """
        if missing := [uid for uid in uids if uid not in self._by_uid]:
            msg = f"The queue does not contain items with the following UIDs: {missing}"
            raise NotFound(msg)
        return [self._by_uid[uid] for uid in uids]

    def data_at(self, index: int) -> bytes | None:
        """Return the JSON text of the item at a position; None after the last item."""
        return self[index].data if index < len(self) else None

    def data(self) -> list[bytes]:
        """Return the items as JSON text, front to back."""
        by_rank = self._by_rank
        return [by_rank[rank].data for rank in self._ranks]

    def entries(self) -> list[Entry]:
        """Return the entries, front to back."""
        return [self._by_rank[rank] for rank in self._ranks]

    def put(self, entries: Iterable[Entry]) -> None:
        """Insert entries at their ranks."""
        ranks: list[bytes] = []
        for entry in entries:
            self._by_rank[entry.rank] = self._by_uid[entry.uid] = entry
            ranks.append(entry.rank)
        self._ranks.update(ranks)

    def take(self, entries: Sequence[Entry]) -> None:
        """Remove entries."""
        for entry in entries:
            del self._by_uid[entry.uid], self._by_rank[entry.rank]
        if len(entries) * 4 > len(self._ranks):
            self._ranks = _in_order(self._by_rank)
        else:
            for entry in entries:
                self._ranks.remove(entry.rank)

    def room(self, index: int, count: int) -> list[bytes]:
        """Return ranks for ``count`` adjacent entries, the first of them at this position."""
        low = self[index - 1].rank if index > 0 else None
        high = self[index].rank if index < len(self) else None
        return spread(low, high, count)


def only_one(**places: Any) -> None:
    """Refuse the request if it has more than one of these parameters.

    Raises
    ------
    BadParams
    """
    given = [name for name, value in places.items() if value is not None]
    if len(given) > 1:
        msg = f"Ambiguous parameters: {' and '.join(repr(name) for name in given)} are mutually exclusive"
        raise BadParams(msg)


def refuse_repeated(uids: Sequence[str]) -> None:
    """Refuse a list that contains a uid twice.

    Raises
    ------
    BadParams
    """
    if repeated := [uid for uid, count in Counter(uids).items() if count > 1]:
        msg = f"The list of UIDs contains repeated UIDs: {repeated}"
        raise BadParams(msg)
