"""The changes that a store makes, and the snapshot that it loads."""

import msgspec


class PutItem(msgspec.Struct, frozen=True, tag=True):
    """Put an item into the queue, or replace its rank or its content.

    Attributes
    ----------
    rank
        Sort key of the item's position: the queue's order is the byte order of the ranks.
    data
        The item as JSON text, exactly as ``json.dumps`` returns it.
    before
        ``data`` of the item that then follows it; None at the back. Used by stores that keep the order by neighbors.
    replaces
        ``data`` that was stored under this uid before; None for a new item.
    """

    uid: str
    rank: bytes
    data: bytes
    before: bytes | None = None
    replaces: bytes | None = None


class DropItem(msgspec.Struct, frozen=True, tag=True):
    """Remove an item from the queue; ``data`` is its stored text."""

    uid: str
    data: bytes


class ClearQueue(msgspec.Struct, frozen=True, tag=True):
    """Remove all items from the queue."""


class AddHistory(msgspec.Struct, frozen=True, tag=True):
    """Append an item to the history."""

    uid: str
    data: bytes


class TrimHistory(msgspec.Struct, frozen=True, tag=True):
    """Drop the oldest items of the history so that the newest ``keep`` remain."""

    keep: int


class SetFact(msgspec.Struct, frozen=True, tag=True):
    """Keep a named value as JSON text; None removes it.

    The names are listed in `FACTS`.
    """

    name: str
    data: bytes | None


class AddEvent(msgspec.Struct, frozen=True, tag=True):
    """Append an event, as JSON text that contains its number, to the stored events."""

    data: bytes


class TrimEvents(msgspec.Struct, frozen=True, tag=True):
    """Drop the oldest events so that the newest ``keep`` remain."""

    keep: int


class AddUndo(msgspec.Struct, frozen=True, tag=True):
    """Append a record, as JSON text, for undoing a change of the queue later."""

    data: bytes


class TrimUndo(msgspec.Struct, frozen=True, tag=True):
    """Drop the oldest of these records so that the newest ``keep`` remain."""

    keep: int


class AddAnswer(msgspec.Struct, frozen=True, tag=True):
    """Append the answer to a request that has an id, as JSON text."""

    data: bytes


class TrimAnswers(msgspec.Struct, frozen=True, tag=True):
    """Drop the oldest of these answers so that the newest ``keep`` remain."""

    keep: int


Change = (
    PutItem
    | DropItem
    | ClearQueue
    | AddHistory
    | TrimHistory
    | SetFact
    | AddEvent
    | TrimEvents
    | AddUndo
    | TrimUndo
    | AddAnswer
    | TrimAnswers
)

#: The names of the facts: the running item, the modes, the lock, the permissions, autostart and the pending stop.
FACTS = (
    "running_plan",
    "plan_queue_mode",
    "lock_info",
    "user_group_permissions",
    "autostart_mode_info",
    "stop_pending_info",
)


class StoredItem(msgspec.Struct, frozen=True):
    """A queued item as it is stored. A store that keeps the order without ranks makes the ranks when it loads."""

    uid: str
    rank: bytes
    data: bytes


#: An item in the history as JSON text, with its number. The numbers increase by one from item to item.
NumberedItem = tuple[int, bytes]


class Snapshot(msgspec.Struct, frozen=True):
    """Everything that is stored, except that the history is given only by the numbers of its items.

    The queue is in order from the front, the facts are listed by name, and everything else is oldest first.
    """

    items: list[StoredItem] = []
    history: range = range(0)
    facts: dict[str, bytes] = {}
    events: list[bytes] = []
    undo: list[bytes] = []
    answers: list[bytes] = []
