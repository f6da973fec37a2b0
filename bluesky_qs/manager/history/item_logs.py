"""The logs of items and tasks. The supervisor writes them.

The manager reads them and has the supervisor remove old ones.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from bluesky_qs.errors import QSError, Refused
from bluesky_qs.ipc.link import Link
from bluesky_qs.ipc.supervision import DropItemLogs, FindItemLog
from bluesky_qs.manager.history.history_book import HistoryBook
from bluesky_qs.plan_queue.changes import Change, TrimHistory
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.store.item_logs import read_log
from bluesky_qs.wire.info import ConsoleMessage

logger = logging.getLogger(__name__)


class ItemLogs:
    """The output of items and tasks.

    Parameters
    ----------
    spawn
        Runs a coroutine.
    now
        The time in epoch seconds.
    """

    def __init__(
        self,
        supervisor: Link,
        queue: PlanQueue,
        history: HistoryBook,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        now: Callable[[], float],
    ) -> None:
        self._supervisor = supervisor
        self._queue = queue
        self._history = history
        self._spawn = spawn
        self._now = now

    async def read(self, uid: str) -> list[ConsoleMessage] | None:
        """Return the messages of an item or a task, oldest first; None if there is no log of it.

        Raises
        ------
        Refused
            The log cannot be read or written.
        """
        found = await self._supervisor.request(FindItemLog(uid))
        if found.path is None:
            return None
        try:
            return await asyncio.to_thread(read_log, Path(found.path))
        except FileNotFoundError:
            if found.failure:
                raise Refused(f"The log of {uid!r} could not be written: {found.failure}") from None
            return None
        except OSError as error:
            raise Refused(f"The log of {uid!r} cannot be read: {error.strerror or error}") from error

    def stored(self, changes: Iterable[Change]) -> None:
        """Remove the logs of plans that left the history in these changes, which are durable now."""
        if any(isinstance(change, TrimHistory) for change in changes):
            self._spawn(self._drop())

    async def _drop(self) -> None:
        """Remove all logs that are older than the oldest plan in the history, including task logs."""
        try:
            await self._supervisor.request(DropItemLogs(await self._oldest_start()))
        except QSError as error:
            logger.warning("Logs of items that left the history were not removed: %s", error.message)

    async def _oldest_start(self) -> float:
        """Return when the oldest plan in the history started, or the running plan if there is no history."""
        if oldest := self._queue.history.numbers[:1]:
            # the item may have just been dropped; then there will be another call
            items = await self._history.items(oldest)
            return (json.loads(items[0][1]).get("result", {}).get("time_start") or 0.0) if items else 0.0
        running = self._queue.running_since if self._queue.running_uid is not None else None
        return self._now() if running is None else running
