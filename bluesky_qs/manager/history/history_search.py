"""Searches the history by words. The index is updated in the background.

The index is a file beside the store and is derived from the history. If it is damaged, it is simply built again. It is
built from the newest item backward, so it is useful before it is complete.
"""

import asyncio
import contextlib
import logging
import sqlite3
import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from bluesky_qs.errors import Refused, StoreError
from bluesky_qs.manager.history.history_book import HistoryBook
from bluesky_qs.manager.loop.own_thread import own_thread
from bluesky_qs.plan_queue.changes import NumberedItem
from bluesky_qs.plan_queue.history import ItemHistory
from bluesky_qs.plan_queue.items import uid_of
from bluesky_qs.plan_queue.search_text import SearchWords
from bluesky_qs.store.derived_file import is_damage
from bluesky_qs.store.history_index import HistoryIndex, IndexReader, index_uid

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Number and total bytes of the items to add to the index at a time: about a tenth of a second of work for its thread.
_CHUNK, _CHUNK_BYTES = 500, 1_000_000
#: Number of items to compare with the history when the index is opened.
_SAMPLES = 100
#: Number of items to fetch from the index the first time, and then each time that more are needed.
_FOUND, _MOST_FOUND = 1000, 10_000
#: Seconds that a search waits for items that have just ended, and seconds until a failed index is retried.
_PATIENCE, _RETRY = 1.5, 60.0
#: Seconds that a search waits for a temporary index, which is small and empty at first.
_PATIENCE_AT_FIRST = 30.0
#: The index is built again if it has more removed items than this, and more removed items than current ones.
_MOST_GONE = 10_000
#: Seconds during which ended items are collected and then added to the index together, unless a search waits for them.
_TOGETHER = 0.25
#: The number of the oldest item in a new index, because row numbers of SQLite begin with 1.
_OLDEST = 1


class HistorySearch:
    """Finds items in the history by the words that they contain.

    Here, items have their numbers from `ItemHistory`; the numbers in the file differ by ``_offset``.

    Parameters
    ----------
    history
        The item numbers. Only durable items are indexed.
    book
        Reads the items.
    folder
        Folder of the index; None for a temporary one, which is built at the first search.

    Attributes
    ----------
    complete
        Set while the index has all items, except perhaps those that have just ended.
    """

    def __init__(self, history: ItemHistory, book: HistoryBook, folder: Path | None) -> None:
        self._history = history
        self._book = book
        self._folder = folder
        self._stop = history.durable.stop
        self._offset = _OLDEST - history.durable.start
        self._index: HistoryIndex | None = None
        self._reader: IndexReader | None = None
        self._failure = ""
        self._is_suspect = self._is_late = False
        self._writing = own_thread("history-index", niceness=5)
        self._reading = own_thread("history-search")
        self.complete = asyncio.Event()
        self._wanted, self._news, self._fresh = asyncio.Event(), asyncio.Event(), asyncio.Event()
        #: Set while a search waits for the items that have just ended.
        self._is_waited_for = asyncio.Event()
        if folder is not None:
            self._wanted.set()

    @property
    def is_complete(self) -> bool:
        """Whether a search finds all items; false while the index is being built."""
        return not self._wanted.is_set() or (self.complete.is_set() and not self._is_late)

    def history_changed(self) -> None:
        """Record that items were added to the store or dropped from it."""
        if self._history.durable.stop != self._stop:
            self._stop = self._history.durable.stop
            self._fresh.clear()
        self._news.set()

    async def matches(self, words: SearchWords, stop: int, likely: int = _FOUND) -> AsyncGenerator[list[NumberedItem]]:
        """Yield the items before number ``stop`` that contain these words, newest first, several at a time.

        ``likely`` is the number of items that will probably be needed.

        Raises
        ------
        Refused, StoreError
            The index cannot be used; the store cannot be read.
        """
        self._wanted.set()
        await self._news_are_in()
        at_once = min(max(1, likely), _FOUND)
        while True:
            numbers = await self._find(words, stop, at_once)
            left: Sequence[int] = numbers
            while left:
                items, left = await self._book.first_of(left)
                yield [each for each in items if each[0] in self._history.numbers]
            if len(numbers) < at_once:
                return
            stop, at_once = numbers[-1], min(max(4 * at_once, _FOUND), _MOST_FOUND)

    async def follow(self) -> None:
        """Keep the index up to date, until canceled."""
        await self._wanted.wait()
        with contextlib.ExitStack() as opened:
            folder = self._folder or Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="qs-")))
            path = folder.absolute() / "history-index.sqlite3"
            index, self._reader = HistoryIndex(path), IndexReader(path)
            try:
                while True:
                    await self._follow(index)
                    await asyncio.sleep(_RETRY)
            finally:
                self._index = None
                await self._run(self._reading, self._reader.close)
                await self._run(self._writing, index.close)
                self._reading.shutdown()
                self._writing.shutdown()

    # ------------------------------------------------------------------------------------------------------ writing
    async def _follow(self, index: HistoryIndex) -> None:
        """Keep the index up to date. Return if it fails for a reason that a new file would not fix."""
        try:
            await self._open(index)
            self._index, self._failure = index, ""
            while True:
                await self._add_missing(index)
                self.complete.set()
                self._fresh.set()
                await self._news.wait()
                with contextlib.suppress(TimeoutError):  # plans that follow each other quickly are added together
                    await asyncio.wait_for(self._is_waited_for.wait(), _TOGETHER)
                self._news.clear()
        except (sqlite3.Error, OSError, StoreError) as error:
            self._index = None
            self.complete.clear()
            if str(error) != self._failure:
                logger.warning(
                    "The history cannot be searched for words, because its index failed: %s. The queue and the history "
                    "are not affected. The index is retried every %.0f s",
                    error,
                    _RETRY,
                )
            self._failure = str(error)
            self._fresh.set()

    async def _open(self, index: HistoryIndex) -> None:
        """Open the index, and keep its contents if they match this history."""
        try:
            await self._run(self._writing, index.open)
            if index.first == index.stop:
                self._offset = _OLDEST - self._history.durable.start
                return
            if await self._is_of_this_history(index):
                return
            logger.info("The history index does not match the history; building it again")
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            logger.warning("The history index is damaged (%s); building it again", error)
        await self._start_anew(index)

    async def _is_of_this_history(self, index: HistoryIndex) -> bool:
        """Return whether a sample of items matches. Also determine the difference between the numbers."""
        for row in await self._run(self._writing, index.samples, index.first, 1):
            found = await self._book.find([row.uid])
            if row.uid not in found:
                return False
            self._offset = row.number - found[row.uid][0]
        oldest = self._history.durable.start
        rows = await self._run(self._writing, index.samples, oldest + self._offset, _SAMPLES)
        uids: dict[int, str] = {}
        left: Sequence[int] = [row.number - self._offset for row in rows]
        while left:
            items, left = await self._book.first_of(left)
            uids |= {number: index_uid(uid_of(data)) for number, data in items}
        oldest = self._history.durable.start  # some may have just been dropped
        return oldest + self._offset >= _OLDEST and all(
            uids.get(row.number - self._offset, "") == row.uid for row in rows if row.number - self._offset >= oldest
        )

    async def _start_anew(self, index: HistoryIndex) -> None:
        self._offset, self._is_suspect = _OLDEST - self._history.durable.start, False
        self.complete.clear()
        if self._reader is not None:
            await self._run(self._reading, self._reader.close)
        await self._run(self._writing, index.start_anew)

    async def _add_missing(self, index: HistoryIndex) -> None:
        """Add the items that are missing from the index. If it is damaged, build it again."""
        try:
            while self._is_suspect or not self._covers_all:
                await self._add_some(index)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            logger.warning("The history index is damaged (%s); building it again", error)
            await self._start_anew(index)
            while not self._covers_all:
                await self._add_some(index)

    async def _add_some(self, index: HistoryIndex) -> None:
        """Add some of the items that are missing from the index: new items first, then progressively older ones."""
        oldest, end = self._oldest, self._history.durable.stop
        first, stop = index.first - self._offset, index.stop - self._offset
        gone = oldest - first if first < stop else 0
        if self._is_suspect or gone > max(_MOST_GONE, end - oldest) or (gone and stop < oldest):
            await self._start_anew(index)
        elif first == stop or stop < end:
            await self._add(index, range(stop if first < stop else max(oldest, end - _CHUNK), end))
        else:
            if self._folder is not None:
                self._fresh.set()
            await self._add(index, range(oldest, first)[::-1])

    async def _add(self, index: HistoryIndex, numbers: range) -> None:
        """Add the first items with these numbers."""
        items, left = await self._book.first_of(numbers, at_once=_CHUNK, most_bytes=_CHUNK_BYTES)
        texts = dict(items)  # some may have just been dropped
        added = sorted(numbers[: len(numbers) - len(left)])
        await self._run(self._writing, index.add, added[0] + self._offset, [texts.get(each, b"") for each in added])

    @property
    def _oldest(self) -> int:
        """The number of the oldest item to index."""
        return max(self._history.durable.start, self._history.numbers.start)

    @property
    def _covers_all(self) -> bool:
        """Whether the index has all items of the history."""
        index, oldest, end = self._index, self._oldest, self._history.durable.stop
        if index is None or self._is_suspect:
            return False
        return oldest >= end or (
            index.first < index.stop and index.first - self._offset <= oldest and index.stop - self._offset >= end
        )

    # ------------------------------------------------------------------------------------------------------ reading
    async def _find(self, words: SearchWords, stop: int, limit: int) -> list[int]:
        for _ in range(2):
            if self._failure:
                raise Refused(
                    f"The history cannot be searched for words, because its index failed: {self._failure}. "
                    "Leave 'search' out, or try again in a minute"
                )
            if self._index is None or self._reader is None:  # it is not open yet
                return []
            offset, reader, oldest = self._offset, self._reader, self._history.durable.start
            try:
                found = await self._run(self._reading, reader.find, words, oldest + offset, stop + offset, limit)
            except sqlite3.Error as error:
                logger.warning("The history index cannot be read (%s); building it again", error)
                self._is_suspect = True
                self.complete.clear()
                self._fresh.clear()
                self._news.set()
                await self._news_are_in()
            else:
                return [number - offset for number in found]
        raise Refused("The history index is damaged and is being built again. Try again in a minute")

    async def _news_are_in(self) -> None:
        """Wait a short time until the index has the items that have just ended."""
        self._is_waited_for.set()
        try:
            async with asyncio.timeout(_PATIENCE if self._folder else _PATIENCE_AT_FIRST):
                await self._fresh.wait()
            self._is_late = False
        except TimeoutError:
            self._is_late = True
        finally:
            self._is_waited_for.clear()

    async def _run(self, thread: ThreadPoolExecutor, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(thread, function, *arguments)
