"""The keys in Redis, their content, and the commands that read and change them.

This module does not send the commands.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from bluesky_qs.plan_queue.changes import (
    FACTS,
    AddAnswer,
    AddEvent,
    AddHistory,
    AddUndo,
    Change,
    ClearQueue,
    DropItem,
    PutItem,
    SetFact,
    Snapshot,
    StoredItem,
    TrimAnswers,
    TrimEvents,
    TrimHistory,
    TrimUndo,
)
from bluesky_qs.plan_queue.items import as_object
from bluesky_qs.plan_queue.position import spread
from bluesky_qs.store.memory import Contents
from bluesky_qs.store.memory_history import MemoryHistory

log = logging.getLogger(__name__)

LOCK = "lock_info"
#: A hash that nothing depends on; bluesky-queueserver ignores it.
LEARNED_TIMES = "learned_times"
#: The last three belong to bluesky_qs; bluesky-queueserver ignores them.
_QUEUE, _HISTORY, _EVENTS, _UNDO, _ANSWERS = "plan_queue", "plan_history", "events", "undo", "answers"
_LISTS = (_QUEUE, _HISTORY, _EVENTS, _UNDO, _ANSWERS)
#: Maximum number of values in one command.
_CHUNK = 1000
#: Redis searches the list from its front for each item that is moved or inserted. Beyond this number, it is faster to
#: rewrite the list.
_MANY = 100
_ANY = object()


class Step(msgspec.Struct):
    """A command, and the reply that shows that Redis has the correct content; `_ANY` if no reply can show it."""

    command: list[Any]
    reply: Any = _ANY

    def fits(self, reply: Any) -> bool:
        """Return whether this reply is the expected one."""
        return not isinstance(reply, Exception) and (self.reply is _ANY or self.reply == reply)


class Layout:
    """The keys of one service: lists of items in JSON, byte for byte as ``json.dumps`` returns them, and facts."""

    def __init__(self, prefix: str) -> None:
        self._prefix = f"{prefix}_" if prefix else ""

    def key(self, name: str) -> str:
        """Return the full name of a key."""
        return self._prefix + name

    def others(self, names: Iterable[str]) -> list[str]:
        """Return the prefixes of other services, taken from the names of keys that may hold queues and histories."""
        parted = (name.removesuffix(kind) for name in names for kind in (_QUEUE, _HISTORY) if name.endswith(kind))
        found = {prefix for prefix in parted if prefix != self._prefix and (not prefix or prefix.endswith("_"))}
        return sorted(prefix.removesuffix("_") for prefix in found)

    def steps(self, contents: Contents, changes: Sequence[Change]) -> list[Step]:
        """Return the commands that make these changes in Redis."""
        searched = sum(
            isinstance(change, DropItem)
            or (isinstance(change, PutItem) and not (change.before is None and change.replaces is None))
            for change in changes
        )
        if searched <= _MANY:
            return _Changing(self, contents).steps(changes)
        after = Contents(contents.snapshot())  # without the history, which does not affect the queue
        after.apply(change for change in changes if isinstance(change, PutItem | DropItem | ClearQueue))
        queue = [item.data for item in after.snapshot().items]
        others = [change for change in changes if not isinstance(change, PutItem | DropItem | ClearQueue)]
        return [Step(["DEL", self.key(_QUEUE)]), *self._pushes(_QUEUE, queue), *_Changing(self, contents).steps(others)]

    def rewriting(self, contents: Contents, *, with_lock: bool) -> list[Step]:
        """Return the commands that rewrite everything, including the lock only if ``with_lock`` is true."""
        snapshot = contents.snapshot()
        facts = [name for name in FACTS if with_lock or name != LOCK]
        return [
            Step(["DEL", *map(self.key, (*_LISTS, *facts))]),
            *self._pushes(_QUEUE, [item.data for item in snapshot.items]),
            *self._pushes(_HISTORY, contents.history.items),
            *self._pushes(_EVENTS, snapshot.events),
            *self._pushes(_UNDO, snapshot.undo),
            *self._pushes(_ANSWERS, snapshot.answers),
            *(Step(["SET", self.key(name), snapshot.facts[name]], b"OK") for name in facts if name in snapshot.facts),
        ]

    def reading(self) -> list[list[Any]]:
        """Return the commands that read everything."""
        return [*(["LRANGE", self.key(name), 0, -1] for name in _LISTS), ["MGET", *map(self.key, FACTS)]]

    def read(self, replies: list[Any]) -> Contents:
        """Build the content from the replies to `reading`. Ignore invalid entries with a warning."""
        queue, history, events, undo, answers, facts = replies
        items: list[tuple[str, bytes]] = []
        seen: set[str] = set()
        for data in queue:
            entry = self._object(_QUEUE, data)
            uid = entry.get("item_uid")
            if isinstance(uid, str) and uid not in seen:
                seen.add(uid)
                items.append((uid, data))
            elif entry:
                log.warning(
                    "Ignored an entry in %s that has no uid or a repeated uid: %r", self.key(_QUEUE), data[:200]
                )
        ranks = spread(None, None, len(items))
        past = MemoryHistory(data for data in history if self._object(_HISTORY, data))
        snapshot = Snapshot(
            [StoredItem(uid, rank, data) for (uid, data), rank in zip(items, ranks, strict=True)],
            past.numbers,
            {
                name: data
                for name, data in zip(FACTS, facts, strict=True)
                if data is not None and self._is_object(name, data)
            },
            [data for data in events if self._object(_EVENTS, data)],
            [data for data in undo if self._object(_UNDO, data)],
            [data for data in answers if self._object(_ANSWERS, data)],
        )
        return Contents(snapshot, past)

    def _pushes(self, name: str, values: Sequence[bytes]) -> list[Step]:
        return [
            Step(["RPUSH", self.key(name), *values[start : start + _CHUNK]], min(start + _CHUNK, len(values)))
            for start in range(0, len(values), _CHUNK)
        ]

    def _is_object(self, name: str, data: bytes) -> bool:
        # Both services write an empty object in place of a missing value.
        return data == b"{}" or bool(self._object(name, data))

    def _object(self, name: str, data: bytes) -> dict[str, Any]:
        """Return the object in the text. If the text is anything else, log a warning and return an empty object."""
        value = as_object(_value(data))
        if value:
            return value
        log.warning("Ignored an entry in %s that is not a JSON object: %r", self.key(name), data[:200])
        return {}


def _value(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # NaN and other extensions that only Python's json reads
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


class _Changing:
    """Translates changes, and counts the resulting lengths of the lists, because Redis replies with these lengths."""

    def __init__(self, layout: Layout, contents: Contents) -> None:
        self._key = layout.key
        self._lengths: dict[str, int] = dict(zip(_LISTS, contents.sizes(), strict=True))
        self._steps: list[Step] = []
        self._removed = False

    def steps(self, changes: Iterable[Change]) -> list[Step]:
        for change in changes:
            self._add(change)
        if self._removed:  # the reply to LREM does not contain the length
            self._steps.append(Step(["LLEN", self._key(_QUEUE)], self._lengths[_QUEUE]))
        return self._steps

    def _add(self, change: Change) -> None:  # noqa: C901, PLR0912 - one case for each kind of change
        match change:
            case PutItem():
                if change.replaces is not None:
                    self._remove(change.replaces)
                self._insert(change.data, change.before)
            case DropItem():
                self._remove(change.data)
            case ClearQueue():
                self._delete(_QUEUE)
            case AddHistory():
                self._push(_HISTORY, change.data)
            case TrimHistory():
                self._trim(_HISTORY, change.keep)
            case AddEvent():
                self._push(_EVENTS, change.data)
            case TrimEvents():
                self._trim(_EVENTS, change.keep)
            case AddUndo():
                self._push(_UNDO, change.data)
            case TrimUndo():
                self._trim(_UNDO, change.keep)
            case AddAnswer():
                self._push(_ANSWERS, change.data)
            case TrimAnswers():
                self._trim(_ANSWERS, change.keep)
            case SetFact(data=None):
                self._steps.append(Step(["DEL", self._key(change.name)]))
            case SetFact():
                self._steps.append(Step(["SET", self._key(change.name), change.data], b"OK"))

    def _insert(self, data: bytes, before: bytes | None) -> None:
        if before is None:
            self._push(_QUEUE, data)
            return
        self._lengths[_QUEUE] += 1
        # LINSERT and LREM need the exact bytes that Redis holds, hence the encoded items in the changes.
        self._steps.append(Step(["LINSERT", self._key(_QUEUE), "BEFORE", before, data], self._lengths[_QUEUE]))

    def _remove(self, data: bytes) -> None:
        self._removed = True
        self._lengths[_QUEUE] -= 1
        self._steps.append(Step(["LREM", self._key(_QUEUE), 1, data], 1))

    def _push(self, name: str, data: bytes) -> None:
        self._lengths[name] += 1
        key = self._key(name)
        last = self._steps[-1] if self._steps else None
        if last is not None and last.command[:2] == ["RPUSH", key] and len(last.command) < _CHUNK:
            last.command.append(data)
            last.reply = self._lengths[name]
        else:
            self._steps.append(Step(["RPUSH", key, data], self._lengths[name]))

    def _trim(self, name: str, keep: int) -> None:
        if keep <= 0:
            self._delete(name)
            return
        self._lengths[name] = min(self._lengths[name], keep)
        self._steps.append(Step(["LTRIM", self._key(name), -keep, -1], b"OK"))

    def _delete(self, name: str) -> None:
        self._lengths[name] = 0
        self._steps.append(Step(["DEL", self._key(name)]))
