"""Fetches the documents of the running plan, or of one that has ended, page by page."""

from typing import Any, NamedTuple

from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.documents import with_numbers
from ipython_extension.shown.tables import plural

#: Number of events per page, and maximum number of events to fetch.
_PAGE, _MOST = 5000, 100_000


class Recorded(NamedTuple):
    """The messages with the documents, oldest first.

    Attributes
    ----------
    missing
        The number of events that the service did not keep.
    is_whole
        Whether all stored documents were fetched; if not, the oldest ones are missing.
    item_uid
        The uid of the plan.
    """

    messages: list[dict[str, Any]]
    missing: int
    is_whole: bool
    item_uid: str

    @property
    def omitted(self) -> list[str]:
        """Fields whose values are too large to be stored."""
        return list(dict.fromkeys(field for message in self.messages for field in message.get("omitted") or ()))

    @property
    def notes(self) -> list[str]:
        """Sentences about missing points."""
        notes = [f"The service has not kept {plural(self.missing, 'point')} of this plan."]
        latest = [] if self.is_whole else [f"Only the latest {_MOST} points are shown."]
        return [*(notes if self.missing else []), *latest]


def recorded(rm: REManagerAPI, item_uid: str | None = None) -> Recorded:
    """Fetch an item's documents; without ``item_uid``, those of the plan that is running or ran last.

    Raises
    ------
    RequestFailedError
        The item has not run, or its documents are no longer kept.
    """
    which: dict[str, Any] = {} if item_uid is None else {"item_uid": item_uid}
    pages: list[list[dict[str, Any]]] = []
    while True:
        reply: dict[str, Any] = dict(rm.documents_get(limit=_PAGE, **which))
        pages.append([with_numbers(message) for message in reply["documents"]])
        before = reply.get("before")
        if before is None or len(pages) * _PAGE >= _MOST:
            break
        which = {"item_uid": reply["item_uid"], "before": before}
    # Each page repeats the documents that its events need. The oldest page has them in their original order.
    messages: dict[tuple[str, str], dict[str, Any]] = {}
    for message in (message for page in reversed(pages) for message in page):
        messages.setdefault((message["name"], str(message["doc"].get("uid"))), message)
    return Recorded(
        list(messages.values()), reply.get("missing") or 0, before is None, str(reply.get("item_uid") or item_uid)
    )
