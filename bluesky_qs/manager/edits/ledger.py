"""Writes edits to the store. Clients get their replies when the edits are durable.

Only this module batches edits into commits, and only this module undoes edits that could not be stored.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self

from msgspec.structs import replace

from bluesky_qs.errors import StoreError
from bluesky_qs.manager.edits.answers import AnswerBook, AnswerEdit, open_request
from bluesky_qs.manager.edits.events import EventBook
from bluesky_qs.manager.edits.undo import UndoBook
from bluesky_qs.plan_queue.changes import AddAnswer, Change, SetFact
from bluesky_qs.plan_queue.events import Event
from bluesky_qs.plan_queue.undo import UndoRecord
from bluesky_qs.store.base import Store

logger = logging.getLogger(__name__)


class Undoable(Protocol):
    """An edit that has been made in memory."""

    @property
    def changes(self) -> Sequence[Change]:
        """Return the changes that make it durable."""
        ...

    @property
    def events(self) -> Sequence[Event]:
        """Return the events to publish when it is durable."""
        ...

    @property
    def record(self) -> UndoRecord | None:
        """Return the data for undoing the change of its first event later; None if it cannot be undone."""
        ...

    def undo(self) -> None:
        """Reverse it in memory, after all later edits have been reversed."""
        ...


class FactEdit:
    """An edit of one fact; ``undo`` restores the former value in memory."""

    record: UndoRecord | None = None

    def __init__(self, name: str, data: bytes | None, undo: Callable[[], None], event: Event | None = None) -> None:
        self.changes: Sequence[Change] = [SetFact(name, data)]
        self.events: Sequence[Event] = [event] if event else []
        self.undo = undo

    def by(self, user: str | None) -> Self:
        """Record in the events who made the change."""
        self.events = [replace(each, user=user) for each in self.events]
        return self


class Ledger:
    """Writes edits to the store in the order they were made in memory.

    Edits that are waiting at the same time share one commit. If the store fails, all edits that are not durable yet are
    undone, newest first, because each is based on the one before it. ``stored`` is called with the changes of each
    commit when they are durable.
    """

    def __init__(
        self,
        store: Store,
        events: EventBook,
        changed: Callable[[], None],
        *,
        undo: UndoBook | None = None,
        answers: AnswerBook | None = None,
        stored: Callable[[Sequence[Change]], object] = lambda _: None,
    ) -> None:
        self._store = store
        self._stored: list[Callable[[Sequence[Change]], object]] = [stored]
        self._events = events
        self._undo = undo or UndoBook([], events.last)
        self._answers = answers or AnswerBook()
        self._changed = changed
        self._waiting: deque[tuple[tuple[Undoable, ...], asyncio.Future[None]]] = deque()
        self._arrived = asyncio.Event()

    def watch(self, stored: Callable[[Sequence[Change]], object]) -> None:
        """Also call ``stored`` with the changes of each commit when they are durable."""
        self._stored.append(stored)

    def submit(self, *edits: Undoable, reply: Mapping[str, Any] | None = None) -> asyncio.Future[None]:
        """Add edits to the next commit, all or none, in the order of the calls.

        Call it in the same turn of the loop in which the edits were made in memory. If they cannot be stored, they are
        undone and the future fails with `StoreError`.

        ``reply`` is the reply to the current request, if the request changes nothing else. It is stored in the same
        commit if the request has an id.
        """
        if request := open_request.get():
            request.changed |= any(edit.changes for edit in edits if not isinstance(edit, AnswerEdit))
            if reply is not None:
                edits = (*edits, request.answer(reply))
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not any(edit.changes or edit.events for edit in edits):
            future.set_result(None)
            return future
        self._waiting.append((edits, future))
        self._arrived.set()
        self._changed()
        return future

    async def commit(self, *edits: Undoable, reply: Mapping[str, Any] | None = None) -> None:
        """Make edits durable, all or none; see `submit`.

        Raises
        ------
        StoreError
            They could not be stored and have been undone.
        """
        # Shielded, because a canceled caller must not cancel the future that the writer resolves.
        await asyncio.shield(self.submit(*edits, reply=reply))

    async def remember(self, reply: Mapping[str, Any]) -> None:
        """If the current request has an id, store its reply. The request changes nothing else in the store.

        Call it before the request is carried out, so that it is not carried out twice.
        """
        if request := open_request.get():
            await self.note(request.answer(reply))

    async def note(self, edit: AnswerEdit) -> None:
        """Store the record of a request. If the store fails, keep it in memory, and continue with the request."""
        reply = (request := open_request.get()) and request.reply
        try:
            await self.commit(edit)
        except StoreError as error:
            logger.warning("A request can be repeated only until the manager is restarted: %s", error.message)
            self._answers.keep_unstored(edit)
            if request is not None:
                request.reply = reply

    async def write(self) -> None:
        """Write edits as they arrive, until canceled."""
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while self._waiting:
                    await self._write_waiting()
        finally:  # canceled or a bug in the store: no caller may wait forever
            self._undo_all(StoreError("The store stopped working"))

    async def drain(self) -> None:
        """Wait until no more edits are waiting."""
        while self._waiting:
            await self.settle()

    async def settle(self) -> None:
        """Wait until the edits that are waiting now are durable or have failed."""
        if self._waiting:
            await asyncio.wait([future for _, future in self._waiting])

    async def _write_waiting(self) -> None:
        batch = list(self._waiting)
        edits = [edit for each, _ in batch for edit in each]
        # Events are numbered here and not in `submit`, so that a failed commit leaves no gap.
        events = self._events.numbered(event for edit in edits for event in edit.events)
        records = self._undo.numbered(self._records(edits))
        changes = [change for edit in edits for change in edit.changes]
        answers = [change for change in changes if isinstance(change, AddAnswer)]
        kept = self._events.changes(events) + self._undo.changes(records) + self._answers.changes(answers)
        try:
            await self._store.commit(changes + kept)
        except StoreError as error:
            self._undo_all(error)
            return
        for stored in self._stored:
            stored(changes)
        self._events.made(events)
        self._undo.made(records)
        self._answers.made(answers)
        for _, future in batch:
            self._waiting.popleft()
            _resolve(future, None)

    def _records(self, edits: Sequence[Undoable]) -> list[tuple[int, UndoRecord]]:
        """Return the records of these edits, each with the number of its edit's first event."""
        found: list[tuple[int, UndoRecord]] = []
        number = self._events.last + 1
        for edit in edits:
            if edit.record:
                found.append((number, edit.record))
            number += len(edit.events)
        return found

    def _undo_all(self, error: StoreError) -> None:
        """Undo all edits that are not durable: the failed batch and the edits since then, which are based on it."""
        failed = list(self._waiting)
        if not failed:
            return
        self._waiting.clear()
        for edits, _ in reversed(failed):
            for edit in reversed(edits):
                edit.undo()
        for _, future in failed:
            _resolve(future, error)
        self._changed()


def _resolve(future: asyncio.Future[None], error: StoreError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(StoreError(error.message))
        # Some edits are never awaited, and asyncio would log exceptions that nobody retrieved.
        future.exception()
