"""The events of the queue, its items, its history and its modes: one typed value for each change."""

from typing import Self

import msgspec

from bluesky_qs.api.values import ChangeName
from bluesky_qs.plan_queue.rules import ModeSwitches

#: Maximum number of uids in an event. If there are more, the event has only their number: it is not a copy of the
#: queue.
_MOST_UIDS = 100


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="type"):
    """A change, with its fields as clients see them; its tag is the event's type.

    Attributes
    ----------
    user
        The user whose request made the change; None if no request did, or if the request had no user.
    """

    user: str | None = None


class QueueChanged(Event, frozen=True, tag="queue_changed"):
    """Items entered the queue, moved or left it.

    Attributes
    ----------
    cleared
        Whether all items left the queue. Their uids are not listed.
    put, dropped
        Uids of the items that entered, moved or changed, and uids of the items that left.
    put_count, dropped_count
        The numbers of these uids, if there are too many to list.
    change
        The kind of change, if it can be undone; None for additions and for items that run.
    undoes
        The number of the event whose change this one has undone.
    """

    cleared: bool = False
    put: list[str] = []
    put_count: int = 0
    dropped: list[str] = []
    dropped_count: int = 0
    change: ChangeName | None = None
    undoes: int | None = None

    @classmethod
    def of(cls, put: list[str], dropped: list[str], *, cleared: bool = False) -> Self:
        """Return the event for these uids."""
        return cls(
            cleared,
            put if len(put) <= _MOST_UIDS else [],
            len(put) if len(put) > _MOST_UIDS else 0,
            dropped if len(dropped) <= _MOST_UIDS else [],
            len(dropped) if len(dropped) > _MOST_UIDS else 0,
        )


class ItemStarted(Event, frozen=True, tag="item_started"):
    """An item has started to run."""

    item_uid: str


class ItemEnded(Event, frozen=True, tag="item_ended"):
    """The running item has ended; ``requeued_as`` is its new uid if it was put back into the queue."""

    item_uid: str
    exit_status: str
    requeued_as: str | None = None


class HistoryCleared(Event, frozen=True, tag="history_cleared"):
    """The oldest items in the history were removed on request."""

    items_left: int


class ModeChanged(Event, frozen=True, tag="mode_changed"):
    """The queue mode changed: loop mode, or whether failures are ignored."""

    mode: ModeSwitches
