"""The documents of the plan that runs, or ran last: published as they come, and kept for who asks later."""

from collections import deque
from collections.abc import Callable

from bluesky_qs.ipc.reports import Document
from bluesky_qs.wire.codec import Encoded
from bluesky_qs.wire.info import document_payload

#: Events that are kept, the latest; and documents of other kinds, which are few unless a plan opens many runs.
EVENTS_KEPT = 1000
OTHERS_KEPT = 1000


class DocumentBook:
    """Documents of one plan, oldest first.

    Parameters
    ----------
    publish
        Called with each document as it is published: ``{"time", "item_uid", "name", "doc"}`` as JSON text.
    enabled
        False: documents are neither published nor kept.
    """

    def __init__(self, publish: Callable[[bytes], None], *, enabled: bool = True) -> None:
        self._publish = publish
        self._enabled = enabled
        self._item_uid = ""
        self._count = 0
        self._events: deque[tuple[int, bytes]] = deque(maxlen=EVENTS_KEPT)
        self._others: deque[tuple[int, bytes]] = deque(maxlen=OTHERS_KEPT)

    def take(self, report: Document) -> None:
        """The next document; the first one of another plan takes the place of those before."""
        if not self._enabled:
            return
        if report.item_uid != self._item_uid:
            self._item_uid = report.item_uid
            self._events.clear()
            self._others.clear()
        payload = document_payload(report.item_uid, report.name, Encoded(report.document))
        self._count += 1
        (self._events if report.name == "event" else self._others).append((self._count, payload))
        self._publish(payload)

    def latest(self, limit: int) -> list[bytes]:
        """What is kept, with at most ``limit`` events, the latest."""
        events = list(self._events)[max(len(self._events) - max(limit, 0), 0) :]
        return [payload for _, payload in sorted([*self._others, *events])]
