"""Requests for dry runs that the worker has not answered yet."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from bluesky_qs.errors import Refused
from bluesky_qs.ipc.commands import DryRun
from bluesky_qs.ipc.reports import DryRunEnded
from bluesky_qs.manager.estimates.walked import AllSettings
from bluesky_qs.manager.worker.environment import Environment
from bluesky_qs.manager.worker.late_replies import LateReplies
from bluesky_qs.manager.worker.subscriptions import WorkerGone
from bluesky_qs.wire.codec import json_text

#: Seconds to wait for the worker after the time limit of the dry run. Clients wait two seconds longer than the limit.
_PATIENCE = 1.8
#: Seconds allowed for each plan when several plans are walked.
FOR_EACH = 10.0


class WalkReports(NamedTuple):
    """The reports of some plans (JSON), and the number of plans that were walked.

    The reports of the others have only a reason.
    """

    reports: Sequence[bytes]
    reached: int


class DryRunRequests:
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
        self._excluded = list(excluded)
        self._replies = LateReplies[DryRunEnded](environment)
        self._free = asyncio.Event()
        self._free.set()

    async def until_free(self) -> None:
        """Wait until no dry run is in progress."""
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

        Each plan is cut off after `FOR_EACH` seconds, unless there is only one. ``task_uid`` is the task of a
        background dry run.

        Raises
        ------
        Refused
            Dry runs are not possible at the moment.
        WorkerError
            The worker did not reply in time, or has ended.
        """
        uid = task_uid or str(uuid4())
        for_each, text, times = seconds if len(items) == 1 else FOR_EACH, json_text(list(items)), self._times(settings)
        command = DryRun(
            uid, text, permissions, seconds, for_each, self._excluded, carried, times, is_task=bool(task_uid)
        )
        self._free.clear()
        try:
            ended = await self._replies.request(uid, command, seconds + _PATIENCE)
        finally:
            if not self._replies:
                self._free.set()
        if ended.refusal:
            raise Refused(ended.refusal)
        return WalkReports(ended.reports, ended.reached)

    def arrived(self, report: DryRunEnded) -> None:
        """Handle the worker's reply."""
        self._replies.arrived(report.uid, report)

    def lost(self, gone: WorkerGone) -> None:
        """Handle the end of the worker."""
        self._replies.lost(gone)
