"""Turns the positions and neighbors in requests into indices in the queue."""

from bluesky_qs.api.types import Position
from bluesky_qs.errors import ItemError, NotFound
from bluesky_qs.plan_queue.entries import Entry, OrderedEntries, only_one


def insertion(
    entries: OrderedEntries,
    running_uid: str | None,
    pos: Position | None,
    before_uid: str | None,
    after_uid: str | None,
) -> int:
    """Return the index of a new item. Positions work as in `list.insert`.

    Raises
    ------
    BadParams
        More than one position is given.
    ItemError, NotFound
        See `neighbor`.
    """
    only_one(pos=pos, before_uid=before_uid, after_uid=after_uid)
    if before_uid is not None or after_uid is not None:
        missing = "Plan with UID {uid!r} is not in the queue"
        found = neighbor(entries, running_uid, before_uid, after_uid, missing)
        return beside(entries, found, after=after_uid is not None)
    size = len(entries)
    if isinstance(pos, int):
        return max(0, pos + size) if pos < 0 else min(pos, size)
    return 0 if pos == "front" else size


def neighbor(
    entries: OrderedEntries, running_uid: str | None, before_uid: str | None, after_uid: str | None, missing: str
) -> Entry | None:
    """Return the entry next to the new position; None for the running item, after which items can be inserted.

    Raises
    ------
    ItemError
        The position is before the running item.
    NotFound
        No item has this uid. ``missing`` is the message, with ``{uid!r}``.
    """
    uid = after_uid if before_uid is None else before_uid
    assert uid is not None
    if uid == running_uid:
        if before_uid is None:
            return None
        raise ItemError("Can not insert a plan in the queue before a currently running plan")
    if entry := entries.find(uid):
        return entry
    raise NotFound(missing.format(uid=uid))


def beside(entries: OrderedEntries, found: Entry | None, *, after: bool) -> int:
    """Return the index before or after an entry; None means the running item."""
    return 0 if found is None else entries.index(found) + after


def not_found(what: str, pos: Position | None, uid: str | None, *, running: str | None = None) -> str:
    """Return the message for a position or uid that has no item."""
    if uid is None:
        return f"{what} plan (position {pos!r}) was not found"
    return f"{what} plan (UID {uid!r}) was not found{': it is currently running' if uid == running else ''}"
