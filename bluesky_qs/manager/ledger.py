"""How edits become durable: each one goes through here before a client hears that it was made.

This is the one place where edits share commits, and the one place where they are taken back.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from bluesky_qs.errors import StoreError
from bluesky_qs.manager.events import EventBook
from bluesky_qs.plan_queue.changes import Change, SetFact
from bluesky_qs.plan_queue.events import Event
from bluesky_qs.store.base import Store


class Undoable(Protocol):
    """An edit that memory already has."""

    @property
    def changes(self) -> Sequence[Change]:
        """What makes it durable."""
        ...

    @property
    def events(self) -> Sequence[Event]:
        """Published when it is durable."""
        ...

    def undo(self) -> None:
        """Reverse it in memory, where everything made later has been reversed already."""
        ...


class FactEdit:
    """An edit of one fact; ``undo`` puts back what memory showed before."""

    def __init__(self, name: str, data: bytes | None, undo: Callable[[], None], event: Event | None = None) -> None:
        self.changes: Sequence[Change] = [SetFact(name, data)]
        self.events: Sequence[Event] = [event] if event else []
        self.undo = undo


class Ledger:
    """Writes edits to the store in the order in which memory took them.

    Edits that wait at the same time share one commit. If the store fails, all edits that are not durable yet are taken
    back, the newest first, because each was made on top of the one before it.
    """

    def __init__(self, store: Store, events: EventBook, changed: Callable[[], None]) -> None:
        self._store = store
        self._events = events
        self._changed = changed
        self._waiting: deque[tuple[tuple[Undoable, ...], asyncio.Future[None]]] = deque()
        self._arrived = asyncio.Event()

    def submit(self, *edits: Undoable) -> asyncio.Future[None]:
        """Queue edits to be made durable, all or none, in the order of these calls.

        Call it in the same turn of the loop in which memory took the edits. The future fails with `StoreError` when
        they could not be stored; memory then no longer has them.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not any(edit.changes or edit.events for edit in edits):
            future.set_result(None)
            return future
        self._waiting.append((edits, future))
        self._arrived.set()
        self._changed()
        return future

    async def commit(self, *edits: Undoable) -> None:
        """Make edits durable, all or none.

        Raises
        ------
        StoreError
            They could not be stored, and memory no longer has them.
        """
        # Shielded: a caller that is cancelled must not cancel the future that the writer settles.
        await asyncio.shield(self.submit(*edits))

    async def write(self) -> None:
        """Write what arrives, until cancelled."""
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while self._waiting:
                    await self._write_waiting()
        finally:  # cancelled, or a fault of the store: nobody may wait forever
            self._take_back(StoreError("The store has stopped working"))

    async def drain(self) -> None:
        """Return when everything that arrived so far is durable or has failed."""
        while self._waiting:
            await asyncio.wait([future for _, future in self._waiting])

    async def _write_waiting(self) -> None:
        batch = list(self._waiting)
        edits = [edit for each, _ in batch for edit in each]
        # Numbered here and not when they are submitted, so that a commit that fails leaves no gap.
        events = self._events.numbered(event for edit in edits for event in edit.events)
        changes = [change for edit in edits for change in edit.changes]
        try:
            await self._store.commit(changes + self._events.changes(events))
        except StoreError as error:
            self._take_back(error)
            return
        self._events.made(events)
        for _, future in batch:
            self._waiting.popleft()
            _settle(future, None)

    def _take_back(self, error: StoreError) -> None:
        """Undo everything that is not durable: the batch that failed and what was built on it since."""
        failed = list(self._waiting)
        if not failed:
            return
        self._waiting.clear()
        for edits, _ in reversed(failed):
            for edit in reversed(edits):
                edit.undo()
        for _, future in failed:
            _settle(future, error)
        self._changed()


def _settle(future: asyncio.Future[None], error: StoreError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(StoreError(error.message))
        future.exception()  # nobody awaits an event, and asyncio would report an exception that was never retrieved
