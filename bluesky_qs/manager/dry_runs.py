"""Requests for dry runs that the worker has not answered yet."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from bluesky_qs.errors import Refused, WorkerError
from bluesky_qs.ipc.commands import DryRun
from bluesky_qs.ipc.reports import DryRunEnded
from bluesky_qs.manager import lost_replies
from bluesky_qs.manager.environment import Environment
from bluesky_qs.manager.subscriptions import WorkerGone
from bluesky_qs.manager.walked import AllSettings
from bluesky_qs.wire.codec import json_text

#: Seconds to wait for the worker after the time limit of the dry run. Clients wait two seconds longer than the limit.
_PATIENCE = 1.8
#: Seconds for each plan of a queue.
FOR_EACH = 10.0


class WalkReports(NamedTuple):
    """The reports of some plans (JSON), and the number of plans that were walked. The others have only a reason."""

    reports: Sequence[bytes]
    reached: int


class DryRuns:
    """Sends requests for dry runs to the worker and returns its reports.

    Parameters
    ----------
    excluded
        Names or patterns of devices that must not be read.
    times
        Returns the learned times for walks (`Times.for_walks`).
    """

    def __init__(
        self,
        environment: Environment,
        excluded: tuple[str, ...],
        times: Callable[[AllSettings | None], bytes] = lambda _: b"{}",
    ) -> None:
        self._times = times
        self._environment = environment
        self._excluded = list(excluded)
        self._waiting: dict[str, asyncio.Future[DryRunEnded]] = {}
        self._free = asyncio.Event()
        self._free.set()

    async def until_free(self) -> None:
        """Wait until no dry run is under way."""
        await self._free.wait()

    async def walk(
        self,
        items: Sequence[dict[str, Any]],
        permissions: bytes,
        seconds: float,
        *,
        carried: bytes = b"{}",
        settings: AllSettings | None = None,
        task_uid: str = "",
    ) -> WalkReports:
        """Walk the plans of checked items, one after the other, for at most this time.

        Each plan is cut off after `FOR_EACH` seconds, unless there is only one. ``task_uid``: the task of a
        dry run in the background.

        Raises
        ------
        Refused
            Dry runs are not possible at the moment.
        WorkerError
            The worker does not reply in time, or has ended.
        """
        uid = task_uid or str(uuid4())
        reply = self._waiting[uid] = asyncio.get_running_loop().create_future()
        self._free.clear()
        for_each, text, times = seconds if len(items) == 1 else FOR_EACH, json_text(list(items)), self._times(settings)
        command = DryRun(
            uid, text, permissions, seconds, for_each, self._excluded, carried, times, is_task=bool(task_uid)
        )
        try:
            async with asyncio.timeout(seconds + _PATIENCE):
                await self._environment.query(command)
                ended = await reply
        except TimeoutError:
            msg = "The RE Worker is busy with user code and does not answer. Try again later."
            raise WorkerError(msg) from None
        finally:
            del self._waiting[uid]
            if not self._waiting:
                self._free.set()
        if ended.refusal:
            raise Refused(ended.refusal)
        return WalkReports(ended.reports, ended.reached)

    def arrived(self, report: DryRunEnded) -> None:
        """Handle the worker's reply."""
        if (reply := self._waiting.get(report.uid)) is not None and not reply.done():
            reply.set_result(report)

    def lost(self, gone: WorkerGone) -> None:
        """Handle the end of the worker."""
        lost_replies.fail(self._waiting.values(), gone.reason)
