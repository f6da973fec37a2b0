"""Derives the order of the queue after a change from the order before it."""

from collections.abc import Mapping, Sequence
from typing import Any

from bluesky_qs.words.planexpr import Item


def placed_in(queue: Sequence[Item], items: Sequence[Item], where: Mapping[str, Any]) -> list[Item] | None:
    """The queue after these items were added or moved to the position in the request.

    ``where`` has one of the keys ``pos`` (for a move, the destination), ``before_uid`` and ``after_uid``. Returns None
    if the position is uncertain: it counts from the end, or the neighbor is not in the queue.
    """
    uids = {item["item_uid"] for item in items}
    rest = [item for item in queue if item["item_uid"] not in uids]
    at = _index(rest, where)
    return None if at is None else [*rest[:at], *items, *rest[at:]]


def _index(queue: Sequence[Item], where: Mapping[str, Any]) -> int | None:
    neighbor = where.get("before_uid") or where.get("after_uid")
    if neighbor:
        place = next((at for at, item in enumerate(queue) if item["item_uid"] == neighbor), None)
        return place if place is None or where.get("before_uid") else place + 1
    match where.get("pos"):
        case "front":
            return 0
        case None | "back":
            return len(queue)
        case int(position) if position >= 0:
            return min(position, len(queue))
        case _:
            return None
