"""Commits in the order in which they were asked for; those that wait together are made durable together."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from bluesky_qs.errors import StoreError
from bluesky_qs.plan_queue.changes import Change

log = logging.getLogger(__name__)

#: Makes several commits durable, in their order: how many of them are, and why the next one is not.
WriteTogether = Callable[[list[Sequence[Change]]], Awaitable[tuple[int, StoreError | None]]]


class Refusing:
    """Tells the log once that a store refuses changes, and once that it takes them again; clients hear it each time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told = False

    def refused(self, error: StoreError) -> None:
        """A change was refused for a reason that is not in the change."""
        if not self._told:
            log.error("%s Changes are refused until it takes them again.", error.message)
        self._told = True

    def made(self) -> None:
        """A change was made."""
        if self._told:
            log.info("%s takes changes again", self._name)
        self._told = False


class _Commit(msgspec.Struct, frozen=True):
    changes: Sequence[Change]
    done: asyncio.Future[None]


class Commits:
    """One writing at a time; what comes meanwhile waits and is written together next.

    A commit that fails takes with it all that came after it until its failure is known: the queue in memory was ahead
    of the store, so that they stand on a change that is undone. They are told in reverse order, and until all of them
    had their turn, in which they undo, what else is committed fails too.
    """

    def __init__(self, write: WriteTogether) -> None:
        self._write = write
        self._waiting: list[_Commit] = []
        self._writer: asyncio.Task[None] | None = None

    async def commit(self, changes: Sequence[Change]) -> None:
        """Wait until the changes are durable.

        Raises
        ------
        StoreError
            None of them was made.
        """
        if not changes:
            return
        loop = asyncio.get_running_loop()
        commit = _Commit(changes, loop.create_future())
        self._waiting.append(commit)
        if self._writer is None:
            self._writer = loop.create_task(self._write_all())
        await commit.done

    async def drain(self) -> None:
        """Wait until nothing is being written."""
        if self._writer is not None:
            await asyncio.wait([self._writer])

    async def _write_all(self) -> None:
        together: list[_Commit] = []
        try:
            while self._waiting:
                together, self._waiting = self._waiting, []
                written, error = await self._write([commit.changes for commit in together])
                for commit in together[:written]:
                    if not commit.done.done():
                        commit.done.set_result(None)
                if error is not None:
                    await self._refuse(together[written:], error.message)
        finally:
            # Commits are in hand here only if this task is cancelled or `write` has a fault: nobody waits for ever.
            _fail([*together, *self._waiting], "The store has stopped working")
            self._waiting = []
            self._writer = None

    async def _refuse(self, commits: list[_Commit], reason: str) -> None:
        while commits:
            commits, self._waiting = commits + self._waiting, []
            _fail(commits, reason)
            await asyncio.sleep(0)  # all who wait for these run now, and undo what they did
            commits, self._waiting = self._waiting, []


def _fail(commits: list[_Commit], reason: str) -> None:
    for commit in reversed(commits):
        if not commit.done.done():
            commit.done.set_exception(StoreError(reason))
