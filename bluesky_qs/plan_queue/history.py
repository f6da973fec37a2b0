"""The numbers of the items that ran, and the items that are not yet durable. All others are read from the store."""

from collections.abc import Iterable, Sequence

from bluesky_qs.plan_queue.changes import AddHistory, Change, NumberedItem, TrimHistory


class ItemHistory:
    """The history. Items are added at the new end and dropped at the old end.

    Each item has a number. Numbers increase by one from item to item and do not change when older items are dropped.

    Parameters
    ----------
    numbers
        The numbers of the items in the store.
    """

    def __init__(self, numbers: range = range(0)) -> None:
        self._first, self._stop = numbers.start, numbers.stop
        self._durable_first, self._durable_stop = numbers.start, numbers.stop
        #: The items from `_durable_stop` on, including items that were dropped before they were durable.
        self._newest: list[bytes] = []
        self._added = 0

    def __len__(self) -> int:
        return self._stop - self._first

    @property
    def numbers(self) -> range:
        """The numbers of all items."""
        return range(self._first, self._stop)

    @property
    def durable(self) -> range:
        """The numbers of the items in the store."""
        return range(self._durable_first, self._durable_stop)

    @property
    def added(self) -> int:
        """How many items have been added so far. Unlike a number, it is never reused when additions are undone."""
        return self._added

    def extend(self, added: Sequence[bytes]) -> None:
        """Add items at the new end."""
        self._newest += added
        self._stop += len(added)
        self._added += len(added)

    def drop(self, count: int) -> int:
        """Drop the oldest ``count`` items; return the number of dropped items, for `restore`."""
        dropped = min(count, len(self))
        self._first += dropped
        return dropped

    def restore(self, dropped: int, added: int) -> None:
        """Undo an edit: restore the oldest items, which were dropped, and remove the newest ``added`` items."""
        self._first -= dropped
        self._stop -= added
        del self._newest[len(self._newest) - added :]

    def stored(self, changes: Iterable[Change]) -> None:
        """Record changes that are now durable. From now on, their items are read from the store."""
        added = 0
        for change in changes:
            match change:
                case AddHistory():
                    added += 1
                case TrimHistory(keep=keep):
                    stop = self._durable_stop + added
                    self._durable_first = max(self._durable_first, stop - max(0, keep))
                case _:
                    pass
        self._durable_stop += added
        del self._newest[:added]

    def newest(self, first: int, stop: int) -> list[NumberedItem]:
        """Return the items with these numbers that are not yet durable, oldest first."""
        start = max(first, self._durable_stop)
        items = self._newest[start - self._durable_stop : max(0, min(stop, self._stop) - self._durable_stop)]
        return list(enumerate(items, start))
