"""Finds the plan or task for a short form on the command line: ``-1``, or the beginning of a uid."""

from collections.abc import Sequence
from typing import Any

from bluesky_qs.api.values import HistoryItem
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.words.arguments import SHORTEST_UID, ItemId
from bluesky_qs.words.grammar import UsageError

_WHOLE_UID = 36
#: Maximum number of history items to search for the beginning of a uid.
_SEARCHED = 1000


def with_uids(manager: REManagerAPI, params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with each `ItemId` replaced by a uid.

    Raises
    ------
    UsageError
        The history does not go back that far, or several uids begin with this text.
    """
    return {name: _uid(manager, each) if isinstance(each, ItemId) else each for name, each in params.items()}


def _uid(manager: REManagerAPI, named: ItemId) -> str:
    if named.back:
        return _back_in_history(manager, named.back)
    if not SHORTEST_UID <= len(named.text) < _WHOLE_UID:
        return named.text
    running = manager.status().get("running_item_uid") or ""
    uids = [running, *(item["item_uid"] for item in _newest(manager, _SEARCHED))]
    found = list(dict.fromkeys(uid for uid in uids if uid.startswith(named.text)))
    if len(found) > 1:
        raise UsageError(f"{len(found)} items have a uid that begins with {named.text!r}: {', '.join(found)}")
    return found[0] if found else named.text  # the service finds tasks and older items by their complete uids


def _back_in_history(manager: REManagerAPI, back: int) -> str:
    items = _newest(manager, back)
    if len(items) < back:
        has = f"has only {len(items)} items" if items else "is empty"
        raise UsageError(f"There is no item {-back}: the history {has}")
    return items[0]["item_uid"]


def _newest(manager: REManagerAPI, count: int) -> Sequence[HistoryItem]:
    """The newest items of the history, oldest first."""
    reply = manager.history_get(limit=count)
    if reply.get("success") is False:
        raise UsageError(reply.get("msg", ""))
    return reply["items"]
