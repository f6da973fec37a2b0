"""The items that ran, from old to new, each as JSON text with its ``result``."""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from bluesky_qs.errors import BadParams, NotFound

_ITEM_UID = re.compile(rb'"item_uid": ("(?:[^"\\]|\\.)*")')


class Past:
    """The history: appended at the new end, dropped at the old one, read by pages."""

    def __init__(self, items: Iterable[bytes] = ()) -> None:
        self._items = list(items)

    def __len__(self) -> int:
        return len(self._items)

    def extend(self, added: Iterable[bytes]) -> None:
        """Add items at the new end."""
        self._items.extend(added)

    def drop(self, count: int) -> list[bytes]:
        """Drop the oldest ``count`` items; returns them, for `restore`."""
        dropped = self._items[:count]
        del self._items[:count]
        return dropped

    def restore(self, dropped: list[bytes], added: int) -> None:
        """Undo: put back what was dropped at the old end, take back the newest ``added``."""
        self._items[:0] = dropped
        if added:
            del self._items[-added:]

    def place(self, uid: str) -> int:
        """The number of items older than the one with this uid.

        Raises
        ------
        NotFound
        """
        for place, _ in self._newest_first({"item_uid": uid}, len(self._items)):
            return place
        msg = f"Item with UID {uid!r} is not in the history"
        raise NotFound(msg)

    def find(self, uids: Collection[str]) -> dict[str, bytes]:
        """Those of these items that are here, by uid: all of them in one pass."""
        wanted = {json.dumps(uid).encode(): uid for uid in uids}
        found: dict[str, bytes] = {}
        for data in reversed(self._items):
            if len(found) == len(wanted):
                break
            # Arguments may hold such words too, hence the second look.
            for uid in {wanted[text] for text in _ITEM_UID.findall(data) if text in wanted} - found.keys():
                if json.loads(data)["item_uid"] == uid:
                    found[uid] = data
        return found

    def page(
        self,
        limit: int | None = None,
        before: str | None = None,
        exit_status: str | None = None,
        name: str | None = None,
    ) -> list[bytes]:
        """The newest ``limit`` items older than the item ``before``, of that exit status and name; oldest first."""
        if limit is not None and limit < 0:
            msg = f"Parameter 'limit' must not be negative: limit={limit}"
            raise BadParams(msg)
        end = len(self._items) if before is None else self.place(before)
        wanted = {key: value for key, value in (("exit_status", exit_status), ("name", name)) if value is not None}
        if not wanted:
            return self._items[:end] if limit is None else self._items[max(0, end - limit) : end]
        found: list[bytes] = []
        for _, data in self._newest_first(wanted, end):
            if len(found) == limit:
                break
            found.append(data)
        return found[::-1]

    def _newest_first(self, wanted: dict[str, str], end: int) -> Iterator[tuple[int, bytes]]:
        """Items with these values, and their places.

        Almost all items are told by their text alone, because it is what ``json.dumps`` gives; the few that remain
        are decoded, because an argument of theirs may hold the same words.
        """
        words = [json.dumps({key: value})[1:-1].encode() for key, value in wanted.items()]
        for place in range(end - 1, -1, -1):
            data = self._items[place]
            if all(word in data for word in words) and _has(json.loads(data), wanted):
                yield place, data


def _has(item: dict[str, Any], wanted: dict[str, str]) -> bool:
    result = item.get("result") or {}
    return all((result if key == "exit_status" else item).get(key) == value for key, value in wanted.items())
