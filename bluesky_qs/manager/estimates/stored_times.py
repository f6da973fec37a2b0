"""Keeps the learned times in a store that supports this (Redis). No request waits for it."""

import asyncio
import logging

from bluesky_qs.errors import StoreError
from bluesky_qs.store.base import DerivedRows, Row

logger = logging.getLogger(__name__)

#: Maximum number of rows that wait to be written. Further rows are dropped.
_MOST_WAITING = 10_000


class StoredTimes:
    """The learned times in a store. If the store refuses them, the service learns them again."""

    def __init__(self, rows: DerivedRows) -> None:
        self._rows = rows
        self._waiting: dict[tuple[str, str], str | None] = {}
        self._has_some = asyncio.Event()
        self._failure = ""

    async def load(self) -> list[Row]:
        """Return the kept rows, sorted by their last use; an empty list if the store cannot be read."""
        try:
            return await self._rows.load()
        except StoreError as error:
            self._failed(error)
            return []

    def keep(self, changes: list[tuple[str, str, str | None]]) -> None:
        """Write these rows soon. Drop the rows whose text is None."""
        for kind, key, text in changes:
            if len(self._waiting) < _MOST_WAITING or (kind, key) in self._waiting:
                self._waiting.pop((kind, key), None)  # the newest row must come last
                self._waiting[kind, key] = text
        if self._waiting:
            self._has_some.set()

    async def live(self) -> None:
        """Write waiting rows, until canceled."""
        try:
            while True:
                await self._has_some.wait()
                await self._write()
        finally:
            await self._write()

    async def _write(self) -> None:
        self._has_some.clear()
        changes = [(kind, key, text) for (kind, key), text in self._waiting.items()]
        self._waiting.clear()
        if not changes:
            return
        try:
            await self._rows.keep(changes)
        except StoreError as error:
            self._failed(error)
        else:
            self._failure = ""

    def _failed(self, error: StoreError) -> None:
        if error.message != self._failure:
            logger.warning(
                "Learned times are not being saved at present: %s "
                "The estimates, the plans and the queue are not affected",
                error.message,
            )
        self._failure = error.message
