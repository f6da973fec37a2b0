"""The queue changes that can be undone, by event number."""

import logging
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Self

import msgspec

from bluesky_qs.errors import ItemError, NotFound, WrongState
from bluesky_qs.plan_queue.changes import AddUndo, Change, TrimUndo
from bluesky_qs.plan_queue.items import uid_of
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.plan_queue.undo import ChangeKind, UndoRecord

logger = logging.getLogger(__name__)

#: Seconds for which a change can be undone.
KEPT = 3600.0
#: Maximum total size of the records in bytes. Beyond it, the oldest are dropped earlier, but the newest one is always
#: kept.
LARGEST = 32_000_000

_DONE = {"clear": "removed", "removal": "removed", "move": "moved", "edit": "edited", "addition": "put back"}


class NumberedRecord(msgspec.Struct, frozen=True):
    """A record with the number and the time of its event."""

    seq: int
    time: float
    record: UndoRecord


class _Kept(msgspec.Struct, frozen=True):
    """A record as text, because it may be large, and its searchable part."""

    seq: int
    time: float
    text: bytes
    change: ChangeKind
    touched: list[str]
    undoes: int | None
    user: str | None

    @classmethod
    def of(cls, text: bytes, numbered: NumberedRecord) -> Self:
        record = numbered.record
        return cls(numbered.seq, numbered.time, text, record.change, _touched(record), record.undoes, record.user)


class UndoBook:
    """The records of the last hour, oldest first.

    Parameters
    ----------
    stored
        Records from the store, oldest first.
    last
        The number of the last event.
    now
        Epoch seconds.
    """

    def __init__(self, stored: Iterable[bytes], last: int, now: Callable[[], float] = time.time) -> None:
        self._now = now
        texts = list(stored)
        self._kept = deque(_readable(texts, last))
        #: Whether the store has useless records, which the next change drops.
        self._is_clean = len(self._kept) == len(texts)
        #: The number of records that the current commit drops.
        self._dropping = 0

    def numbered(self, records: Sequence[tuple[int, UndoRecord]]) -> list[bytes]:
        """Return the records in their stored form, each with its event number. Call `made` when they are stored."""
        now = self._now()
        return [msgspec.json.encode(NumberedRecord(seq, now, record)) for seq, record in records]

    def changes(self, texts: Sequence[bytes]) -> list[Change]:
        """Return the changes that store these records and drop old and surplus ones."""
        if not texts:
            return []
        added: list[Change] = [AddUndo(text) for text in texts]
        if not self._is_clean:
            return [TrimUndo(0), *(AddUndo(each.text) for each in self._kept), *added]
        self._dropping = self._expired(texts)
        keep = len(self._kept) - self._dropping + len(texts)
        return [*added, TrimUndo(keep)] if self._dropping else added

    def made(self, texts: Sequence[bytes]) -> None:
        """Keep the records from the last `changes`, which are durable now."""
        if not texts:
            return
        self._is_clean = True
        for _ in range(self._dropping):
            self._kept.popleft()
        self._dropping = 0
        self._kept.extend(_Kept.of(text, _decoded(text)) for text in texts)

    def uids(self, number: int) -> list[str]:
        """Return the uids of the items in a change; an empty list if there is no record of it."""
        return next((_decoded(each.text).record.uids for each in self._kept if each.seq == number), [])

    def find(self, number: int, queue: PlanQueue, ended: Container[str]) -> UndoRecord:
        """Return the record of the change to undo, if it can be undone now.

        ``ended`` has the uids of the change's items that are in the history.

        Raises
        ------
        NotFound, WrongState, ItemError
            There is no such record, the change was already undone, or an item has changed since, is running or has run.
        """
        place = next((at for at, each in enumerate(self._kept) if each.seq == number), None)
        if place is None:
            raise NotFound(f"Event {number} is not a clear, removal, move or edit from the last hour")
        kept, *later = list(self._kept)[place:]
        record = _decoded(kept.text).record
        self._refuse_changed(number, set(kept.touched), later)
        for uid in record.uids:
            queued = queue.position_of(uid) is not None
            if uid == queue.running_uid:
                raise ItemError(f"Item with UID {uid!r} is currently running")
            if not queued and uid in ended:
                raise ItemError(f"Item with UID {uid!r} has run already")
            if queued and record.left:
                raise ItemError(f"Item with UID {uid!r} is back in the queue")
            if not queued and not record.left:
                raise ItemError(f"Item with UID {uid!r} is no longer in the queue")
        return record

    def _refuse_changed(self, number: int, uids: set[str], later: Sequence[_Kept]) -> None:
        undone: set[int] = set()
        for each in reversed(later):
            if each.seq in undone:  # the change and its undo cancel each other
                continue
            if each.undoes is not None:
                undone.add(each.undoes)
                if each.undoes == number:
                    raise WrongState(f"Event {number} has been undone already, by event {each.seq}")
            elif same := uids.intersection(each.touched):
                who = f" by {each.user}" if each.user else ""
                raise ItemError(
                    f"Item with UID {min(same)!r} was {_DONE[each.change]} since then{who} (event {each.seq})"
                )

    def _expired(self, new: Sequence[bytes]) -> int:
        """The number of kept records to drop when these are added."""
        oldest = self._now() - KEPT
        size = sum(len(each.text) for each in self._kept) + sum(map(len, new))
        dropped = 0
        for each in self._kept:
            if each.time >= oldest and size <= LARGEST:
                break
            size -= len(each.text)
            dropped += 1
        return dropped


def _touched(record: UndoRecord) -> list[str]:
    """The uids of the items before and after the change."""
    former = [uid_of(text.encode()) for text in record.items] if record.change == "edit" else []
    return [*record.uids, *(uid for uid in former if uid and uid not in record.uids)]


def _decoded(text: bytes) -> NumberedRecord:
    return msgspec.json.decode(text, type=NumberedRecord)


def _readable(texts: Sequence[bytes], last: int) -> list[_Kept]:
    """Return the records that belong to the events. A record beyond the last event would get a wrong number."""
    kept: list[_Kept] = []
    for text in texts:
        try:
            each = _decoded(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if each.record.is_complete() and (kept[-1].seq if kept else 0) < each.seq <= last:
            kept.append(_Kept.of(text, each))
    if ignored := len(texts) - len(kept):
        logger.warning(
            "Ignored %d stored changes that cannot be undone: they are damaged, or their events are missing", ignored
        )
    return kept
