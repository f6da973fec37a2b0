"""Reads the history page by page, or all at once if the service does not support pages."""

from collections.abc import Mapping
from typing import Any, cast

from bluesky_qs.client.failures import RequestFailedError, UnsupportedParameterError
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.words.planexpr import Item

#: Number of items per page that are fetched for a search.
MANY = 1000


def page(rm: REManagerAPI, filters: Mapping[str, Any], limit: int, *, reload: bool = True) -> dict[str, Any]:
    """The newest items that match, at most ``limit``, with their positions.

    A service without pages sends the whole history; the only possible filter then is the exit status.

    Raises
    ------
    UnsupportedParameterError
        The service has no pages, and there are other filters.
    """
    try:
        return cast("dict[str, Any]", rm.history_get(limit=limit, reload=reload, **filters))
    except UnsupportedParameterError:
        if set(filters) - {"exit_status"}:
            raise
    reply = cast("dict[str, Any]", rm.history_get(reload=reload))
    numbered = [
        (at, item)
        for at, item in enumerate(reply["items"])
        if "exit_status" not in filters or item["result"]["exit_status"] in filters["exit_status"]
    ][-limit:]
    return {**reply, "items": [item for _, item in numbered], "positions": [at for at, _ in numbered]}


def everything(rm: REManagerAPI) -> list[Item]:
    """All items, oldest first; page by page, because a long history is too large for one reply."""
    reply = page(rm, {}, MANY)
    items: list[Item] = reply["items"]
    while len(reply["items"]) == MANY and reply["positions"][0] > 0:
        try:
            reply = page(rm, {"before": items[0]["item_uid"]}, MANY)
        except RequestFailedError:  # the oldest items have just been removed
            break
        items = [*reply["items"], *items]
    return items
