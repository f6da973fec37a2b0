"""The plans in the history that this session has seen, by number, for completion without requests."""

from collections.abc import Mapping

from bluesky_qs.words.planexpr import Item

#: Maximum number of plans.
_MOST = 10_000


class HistoryAtHand:
    """Uids of plans by number, and the length of the history."""

    def __init__(self) -> None:
        self._length = 0
        self._uids: dict[int, str] = {}

    def has_length(self, length: int) -> None:
        """Record the length of the history. If it has been cleared, drop the numbers."""
        if length < self._length or len(self._uids) > _MOST:
            self._uids.clear()
        self._length = length

    def note(self, plans: Mapping[int, Item]) -> None:
        """Record plans with their numbers. The history has at least these plans, even if the last status is older."""
        self._length = max([self._length, *(number + 1 for number in plans)])
        self._uids.update((number, item["item_uid"]) for number, item in plans.items())

    def uid(self, back: int) -> str:
        """The uid of the plan that ended last (1), of the one before it (2), …; empty if it is not known."""
        return self._uids.get(self._length - back, "")
