"""The SQL statements for the changes in a store."""

from collections.abc import Iterable, Iterator
from typing import Any, assert_never

from bluesky_qs.plan_queue.changes import (
    AddAnswer,
    AddEvent,
    AddHistory,
    AddUndo,
    Change,
    ClearQueue,
    DropItem,
    PutItem,
    SetFact,
    TrimAnswers,
    TrimEvents,
    TrimHistory,
    TrimUndo,
)
from bluesky_qs.store.sqlite_history import ADD_HASH, ADD_ITEM, hash_of

_PUT_ITEM = (
    "INSERT INTO queue (uid, rank, data) VALUES (?, ?, ?)"
    " ON CONFLICT (uid) DO UPDATE SET rank = excluded.rank, data = excluded.data"
)
_SET_FACT = "INSERT INTO facts (name, data) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET data = excluded.data"


def statements_of(  # noqa: C901, PLR0912 - one case for each kind of change
    changes: Iterable[Change], number: int
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the statements that make the changes. ``number`` is the number of the next history item."""
    for change in changes:
        match change:
            case PutItem(uid=uid, rank=rank, data=data):
                yield _PUT_ITEM, (uid, rank, data)
            case DropItem(uid=uid):
                yield "DELETE FROM queue WHERE uid = ?", (uid,)
            case ClearQueue():
                yield "DELETE FROM queue", ()
            case AddHistory(data=data):
                yield ADD_ITEM, (number, data)
                yield ADD_HASH, (number, hash_of(data))
                number += 1
            case TrimHistory(keep=keep):
                first = number - max(0, keep)
                yield "DELETE FROM history WHERE number < ?", (first,)
                yield "DELETE FROM history_uids WHERE number < ?", (first,)
            case AddEvent(data=data):
                yield "INSERT INTO events (data) VALUES (?)", (data,)
            case TrimEvents(keep=keep):
                yield "DELETE FROM events WHERE number <= (SELECT max(number) FROM events) - ?", (keep,)
            case AddUndo(data=data):
                yield "INSERT INTO undo (data) VALUES (?)", (data,)
            case TrimUndo(keep=keep):
                yield "DELETE FROM undo WHERE number <= (SELECT max(number) FROM undo) - ?", (keep,)
            case AddAnswer(data=data):
                yield "INSERT INTO answers (data) VALUES (?)", (data,)
            case TrimAnswers(keep=keep):
                yield "DELETE FROM answers WHERE number <= (SELECT max(number) FROM answers) - ?", (keep,)
            case SetFact(name=name, data=None):
                yield "DELETE FROM facts WHERE name = ?", (name,)
            case SetFact(name=name, data=data):
                yield _SET_FACT, (name, data)
            case _:
                assert_never(change)
