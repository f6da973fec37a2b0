"""Keeps learned times in a store that has a place for them (Redis). Nothing waits for it."""

import asyncio
import logging

from bluesky_qs.errors import StoreError
from bluesky_qs.store.base import DerivedRows, Row

logger = logging.getLogger(__name__)

#: Rows that may wait to be kept; more are dropped.
_MOST_WAITING = 10_000


class StoredTimes:
    """The learned times in a store. If it refuses them, they are learned again."""

    def __init__(self, rows: DerivedRows) -> None:
        self._rows = rows
        self._waiting: dict[tuple[str, str], str | None] = {}
        self._has_some = asyncio.Event()
        self._failure = ""

    async def load(self) -> list[Row]:
        """The kept data, in the order of their use; empty if the store does not give them."""
        try:
            return await self._rows.load()
        except StoreError as error:
            self._failed(error)
            return []

    def keep(self, changes: list[tuple[str, str, str | None]]) -> None:
        """Write these parts soon; drop those without a text."""
        for kind, key, text in changes:
            if len(self._waiting) < _MOST_WAITING or (kind, key) in self._waiting:
                self._waiting.pop((kind, key), None)  # the newest is the last one
                self._waiting[kind, key] = text
        if self._waiting:
            self._has_some.set()

    async def live(self) -> None:
        """Write what is waiting, until canceled."""
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
                "Learned times of plans are not kept at present: %s Estimates, plans and queue are not affected",
                error.message,
            )
        self._failure = error.message
