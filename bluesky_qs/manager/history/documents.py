"""The documents of plans: published as they arrive, and kept for later requests.

Documents of the current or last plan are in memory; those of earlier plans are in a file.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Any

from bluesky_qs.errors import Refused, StoreError
from bluesky_qs.ipc.reports import DocumentReport
from bluesky_qs.manager.history.document_keeper import DocumentKeeper
from bluesky_qs.manager.history.document_receipts import DocumentReceipts
from bluesky_qs.plan_queue.changes import Change, TrimHistory
from bluesky_qs.store.documents_file import DocumentPage, KeptDocument
from bluesky_qs.wire.codec import Encoded
from bluesky_qs.wire.info import document_payload

logger = logging.getLogger(__name__)

#: Maximum numbers of documents in memory: events, and other documents, which are few unless a plan opens many runs.
EVENTS_KEPT = 1000
OTHERS_KEPT = 1000
#: Seconds that the manager waits for the file when it starts.
_PATIENCE = 2.0


class DocumentBook:
    """Documents of plans, oldest first.

    Parameters
    ----------
    publish
        Called with each document: ``{"time", "item_uid", "name", "doc"}`` as JSON text.
    keeper
        Keeps the documents for later.
    known
        Returns which of the given items are running or in the history. The documents of other items are dropped.
    spawn
        Runs a coroutine.
    receipts
        Tells the worker which documents are stored, or never will be because nothing is kept.
    enabled
        If False, documents are neither published nor kept.
    """

    def __init__(
        self,
        publish: Callable[[bytes], None],
        keeper: DocumentKeeper,
        known: Callable[[Collection[str]], Awaitable[Collection[str]]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        receipts: DocumentReceipts,
        *,
        enabled: bool = True,
    ) -> None:
        self._receipts = receipts
        self._publish = publish
        self._keeper = keeper
        self._known = known
        self._spawn = spawn
        self.enabled = enabled
        self._events: deque[KeptDocument] = deque(maxlen=EVENTS_KEPT)
        self._others: deque[KeptDocument] = deque(maxlen=OTHERS_KEPT)
        #: Whether the number of the previous document is known.
        self._follows = False
        self._begin("")

    @property
    def last(self) -> tuple[str, int]:
        """The item and the number of the last document here."""
        return self._item_uid, self._count

    def add(self, report: DocumentReport) -> None:
        """Keep and publish the next document.

        The first document of a new plan replaces those of the last plan in memory.
        """
        if not (self.enabled and self._keeper.keeps):
            self._receipts.note(report.item_uid, report.number)
        if not self.enabled:
            return
        if report.item_uid != self._item_uid:
            self._begin(report.item_uid)
        self._counts(report)
        beside = {"not_finite": report.not_finite, "omitted": report.omitted}
        payload = document_payload(report.item_uid, report.name, Encoded(report.document), beside=beside)
        self._remember(document := KeptDocument(self._count, report.name, payload))
        self._keeper.add(report.item_uid, document)
        self._publish(payload)

    async def recall(self) -> None:
        """Continue with the documents of the plan that ran last before this manager started."""
        if not self.enabled:
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                page = await self._keeper.latest(EVENTS_KEPT)
        except TimeoutError:
            logger.warning(
                "The file with the documents of earlier plans cannot be read at present: the disk does not respond"
            )
            return
        if page is not None:
            self._begin(page.item_uid)
            for document in page.documents:
                self._remember(document)
            self._count = max((document.place for document in page.documents), default=0)
            self._follows = True
            self._is_whole = page.before is None
        await self._drop_unknown()

    def stored(self, changes: Iterable[Change]) -> None:
        """Drop the documents of items that have left the history, according to these changes, which are durable now."""
        if any(isinstance(change, TrimHistory) for change in changes):
            self._spawn(self._drop_unknown())

    async def live(self) -> None:
        """Write documents until canceled."""
        receipts = asyncio.create_task(self._receipts.live())
        try:
            await self._keeper.live()
        finally:
            receipts.cancel()

    async def page(self, item_uid: str | None, limit: int, before: int | None = None) -> DocumentPage | None:
        """Return the newest ``limit`` events of an item that are older than the place ``before``, with the documents
        that describe them.

        Without ``item_uid``, the item is the plan that is running or ran last. None if the item has no documents.

        Raises
        ------
        Refused
            The kept documents cannot be read.
        """
        uid = self._item_uid if item_uid is None else item_uid
        if uid and uid not in await self._known([uid]):
            return None
        if uid != self._item_uid or before is not None:
            return await self._keeper.page(uid, limit, before)
        if limit > EVENTS_KEPT and not self._is_whole:
            with contextlib.suppress(Refused):  # then use those in memory
                if page := await self._keeper.page(uid, limit):
                    return page
        return self._latest(limit)

    def _latest(self, limit: int) -> DocumentPage:
        """Return the latest documents in memory."""
        events = list(self._events)[max(len(self._events) - limit, 0) :]
        has_older = bool(events) and (len(events) < len(self._events) or not self._is_whole)
        before = events[0].place if has_older and self._keeper.keeps else None
        documents = sorted([*self._others, *events])
        return DocumentPage(self._item_uid, documents, before, self._keeper.missing(self._item_uid))

    def _begin(self, item_uid: str) -> None:
        self._item_uid = item_uid
        self._count = 0
        #: Whether all documents of the item are in memory.
        self._is_whole = True
        self._events.clear()
        self._others.clear()

    def _counts(self, report: DocumentReport) -> None:
        """Count the document, and the documents before it that have not arrived."""
        place = report.number or self._count + 1
        if self._follows and (lost := place - self._count - 1) > 0:
            self._keeper.miss(report.item_uid, lost)
        self._count, self._follows = place, True

    def _remember(self, document: KeptDocument) -> None:
        documents = self._events if document.kind == "event" else self._others
        self._is_whole = self._is_whole and len(documents) < (documents.maxlen or 0)
        documents.append(document)

    async def _drop_unknown(self) -> None:
        uids = {*self._keeper.uids, *filter(None, [self._item_uid])}
        try:
            gone = uids - set(await self._known(uids))
        except StoreError as error:
            logger.warning("Documents of items that left the history were not removed: %s", error.message)
            return
        if self._item_uid in gone:
            self._begin("")
        self._keeper.drop(gone)
