"""The items that ran, oldest first, each as JSON text with its ``result``. They are found by uid without a search."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from bluesky_qs.errors import BadParams, NotFound
from bluesky_qs.plan_queue.items import as_object, uid_of


class ItemHistory:
    """Items are added at the new end, dropped at the old end, and read by page or by uid."""

    def __init__(self, items: Iterable[bytes] = ()) -> None:
        self._items: list[bytes] = []
        self._uids: list[str | None] = []
        #: Number of the oldest item; numbers grow by one from item to item, and stay when older items are dropped.
        self._first = 0
        #: For each uid the number of its newest item: other services and damaged stores may hold a uid twice.
        self._numbers: dict[str, int] = {}
        self._repeated: set[str] = set()
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
            self._uids.append(uid)

    def drop(self, count: int) -> list[bytes]:
        """Drop the oldest ``count`` items and return them, for `restore`."""
        dropped = self._items[:count]
        for number, uid in enumerate(self._uids[:count], self._first):
            if uid is not None and self._numbers[uid] == number:
                del self._numbers[uid]
        del self._items[:count], self._uids[:count]
        self._first += len(dropped)
        return dropped

    def restore(self, dropped: Sequence[bytes], added: int) -> None:
        """Undo an edit: restore the oldest items, which were dropped, and remove the newest ``added`` items."""
        uids = [uid_of(data) for data in dropped]
        self._items[:0] = dropped
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

    def page(
        self,
        limit: int | None = None,
        before: str | None = None,
        exit_status: str | None = None,
        name: str | None = None,
    ) -> list[bytes]:
        """The newest ``limit`` items older than ``before`` with this exit status and name; oldest first."""
        if limit is not None and limit < 0:
            msg = f"Parameter 'limit' must not be negative: limit={limit}"
            raise BadParams(msg)
        end = len(self._items) if before is None else self.place(before)
        wanted = {key: value for key, value in (("exit_status", exit_status), ("name", name)) if value is not None}
        if not wanted:
            return self._items[:end] if limit is None else self._items[max(0, end - limit) : end]
        return list(islice(self._newest_first(wanted, end), limit))[::-1]

    def _take_back_newest(self) -> None:
        self._items.pop()
        uid = self._uids.pop()
        if uid is None:
            return
        del self._numbers[uid]
        if uid in self._repeated and uid in self._uids:
            self._numbers[uid] = self._first + max(place for place, each in enumerate(self._uids) if each == uid)

    def _newest_first(self, wanted: dict[str, str], end: int) -> Iterator[bytes]:
        """Items with these values.

        A text search rules out almost all items, because the text is exactly what ``json.dumps`` returns. The remaining
        items are decoded, because their arguments may contain the same text.
        """
        words = [json.dumps({key: value})[1:-1].encode() for key, value in wanted.items()]
        for place in range(end - 1, -1, -1):
            data = self._items[place]
            if all(word in data for word in words) and _has(json.loads(data), wanted):
                yield data


def _has(item: dict[str, Any], wanted: dict[str, str]) -> bool:
    result = as_object(item.get("result"))
    return all((result if key == "exit_status" else item).get(key) == value for key, value in wanted.items())
