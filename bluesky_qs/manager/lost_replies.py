"""What becomes of replies that a worker owes when it ends."""

import asyncio
from collections.abc import Iterable
from typing import Any

from bluesky_qs.errors import WorkerLost


def fail(replies: Iterable[asyncio.Future[Any]], reason: str) -> None:
    """Let those who wait for these replies know that the worker has ended."""
    for reply in replies:
        if not reply.done():
            reply.set_exception(WorkerLost(reason))
            # Nobody waits for the reply to a request that the worker has not accepted. asyncio need not log that.
            reply.exception()
