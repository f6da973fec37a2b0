"""Estimates of the queued plans, made in the background so that no request waits for them."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bluesky_qs.errors import QSError
from bluesky_qs.foresight.estimate import Estimate, of_plan, unknown
from bluesky_qs.ipc.reports import EnvironmentOpened, PlanEnded, TaskEnded
from bluesky_qs.manager.dry_runs import DryRuns
from bluesky_qs.manager.environment import Environment
from bluesky_qs.manager.lists import ListBook
from bluesky_qs.manager.subscriptions import WorkerGone
from bluesky_qs.manager.times import Times
from bluesky_qs.manager.walk_cache import Planned, Positions, WalkCache
from bluesky_qs.manager.walked import AllSettings, Walked, estimate, split
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.wire.codec import json_text

#: Items at the front of the queue that are walked, items in one request to the worker, items of one turn of the loop.
MOST_WALKED, _PER_WALK, _PER_TURN = 1000, 10, 10
#: Seconds for which the queue must be left alone, and the longest time to wait for that.
_QUIET, _LONGEST_QUIET = 0.3, 3.0
#: After a round that took more processor time than this many seconds, the next one waits for this multiple of it, but
#: not longer than so many seconds.
_BUSY, _REST, _LONGEST_REST = 0.1, 5.0, 30.0
#: Seconds for each plan of a walk.
_FOR_EACH = 10.0
_CLOSED = "The environment is closed, and the plan has not run with these parameters"
_NOT_YET = "The plan has not been looked at yet"
_NOT_PLAN = "Only plans have a time"


class Expected(NamedTuple):
    """The expectations for an item: its estimate, and its number of points (None if unknown)."""

    estimate: Estimate
    points: int | None = None


class _Running(NamedTuple):
    """An item, as it was expected before its start."""

    uid: str
    expected: Expected | None
    walked: Walked | None


class Foresight:
    """Knows how long each queued plan takes, and the one that runs.

    Attributes
    ----------
    times, dry_runs, environment
        What was learned, who walks plans, and where.
    version
        Grows with each round of estimates.
    """

    def __init__(
        self,
        *,
        queue: PlanQueue,
        times: Times,
        lists: ListBook,
        environment: Environment,
        dry_runs: DryRuns,
        changed: Callable[[], None],
    ) -> None:
        self._queue = queue
        self.times = times
        self._lists = lists
        self.environment = environment
        self.dry_runs = dry_runs
        self._changed = changed
        self._cache = WalkCache()
        self._present: dict[str, Any] = {}
        self._planned: dict[str, tuple[bytes, Planned]] = {}
        self._expected: dict[str, Expected] = {}
        #: The item that started last.
        self._running: _Running | None = None
        self._walks: dict[str, Walked] = {}
        self._wanted = asyncio.Event()
        self._seen: Any = None
        #: Why plans cannot be walked now; empty if they can.
        self._refusal = ""
        self.version = 0

    # ---------------------------------------------------------------------------------------------------- questions
    def expected(self, uid: str) -> Expected:
        """The expectations for a queued item, or for the running one."""
        running = self._running
        if running is not None and running.uid == uid and running.expected is not None:
            return running.expected
        return self._expected.get(uid) or Expected(unknown(_NOT_YET))

    def stops(self, uid: str) -> bool:
        """Whether a queued item stops the queue."""
        found = self._planned.get(uid)
        return found is not None and found[1].item_type == "instruction"

    def seconds_of(self, uid: str) -> float | None:
        """The time that was expected of an item, if it was known."""
        return self.expected(uid).estimate.seconds

    # ------------------------------------------------------------------------------------------------------ reports
    def look(self) -> None:
        """Something has changed. Make new estimates if it matters for them."""
        self._follow_running()
        seen = self._what_matters()
        if seen != self._seen:
            self._seen = seen
            self._wanted.set()

    def plan_ended(self, report: PlanEnded) -> None:
        """Note where the plan has left the devices."""
        self._follow_running()
        running = self._running
        if running is None or running.uid != report.item_uid:
            self._devices_changed()
        elif report.exit_status == "completed" and running.walked is not None and not running.walked.reason:
            self._present.update(running.walked.ends)
        else:
            self._devices_changed()

    def code_ran(self, _report: EnvironmentOpened | TaskEnded | WorkerGone) -> None:
        """Forget the walks, because code may have changed plans and moved devices."""
        self._cache.clear()
        self._devices_changed()

    def _devices_changed(self) -> None:
        self._cache.clear()
        self._present.clear()

    def _follow_running(self) -> None:
        uid = self._queue.running_uid
        if uid is not None and (self._running is None or self._running.uid != uid):
            self._running = _Running(uid, self._expected.get(uid), self._walks.get(uid))

    def _what_matters(self) -> Any:
        return self._queue.queue_uid, self.environment.is_open, self.times.version, self._lists.plans_allowed_uid

    # -------------------------------------------------------------------------------------------------- background
    async def live(self) -> None:
        """Make estimates whenever something has changed, until canceled."""
        while True:
            await self._wanted.wait()
            await self._wait_until_quiet()
            began = time.thread_time()
            await self._round()
            self.version += 1
            self._changed()
            if (busy := time.thread_time() - began) > _BUSY:
                await asyncio.sleep(min(busy * _REST, _LONGEST_REST))

    async def _wait_until_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _LONGEST_QUIET
        while self._wanted.is_set() and loop.time() < until:
            self._wanted.clear()
            await asyncio.sleep(_QUIET)
        self._wanted.clear()

    async def _round(self) -> None:
        """Estimate all items."""
        self._refusal = "" if self.environment.is_open else _CLOSED
        items = self._queue.items_json()
        planned = await self._planned_of(items)
        walks = await self._walk_all(items, planned)
        await self._estimate_all(planned, walks)

    async def _planned_of(self, items: Sequence[bytes]) -> list[Planned]:
        by_data = dict(self._planned.values())
        planned: dict[str, tuple[bytes, Planned]] = {}
        found: list[Planned] = []
        for place, data in enumerate(items):
            each = by_data.get(data) or Planned.of(data)
            planned[each.uid] = data, each
            found.append(each)
            if place % _PER_TURN == 0:
                await asyncio.sleep(0)
        self._planned = planned
        return found

    async def _walk_all(self, items: Sequence[bytes], planned: Sequence[Planned]) -> dict[str, Walked]:
        """The walks of the first items, in order: each begins where the one before it ends."""
        carried: dict[str, Any] = self._ends_of_running()
        settings: AllSettings = self.times.learned.settings
        walks: dict[str, Walked] = {}
        place, last = 0, min(len(items), MOST_WALKED)
        while place < last and not self._refusal:
            each = planned[place]
            walked = self._cache.find(each, Positions(carried, self._present)) if each.is_plan else None
            if each.is_plan and walked is None:
                await self._walk(items[place:last], planned[place:last], carried, settings)
                walked = self._cache.find(each, Positions(carried, self._present))
            if walked is not None:
                walks[each.uid] = walked
                carried.update(walked.ends)
                settings = walked.settings_after(settings)
            place += 1
            if place % _PER_TURN == 0:
                await asyncio.sleep(0)
        return walks

    def _ends_of_running(self) -> dict[str, Any]:
        running = self._running
        if running is None or running.walked is None or running.uid != self._queue.running_uid:
            return {}
        return dict(running.walked.ends)

    async def _walk(
        self, items: Sequence[bytes], planned: Sequence[Planned], carried: Mapping[str, Any], settings: AllSettings
    ) -> None:
        """Walk the next plans, and keep their walks."""
        number = next((at for at, each in enumerate(planned[:_PER_WALK]) if not each.is_plan), _PER_WALK)
        plans = [json.loads(data) for data in items[:number]]
        start = json_text({"positions": dict(carried), "doubtful": [], "is_cut": False})
        try:
            seconds = _FOR_EACH * len(plans)
            permissions = self._lists.permissions_json
            found = await self.dry_runs.walk(plans, permissions, seconds, carried=start, settings=settings)
        except QSError as error:
            self._refusal = error.message
            return
        for each, report in zip(planned, found.reports, strict=False):
            self._cache.add(each, split(report)[1])

    async def _estimate_all(self, planned: Sequence[Planned], walks: Mapping[str, Walked]) -> None:
        learned = self.times.learned
        before: AllSettings = learned.settings
        expected: dict[str, Expected] = {}
        alike: dict[str, list[Estimate]] = {}
        #: Estimates by walk and settings. These are kept, so that their ids are not used again.
        made: dict[tuple[int, int], tuple[Estimate, AllSettings]] = {}
        for place, each in enumerate(planned):
            walked = walks.get(each.uid)
            if not each.is_plan:
                known = unknown(_NOT_PLAN)
            elif walked is not None:
                key = id(walked), id(before)
                if key not in made:
                    made[key] = estimate(learned, each.name, each.parameters, walked, before), before
                known, _ = made[key]
                before = walked.settings_after(before)
                alike.setdefault(each.name, []).append(known)
            else:
                reason = self._refusal or "Only the first 1000 items of the queue are looked at"
                known = of_plan(learned, each.name, each.parameters, work=None, reason=reason)
                if known.seconds is None and place >= MOST_WALKED:
                    known = _like(alike.get(each.name, ())) or known
            expected[each.uid] = Expected(known, None if walked is None or walked.reason else walked.points)
            if place % _PER_TURN == 0:
                await asyncio.sleep(0)
        self._expected, self._walks = expected, dict(walks)


def _like(others: Sequence[Estimate]) -> Estimate | None:
    """The mean of the estimates of other items with the same plan; None if one of them is not known."""
    seconds = [each.seconds for each in others if each.seconds is not None]
    if not seconds or len(seconds) < len(others):
        return None
    return Estimate(sum(seconds) / len(seconds), min(seconds), max(seconds), "similar")
