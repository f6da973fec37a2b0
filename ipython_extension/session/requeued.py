"""Whether an item that ended is in the queue again: a plan that failed goes back to the front, under a new uid."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.client.wait import has_no_item_status
from bluesky_qs.words.planexpr import Item


class Again(NamedTuple):
    """The item as it is in the queue now, and its position; None while it runs."""

    item: Item
    position: int | None

    @property
    def place(self) -> str:
        """Where it is, in words."""
        match self.position:
            case None:
                return "running again"
            case 0:
                return "first in the queue again"
            case position:
                return f"in the queue again, at position {position}"

    @property
    def place_with_number(self) -> str:
        """The same with its position, whichever that is."""
        return f"it is {self.place}{' (position 0)' if self.position == 0 else ''}"


def queued_again(rm: REManagerAPI, uids: Sequence[str], queue: Mapping[str, Any] | None = None) -> dict[str, Again]:
    """Where those of the items are that are in the queue again, by their former uids."""
    if not uids:
        return {}
    try:
        answer: Any = rm.item_status(list(uids))
    except RequestFailedError as error:
        answer = error.response
        if not has_no_item_status(answer):
            raise
    if has_no_item_status(answer):
        return {}  # a service of the community, which does not tell
    return places_again(rm, answer["status"], queue)


def places_again(
    rm: REManagerAPI, status: Mapping[str, Mapping[str, Any]], queue: Mapping[str, Any] | None = None
) -> dict[str, Again]:
    """The same, from what ``item_status`` has told of each."""
    back = {uid: where["requeued_as"] for uid, where in status.items() if "requeued_as" in where}
    if not back:
        return {}
    queue = queue or cast("dict[str, Any]", rm.queue_get(reload=True))
    places = {item["item_uid"]: Again(item, at) for at, item in enumerate(queue["items"])}
    if running := queue["running_item"]:
        places[running["item_uid"]] = Again(running, None)
    return {uid: places[new] for uid, new in back.items() if new in places}
