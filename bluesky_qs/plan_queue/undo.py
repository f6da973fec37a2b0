"""The data for undoing a change of the queue: the previous items, and their places among the other items."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from bluesky_qs.api.values import ChangeName
from bluesky_qs.plan_queue.entries import Entry, OrderedEntries

#: Number of neighbors to record on each side of an item that moved or left. The nearest ones may leave the queue, too.
_REACH = 10

#: The kind of change. An addition undoes a clear or a removal.
ChangeKind = Literal["clear", "removal", "move", "edit", "addition"]


class Stretch(msgspec.Struct, frozen=True):
    """A part of the queue as it was before a change: adjacent items, and the position of the first one."""

    pos: int
    uids: list[str]


class UndoRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of the queue, with everything that is needed to undo it.

    Attributes
    ----------
    uids
        The uids of the items that left, or the new uids of the others.
    items
        The JSON texts of items that left or were edited, as they were before.
    stretches
        The surroundings of items that left or moved.
    undoes
        The number of the event whose change this one has undone.
    """

    change: ChangeKind
    uids: list[str]
    items: list[str] = []
    stretches: list[Stretch] = []
    user: str | None = None
    undoes: int | None = None

    @property
    def name(self) -> ChangeName:
        """The name of the change in its event."""
        return "undo" if self.change == "addition" or self.undoes is not None else self.change

    @property
    def left(self) -> bool:
        """Whether the items have left the queue."""
        return self.change in ("clear", "removal")

    def is_complete(self) -> bool:
        """Whether a stored record is complete."""
        places = {uid for stretch in self.stretches for uid in stretch.uids}
        texts = 0 if self.change in ("move", "addition") else len(self.uids)
        return len(self.items) == texts and (self.change in ("edit", "addition") or places.issuperset(self.uids))


def undo_record(
    change: ChangeKind,
    entries: OrderedEntries,
    taken: Sequence[Entry],
    put: Sequence[Entry],
    undoes: int | None,
) -> UndoRecord:
    """Return the record of a change; ``entries`` is the queue before the change."""
    uids = [entry.uid for entry in put or taken]
    texts = [entry.data.decode() for entry in taken] if change != "move" else []
    return UndoRecord(change, uids, texts, [] if change == "edit" else _stretches(entries, taken), undoes=undoes)


def places(entries: OrderedEntries, stretches: Sequence[Stretch], missing: set[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the places of items that go back into the queue: for each place, its index and the uids of its items.

    Put each group into ``entries`` before you request the next one. Items go directly behind the nearest item that was
    in front of them and is still in the queue. If there is none, they go directly in front of the nearest item that
    followed them. If these two neighbors have changed their order, items go to the place nearer to their former
    position. If no neighbor is left, items go to their former position, or to the back if the queue is shorter now.
    """
    for stretch in stretches:
        group: list[str] = []
        front: str | None = None
        first = 0
        for at, uid in enumerate(stretch.uids, stretch.pos):
            if uid in missing:
                first = first if group else at
                group.append(uid)
            elif entries.find(uid):
                if group:
                    yield _index(entries, front, uid, first), group
                    group = []
                front = uid
        if group:
            yield _index(entries, front, None, first), group


def _index(entries: OrderedEntries, front: str | None, behind: str | None, former: int) -> int:
    before, after = entries.find(front or ""), entries.find(behind or "")
    if before is None and after is None:
        return min(former, len(entries))
    if after is None or before is None:
        return entries.index(after) if after else entries.index(before) + 1 if before else 0
    low, high = entries.index(before) + 1, entries.index(after)
    return low if low <= high else min(low, high, key=lambda at: abs(at - former))


def _stretches(entries: OrderedEntries, items: Sequence[Entry]) -> list[Stretch]:
    size = len(entries)
    if len(items) * 4 > size:  # faster than searching for each item
        ordered = entries.entries()
        uids = {entry.uid for entry in items}
        found = [at for at, entry in enumerate(ordered) if entry.uid in uids]
    else:
        ordered = entries
        found = sorted(map(entries.index, items))
    ranges: list[tuple[int, int]] = []
    for at in found:
        first, last = max(0, at - _REACH), min(size, at + _REACH + 1)
        if ranges and first <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], last)
        else:
            ranges.append((first, last))
    return [Stretch(first, [ordered[at].uid for at in range(first, last)]) for first, last in ranges]
