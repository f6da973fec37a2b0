"""Requeued items: a plan that failed goes back to the front of the queue with a new uid."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.client.wait import has_no_item_status
from bluesky_qs.words.planexpr import Item


class Requeued(NamedTuple):
    """A requeued item and its position in the queue; None while it runs."""

    item: Item
    position: int | None

    @property
    def place(self) -> str:
        """Where it is, in words; after “it is”."""
        match self.position:
            case None:
                return "running again"
            case 0:
                return "back at the front of the queue"
            case position:
                return f"back in the queue at position {position}"

    @property
    def place_with_number(self) -> str:
        """Where it is, with its position."""
        return self.place if self.position is None else f"back in the queue at position {self.position}"


def find_requeued(rm: REManagerAPI, uids: Sequence[str], queue: Mapping[str, Any] | None = None) -> dict[str, Requeued]:
    """Find the items that were requeued, by their former uids."""
    if not uids:
        return {}
    try:
        answer: Any = rm.item_status(list(uids))
    except RequestFailedError as error:
        answer = error.response
        if not has_no_item_status(answer):
            raise
    if has_no_item_status(answer):
        return {}  # bluesky-queueserver has no such method
    return locate_requeued(rm, answer["status"], queue)


def locate_requeued(
    rm: REManagerAPI, status: Mapping[str, Mapping[str, Any]], queue: Mapping[str, Any] | None = None
) -> dict[str, Requeued]:
    """The same, from the reply to ``item_status``."""
    back = {uid: where["requeued_as"] for uid, where in status.items() if "requeued_as" in where}
    if not back:
        return {}
    queue = queue or cast("dict[str, Any]", rm.queue_get(reload=True))
    places = {item["item_uid"]: Requeued(item, at) for at, item in enumerate(queue["items"])}
    if running := queue["running_item"]:
        places[running["item_uid"]] = Requeued(running, None)
    return {uid: places[new] for uid, new in back.items() if new in places}
