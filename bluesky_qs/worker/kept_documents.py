"""Keeps documents until the manager has stored them. A manager that replaces it gets them again."""

from collections import deque

from bluesky_qs.ipc.reports import DocumentReport

#: Maximum number of documents, and of bytes in them. Beyond that, the oldest events are dropped.
MOST, MOST_BYTES = 5000, 32_000_000


class KeptDocuments:
    """The documents, oldest first. Use it in one thread only."""

    def __init__(self) -> None:
        self._documents: deque[DocumentReport] = deque()
        self._bytes = 0

    def add(self, report: DocumentReport) -> None:
        """Keep a document that was sent."""
        self._documents.append(report)
        self._bytes += len(report.document)
        while len(self._documents) > MOST or self._bytes > MOST_BYTES:
            # The few other documents come first, and explain the events that follow.
            at = next((at for at, each in enumerate(self._documents) if each.name == "event"), None)
            if at is None:
                return
            self._bytes -= len(self._documents[at].document)
            del self._documents[at]

    def forget(self, item_uid: str, number: int) -> None:
        """Drop this document and all earlier ones, including those of earlier items, because they are stored."""
        if not any(each.item_uid == item_uid for each in self._documents):
            return
        while self._documents:
            first = self._documents[0]
            if first.item_uid == item_uid and first.number > number:
                return
            self._bytes -= len(first.document)
            self._documents.popleft()
            if first.item_uid == item_uid and first.number == number:
                return

    def rest(self) -> list[DocumentReport]:
        """Return the documents that are kept."""
        return list(self._documents)
