"""The documents of the current or last plan: published as they arrive, and kept for later requests."""

from collections import deque
from collections.abc import Callable

from bluesky_qs.ipc.reports import DocumentReport
from bluesky_qs.wire.codec import Encoded
from bluesky_qs.wire.info import document_payload

#: Numbers of kept documents: events, and all others, which are few unless a plan opens many runs.
EVENTS_KEPT = 1000
OTHERS_KEPT = 1000


class DocumentBook:
    """Documents of one plan, oldest first.

    Parameters
    ----------
    publish
        Called with each document: ``{"time", "item_uid", "name", "doc"}`` as JSON text.
    enabled
        If False, documents are neither published nor kept.
    """

    def __init__(self, publish: Callable[[bytes], None], *, enabled: bool = True) -> None:
        self._publish = publish
        self._enabled = enabled
        self._item_uid = ""
        self._count = 0
        self._events: deque[tuple[int, bytes]] = deque(maxlen=EVENTS_KEPT)
        self._others: deque[tuple[int, bytes]] = deque(maxlen=OTHERS_KEPT)

    def add(self, report: DocumentReport) -> None:
        """Keep and publish the next document. The first document of another plan replaces those of the last plan."""
        if not self._enabled:
            return
        if report.item_uid != self._item_uid:
            self._item_uid = report.item_uid
            self._events.clear()
            self._others.clear()
        document = Encoded(report.document)
        payload = document_payload(report.item_uid, report.name, document, not_finite=report.not_finite)
        self._count += 1
        (self._events if report.name == "event" else self._others).append((self._count, payload))
        self._publish(payload)

    def latest(self, limit: int) -> list[bytes]:
        """The kept documents, with the latest ``limit`` events at most."""
        events = list(self._events)[max(len(self._events) - max(limit, 0), 0) :]
        return [payload for _, payload in sorted([*self._others, *events])]
