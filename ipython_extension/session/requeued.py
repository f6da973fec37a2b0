"""Finds requeued items. A plan that failed goes back to the front of the queue, with its result and a new uid."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bluesky_qs.client.info import Asks, item_state
from bluesky_qs.words.planexpr import Item


class Requeued(NamedTuple):
    """A requeued item and its position in the queue (None while it runs)."""

    item: Item
    position: int | None

    @property
    def place(self) -> str:
        """The item's place, as a phrase that follows “it is”."""
        match self.position:
            case None:
                return "running again"
            case 0:
                return "back at the front of the queue"
            case position:
                return f"back in the queue at position {position}"

    @property
    def place_with_number(self) -> str:
        """The item's place, including the position."""
        return self.place if self.position is None else f"back in the queue at position {self.position}"


def find_requeued(ended: Iterable[Item], queue: Mapping[str, Any]) -> dict[str, Requeued]:
    """Find history items that are back in the queue, by their uids in the history.

    A requeued item keeps the result of its last run until somebody changes it.
    """
    back = [each for each in _places(queue) if each.item.get("result")]
    return {item["item_uid"]: each for item in ended for each in back if each.item["result"] == item.get("result")}


def find_by_uid(uid: str, queue: Mapping[str, Any]) -> Requeued | None:
    """Find the requeued item with this uid."""
    return next((each for each in _places(queue) if each.item["item_uid"] == uid), None)


def requeued_item(client: Asks, item: Item, queue: Mapping[str, Any]) -> Requeued | None:
    """Find the item that replaced a departed one in the queue; None if there is none."""
    uid = item_state(client, item["item_uid"]).get("requeued_as")
    return find_by_uid(uid, queue) if uid else None


def _places(queue: Mapping[str, Any]) -> Iterator[Requeued]:
    yield from (Requeued(item, at) for at, item in enumerate(queue["items"]))
    if running := queue["running_item"]:
        yield Requeued(running, None)
