"""Tells the worker which documents are stored, so that it need not keep them for another manager."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from bluesky_qs.errors import QSError
from bluesky_qs.ipc.commands import ForgetDocuments


class DocumentReceipts:
    """Sends one command at a time. Each command covers all documents that were stored in the meantime.

    Parameters
    ----------
    send
        Sends the command to the worker. May raise `QSError`, because the worker may have ended.
    """

    def __init__(self, send: Callable[[ForgetDocuments], Awaitable[None]]) -> None:
        self._send = send
        self._next = ForgetDocuments("", 0)
        self._noted = asyncio.Event()

    def note(self, item_uid: str, number: int) -> None:
        """Record that this document and all before it are stored."""
        self._next = ForgetDocuments(item_uid, number)
        self._noted.set()

    async def live(self) -> None:
        """Send commands until canceled."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            with contextlib.suppress(QSError):
                await self._send(self._next)
