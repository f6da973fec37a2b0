"""Learns from completed plans how long actions and plans take."""

import asyncio
import json
import logging
from collections import OrderedDict
from typing import Any, NamedTuple

from bluesky_qs.foresight.estimate import sum_of
from bluesky_qs.foresight.learned import Learned, PlanRun, parameters_key
from bluesky_qs.foresight.sample import Sample
from bluesky_qs.foresight.work import Work
from bluesky_qs.ipc.reports import PlanEnded, PlanTimes
from bluesky_qs.manager.estimates.learned_times import LearnedTimes
from bluesky_qs.manager.estimates.stored_times import StoredTimes
from bluesky_qs.manager.estimates.walked import AllSettings
from bluesky_qs.manager.loop.changes import Changes
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.wire.codec import json_text

logger = logging.getLogger(__name__)

#: Seconds between two plans before the first measurement, and the longest gap that counts.
_GAP, _LONGEST_GAP = 0.02, 1.0
#: Maximum size in bytes of the learned times that are sent with a walk. If they are larger, nothing is sent.
_MOST_FOR_WALKS = 2_000_000
#: Maximum number of ended plans to remember until their times arrive.
_MOST_ENDED = 20
#: Seconds between two writes of learned times, because plans may follow each other quickly.
_KEEP = 0.25


class _Ended(NamedTuple):
    """A plan that has ended: the hash of its parameters, and its seconds without pauses and suspensions."""

    plan: str
    parameters: str
    is_complete: bool
    seconds: float


class Times:
    """The learned times of this service.

    The times of a plan are learned when they are needed, or shortly after the next plan has started.
    """

    def __init__(self, queue: PlanQueue, kept: LearnedTimes | StoredTimes, changed: Changes) -> None:
        self._learned = Learned()
        self._version = 0
        self._arrived: list[tuple[PlanTimes, _Ended | None]] = []
        self._news = asyncio.Event()
        #: The version of the learned data, and its action times for walks.
        self._for_walks: tuple[int, bytes] = -1, b""
        self._gaps = Sample()
        self._last_stop = 0.0
        self._queue = queue
        self._kept = kept
        self._changed = changed
        self._ended: OrderedDict[str, _Ended] = OrderedDict()

    @property
    def learned(self) -> Learned:
        """The learned data."""
        self._catch_up()
        return self._learned

    @property
    def version(self) -> int:
        """A number that increases whenever something is learned."""
        self._catch_up()
        return self._version

    @property
    def gap(self) -> float:
        """Seconds from the end of one plan to the start of the next."""
        return self._gaps.mean if self._gaps.number else _GAP

    def for_walks(self, settings: AllSettings | None = None) -> bytes:
        """Return the learned times for a walk that begins with these settings (None: the last known ones)."""
        if self._for_walks[0] != self.version:
            self._for_walks = self.version, self.learned.for_walks().encode()
        used = json_text(self.learned.settings if settings is None else settings)
        text = b'{"actions": ' + self._for_walks[1] + b', "settings": ' + used + b"}"
        return text if len(text) <= _MOST_FOR_WALKS else b"{}"

    async def recall(self) -> None:
        """Load the times that earlier managers learned."""
        self._learned.load(await self._kept.load())

    async def live(self) -> None:
        """Learn times and write them, until canceled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._kept.live())
            try:
                while True:
                    await self._news.wait()
                    self._news.clear()
                    self._catch_up()
                    self._changed()
                    await asyncio.sleep(_KEEP)
                    self._keep()
            finally:
                self._keep()

    def plan_ended(self, report: PlanEnded) -> None:
        """Record the end of a plan. Its times follow in another report."""
        if 0 <= (gap := report.time_start - self._last_stop) < _LONGEST_GAP:
            self._gaps.add(gap)
        self._last_stop = report.time_stop
        running = self._queue.running_json()
        if running is None or self._queue.running_uid != report.item_uid:
            return
        item = json.loads(running)
        seconds = report.time_stop - report.time_start - report.time_paused - report.time_suspended
        is_complete = report.exit_status == "completed" and not report.resumed_by_hand
        self._ended[report.item_uid] = _Ended(item["name"], parameters_key(item), is_complete, max(seconds, 0.0))
        while len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)

    def arrived(self, report: PlanTimes) -> None:
        """Keep the times of a plan that has ended, to learn from them later."""
        self._arrived.append((report, self._ended.pop(report.item_uid, None)))
        self._news.set()

    def _catch_up(self) -> None:
        arrived, self._arrived = self._arrived, []
        for report, ended in arrived:
            try:
                self._learn(json.loads(report.times), ended)
            except (KeyError, TypeError, ValueError):  # device names come from user code and may be anything
                logger.exception("The measured times of the plan %s cannot be used", report.item_uid)
            self._version += 1

    def _keep(self) -> None:
        self._catch_up()
        self._kept.keep(self._learned.take_changes())

    def _learn(self, times: dict[str, Any], ended: _Ended | None) -> None:
        before = sum_of(self._learned, Work.from_json(times["work"]))
        work = self._learned.observe(times)
        if ended is None or not ended.is_complete:
            return
        run = PlanRun(ended.parameters, work.starts, work.settings_used, times["events"], ended.seconds)
        self._learned.completed(ended.plan, run, None if before.unknown else before.seconds)
