"""Replies that the worker sends as reports some time after it has accepted a command."""

import asyncio
from typing import Generic, TypeVar

from bluesky_qs.errors import WorkerError, WorkerLost
from bluesky_qs.ipc.frames import Command
from bluesky_qs.manager.worker.environment import Environment
from bluesky_qs.manager.worker.subscriptions import WorkerGone

Reply = TypeVar("Reply")


class LateReplies(Generic[Reply]):
    """Sends commands to the worker and matches its reports to them by uid."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._waiting: dict[str, asyncio.Future[Reply | WorkerGone]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    async def request(self, uid: str, command: Command[None], seconds: float) -> Reply:
        """Send a command and return its reply.

        Raises
        ------
        WorkerError
            The worker did not reply in time, refused the command, or has ended.
        """
        future = self._waiting[uid] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._environment.query(command)
                reply = await future
        except TimeoutError:
            msg = "The RE Worker is busy with user code and does not answer. Try again later."
            raise WorkerError(msg) from None
        finally:
            del self._waiting[uid]
        if isinstance(reply, WorkerGone):
            raise WorkerLost(reply.reason)
        return reply

    def arrived(self, uid: str, reply: Reply) -> None:
        """Handle a reply."""
        self._resolve(uid, reply)

    def lost(self, gone: WorkerGone) -> None:
        """Handle the end of the worker."""
        for uid in self._waiting:
            # Set a result, not an exception: if the command fails too, nobody retrieves the exception, and asyncio logs
            # an error.
            self._resolve(uid, gone)

    def _resolve(self, uid: str, reply: Reply | WorkerGone) -> None:
        future = self._waiting.get(uid)
        if future is not None and not future.done():
            future.set_result(reply)
