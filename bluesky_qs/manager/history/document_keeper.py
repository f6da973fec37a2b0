"""Keeps the documents of the most recent items in a file. Nothing waits for the file.

Nothing depends on the file: if it cannot be written, some documents are missing, and everything else continues.
"""

import asyncio
import logging
import sqlite3
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from bluesky_qs.errors import Refused
from bluesky_qs.manager.loop.own_thread import own_thread
from bluesky_qs.store.derived_file import is_damage
from bluesky_qs.store.documents_file import DocumentPage, DocumentsFile, KeptDocument

logger = logging.getLogger(__name__)

T = TypeVar("T")

NAME = "documents.sqlite3"
#: Seconds for which documents are collected, so that they are written together.
_PERIOD = 0.1
#: Maximum number of bytes waiting for a slow disk. Further events are not kept.
_MOST_WAITING = 32_000_000


class DocumentKeeper:
    """The kept documents.

    Parameters
    ----------
    folder
        Folder of the file; None for a temporary one.
    items, size
        The maximum number of items and bytes. With 0 items, nothing is kept.
    written
        Called in the keeper's thread with the item and the place of a document, when this document and all earlier ones
        are written or counted as missing.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        items: int,
        size: int,
        written: Callable[[str, int], object] = lambda _uid, _place: None,
    ) -> None:
        self._written = written
        #: The document that was added last.
        self._last: tuple[str, int] | None = None
        self._folder = folder
        self._limits = {"items": items, "size": size}
        self._file: DocumentsFile | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._failure = ""
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._waiting: defaultdict[str, list[KeptDocument]] = defaultdict(list)
        self._waiting_bytes = 0
        #: The items whose documents are being written.
        self._in_writing: set[str] = set()
        self._missing: Counter[str] = Counter()
        self._is_due = self._is_closed = False
        #: The items in the file, and how many events of each are missing.
        self._kept: dict[str, int] = {}
        self._thread = own_thread("documents", niceness=5)

    @property
    def keeps(self) -> bool:
        """Whether anything is kept."""
        return self._limits["items"] > 0

    @property
    def uids(self) -> set[str]:
        """Return the uids of the items that have documents here."""
        with self._lock:
            return {*self._kept, *self._waiting, *self._in_writing}

    def missing(self, item_uid: str) -> int:
        """Return the number of an item's events that were not kept."""
        return self._kept.get(item_uid, 0)

    def add(self, item_uid: str, document: KeptDocument) -> None:
        """Keep a document. It will be written soon."""
        if not self.keeps or self._is_closed:
            return
        with self._lock:
            documents = self._waiting[item_uid]
            self._last = item_uid, document.place
            if document.kind == "event" and self._waiting_bytes > _MOST_WAITING:
                self._missing[item_uid] += 1
            else:
                documents.append(document)
                self._waiting_bytes += len(document.payload)
            if self._is_due:
                return
            self._is_due = True
        self._thread.submit(self._write)

    def miss(self, item_uid: str, count: int) -> None:
        """Count events that have not arrived. The next document of the item is added immediately afterward."""
        with self._lock:
            self._missing[item_uid] += count

    def drop(self, uids: Iterable[str]) -> None:
        """Drop the documents of these items."""
        if (gone := list(uids)) and not self._is_closed:
            self._thread.submit(self._drop, gone)

    async def latest(self, limit: int) -> DocumentPage | None:
        """Return the newest page of the item that ran last; None if there is none, or if the file cannot be read."""
        if self.keeps and self._folder is None:
            return None
        try:
            return await self._run(self._latest, limit)
        except Refused as error:
            logger.warning("%s", error.message)
            return None

    async def page(self, item_uid: str, limit: int, before: int | None = None) -> DocumentPage | None:
        """Return documents of an item, as `DocumentsFile.page` does; None if there are none.

        Raises
        ------
        Refused
            The file cannot be read.
        """
        if not self.keeps or self._is_closed or (self._folder is None and item_uid not in self.uids):
            return None
        return await self._run(lambda: self._use(lambda file: file.page(item_uid, limit, before)))

    async def live(self) -> None:
        """Do nothing until canceled; then write what is waiting, and close the file."""
        try:
            await asyncio.Event().wait()
        finally:
            self._is_closed = True
            self._hurry.set()
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown()

    async def _run(self, read: Callable[..., T], *arguments: Any) -> T:
        self._hurry.set()  # waiting documents are written first
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, read, *arguments)
        except (sqlite3.Error, OSError) as error:
            raise Refused(f"The kept documents cannot be read: {error}. Plans and data are not affected") from None

    # --------------------------------------------------------------------------------------------- in the thread
    def _write(self) -> None:
        self._hurry.wait(_PERIOD)
        self._hurry.clear()
        with self._lock:
            documents, self._waiting = self._waiting, defaultdict(list)
            missing, self._missing = self._missing, Counter()
            last, self._last = self._last, None
            self._waiting_bytes, self._is_due, self._in_writing = 0, False, set(documents)
        try:
            self._use(lambda file: file.add(documents, missing))
        except (sqlite3.Error, OSError, ValueError) as error:
            for uid, added in documents.items():
                missing[uid] += sum(each.kind == "event" for each in added)
            with self._lock:
                self._missing += missing
            self._failed(error)
        else:
            if self._failure:
                logger.info("Documents are kept again")
            self._failure = ""
        finally:
            with self._lock:
                self._in_writing = set()
        if last is not None:
            self._written(*last)

    def _failed(self, error: Exception) -> None:
        if str(error) != self._failure:
            logger.warning(
                "Plan documents are not being kept at present, because their file cannot be written: %s. "
                "The plans, the queue and the history are not affected",
                error,
            )
        self._failure = str(error)

    def _drop(self, uids: list[str]) -> None:
        try:
            self._use(lambda file: file.drop(uids))
        except (sqlite3.Error, OSError) as error:
            self._failed(error)

    def _latest(self, limit: int) -> DocumentPage | None:
        if not self.keeps:
            self._new_file().remove()
            return None
        return self._use(lambda file: file.page(list(file.missing)[-1], limit) if file.missing else None)

    def _use(self, function: Callable[[DocumentsFile], T]) -> T:
        """Call the function with the open file. If the file is damaged, create a new one and call again."""
        if self._file is None:
            self._file = self._new_file()
        file = self._file
        try:
            if not file.is_open:
                file.open()
            return function(file)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            logger.warning("The file with the documents of earlier plans is damaged (%s); creating a new one", error)
            file.start_anew()
            return function(file)
        finally:
            kept = file.missing
            with self._lock:
                self._kept = kept

    def _new_file(self) -> DocumentsFile:
        if self._folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="qs-")
        folder = self._folder or Path(self._temporary.name if self._temporary else "")
        return DocumentsFile(folder.absolute() / NAME, **self._limits)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._temporary is not None:
            self._temporary.cleanup()
