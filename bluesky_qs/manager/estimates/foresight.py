"""Estimates the times of the queued plans in the background, so that no request waits for the estimates."""

import asyncio
import logging
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bluesky_qs.api.estimates import NOT_YET
from bluesky_qs.foresight.estimate import Estimate, of_plan, unknown
from bluesky_qs.foresight.learned import Learned
from bluesky_qs.ipc.reports import EnvironmentOpened, PlanEnded, TaskEnded
from bluesky_qs.manager.estimates.dry_run_requests import DryRunRequests
from bluesky_qs.manager.estimates.queue_walks import MOST_WALKED, Found, QueueWalks
from bluesky_qs.manager.estimates.times import Times
from bluesky_qs.manager.estimates.walk_cache import Planned
from bluesky_qs.manager.estimates.walked import AllSettings, Walked, estimate
from bluesky_qs.manager.loop.slices import Slices
from bluesky_qs.manager.worker.environment import Environment
from bluesky_qs.manager.worker.lists import ListBook
from bluesky_qs.manager.worker.subscriptions import WorkerGone
from bluesky_qs.plan_queue.queue import PlanQueue

logger = logging.getLogger(__name__)

#: A round starts when nothing has changed for the first number of seconds, or at the latest after the second one.
_QUIET, _LONGEST_QUIET = 0.3, 3.0
#: After a round that used more than the first number of seconds of processor time, the next round waits for a multiple
#: of that time (the second number), but at most for the third number of seconds.
_BUSY, _REST, _LONGEST_REST = 0.1, 10.0, 30.0
_CLOSED = "The environment is closed, and the plan has not run with these parameters"
_NOT_PLAN = "Only plans have estimates"
_BEYOND = f"Only the first {MOST_WALKED} items of the queue are estimated, or fewer if their plans are long"

#: The walks of queued plans by uid, each with its item (JSON text).
WalkedItems = Mapping[str, tuple[bytes, Walked]]


class Expected(NamedTuple):
    """The estimate of an item and its number of points (None if it is unknown)."""

    estimate: Estimate
    points: int | None = None


class _Running(NamedTuple):
    """The item that runs or ran last, with its estimate and its walk from before the start."""

    uid: str
    expected: Expected | None
    walked: Walked | None


class Foresight:
    """The estimates of the queued plans and of the running one.

    Parameters
    ----------
    walked
        Called after each round with the walks of the queued plans.

    Attributes
    ----------
    times, dry_runs, environment
        The learned times, and the objects that walk plans.
    version
        Increases with each round of estimates.
    """

    def __init__(
        self,
        *,
        queue: PlanQueue,
        times: Times,
        lists: ListBook,
        environment: Environment,
        dry_runs: DryRunRequests,
        changed: Callable[[], None],
        walked: Callable[[WalkedItems], object] = lambda _: None,
    ) -> None:
        self._queue = queue
        self.times = times
        self._lists = lists
        self.environment = environment
        self.dry_runs = dry_runs
        self._changed = changed
        self._walked = walked
        self._queue_walks = QueueWalks(dry_runs, lambda: lists.permissions_json)
        self._planned: dict[str, tuple[bytes, Planned]] = {}
        self._expected: dict[str, Expected] = {}
        #: The item that started last.
        self._running: _Running | None = None
        self._walks: dict[str, Walked] = {}
        self._wanted = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        #: How many times code has run.
        self._code = 0
        self._seen: Any = None
        #: The state for which the present estimates were made.
        self._made_of: Any = None
        self.version = 0

    # ---------------------------------------------------------------------------------------------------- questions
    def expected(self, uid: str) -> Expected:
        """Return the estimate and the number of points for a queued item or the running item."""
        running = self._running
        if running is not None and running.uid == uid and running.expected is not None:
            return running.expected
        return self._expected.get(uid) or Expected(unknown(NOT_YET))

    def stops(self, uid: str) -> bool:
        """Whether a queued item stops the queue."""
        found = self._planned.get(uid)
        return found is not None and found[1].item_type == "instruction"

    def seconds_of(self, uid: str) -> float | None:
        """Return the estimated time of an item in seconds; None if it is unknown."""
        return self.expected(uid).estimate.seconds

    # ------------------------------------------------------------------------------------------------------ reports
    def look(self) -> None:
        """Start a round if something that affects the estimates has changed. Call this after each change."""
        self._follow_running()
        seen = self._what_matters()
        if seen != self._seen:
            self._seen = seen
            self._wanted.set()

    def plan_ended(self, report: PlanEnded) -> None:
        """Record the positions of the devices after a plan."""
        self._follow_running()
        running = self._running
        walked = running.walked if running is not None and running.uid == report.item_uid else None
        is_known = walked is not None and not walked.reason and report.exit_status == "completed"
        self._queue_walks.moved(walked.ends if walked is not None and is_known else None)

    def code_ran(self, report: EnvironmentOpened | TaskEnded | WorkerGone) -> None:
        """Walk the plans again, because code may have changed plans and moved devices."""
        self._code += 1
        if isinstance(report, TaskEnded):
            self._queue_walks.outdate()
        else:
            self._queue_walks.forget()

    def _follow_running(self) -> None:
        uid = self._queue.running_uid
        if uid is not None and (self._running is None or self._running.uid != uid):
            self._running = _Running(uid, self._expected.get(uid), self._walks.get(uid))

    def _what_matters(self) -> Any:
        return (
            self._queue.queue_uid,
            self.environment.is_open,
            self.times.version,
            self._lists.plans_allowed_uid,
            self._code,
        )

    # -------------------------------------------------------------------------------------------------- background
    async def live(self) -> None:
        """Make new estimates after changes, until canceled."""
        while True:
            await self._wanted.wait()
            await self._wait_until_quiet()
            slices = Slices()
            try:
                await self._round(slices)
            except Exception:  # device names and settings come from user code; the queue runs without estimates
                logger.exception("The time that the queue takes cannot be estimated")
            if (busy := slices.seconds) > _BUSY:
                await asyncio.sleep(min(busy * _REST, _LONGEST_REST))

    async def _wait_until_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _LONGEST_QUIET
        while self._wanted.is_set() and loop.time() < until:
            self._wanted.clear()
            await asyncio.sleep(_QUIET)
        self._wanted.clear()

    async def _round(self, slices: Slices) -> None:
        """Walk the plans without a valid walk, and estimate all items if anything has changed."""
        items = self._queue.items_json()
        planned = await self._planned_of(items, slices)
        found = Found({}, 0, is_whole=True)
        if self.environment.is_open:
            found = await self._queue_walks.walk(
                items, planned, carried=self._ends_of_running(), settings=self.times.learned.settings, slices=slices
            )
        refusal = self._queue_walks.refusal if self.environment.is_open else _CLOSED
        made_of = items, self.times.version, {uid: id(walked) for uid, walked in found.walks.items()}, refusal
        if made_of != self._made_of:
            await self._estimate_all(planned, found, refusal, slices)
            self._made_of = made_of
            self._walked({uid: (self._planned[uid][0], walked) for uid, walked in found.walks.items()})
            self.version += 1
            self._changed()
        self._come_again(found)

    def _come_again(self, found: Found) -> None:
        """Schedule another round if walks are missing or outdated."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        delay = self._queue_walks.later() if self.environment.is_open else None
        if not found.is_whole:
            self._wanted.set()
        elif delay is not None:
            self._timer = asyncio.get_running_loop().call_later(delay, self._wanted.set)

    async def _planned_of(self, items: Sequence[bytes], slices: Slices) -> list[Planned]:
        by_data = dict(self._planned.values())
        planned: dict[str, tuple[bytes, Planned]] = {}
        for data in items:
            each = by_data.get(data) or Planned.of(data)
            planned[each.uid] = data, each
            await slices.give_way()
        self._planned = planned
        return [each for _, each in planned.values()]

    def _ends_of_running(self) -> dict[str, Any]:
        running = self._running
        if running is None or running.walked is None or running.uid != self._queue.running_uid:
            return {}
        return dict(running.walked.ends)

    async def _estimate_all(self, planned: Sequence[Planned], found: Found, refusal: str, slices: Slices) -> None:
        reason = refusal or (_BEYOND if found.is_whole else NOT_YET)
        estimates = _Estimates(self.times.learned)
        expected: dict[str, Expected] = {}
        for place, each in enumerate(planned):
            walked = found.walks.get(each.uid)
            if not each.is_plan:
                known = unknown(_NOT_PLAN)
            elif walked is not None:
                known = estimates.walked(each, walked)
            else:
                known = estimates.other(each, reason, scaled=found.is_whole and place >= found.reached)
            expected[each.uid] = Expected(known, None if walked is None or walked.reason else walked.points)
            await slices.give_way()
        self._expected, self._walks = expected, dict(found.walks)


class _Estimates:
    """The estimates of the plans of a queue, in order."""

    def __init__(self, learned: Learned) -> None:
        self._learned = learned
        #: Device settings before the next plan.
        self._before: AllSettings = learned.settings
        #: Estimates by the ids of the walk and the settings. Both objects are kept, so that their ids stay unique.
        self._made: dict[tuple[int, int], tuple[Estimate, Walked, AllSettings]] = {}
        #: Estimates by plan name, and their means.
        self._alike: dict[str, list[Estimate]] = {}
        self._means: dict[str, Estimate | None] = {}

    def walked(self, each: Planned, walked: Walked) -> Estimate:
        """Return the estimate of the next plan, which was walked."""
        before = self._before
        key = id(walked), id(before)
        if key not in self._made:
            known = estimate(self._learned, each.name, each.parameters, walked, before)
            self._made[key] = known, walked, before
        known = self._made[key][0]
        self._before = walked.settings_after(before)
        self._alike.setdefault(each.name, []).append(known)
        return known

    def other(self, each: Planned, reason: str, *, scaled: bool) -> Estimate:
        """Return the estimate of a plan that was not walked, for this reason.

        ``scaled`` scales it by the plans before it.
        """
        known = of_plan(self._learned, each.name, each.parameters, work=None, reason=reason)
        if known.seconds is not None or not scaled:
            return known
        if each.name not in self._means:
            self._means[each.name] = _mean(self._alike.get(each.name, ()))
        return self._means[each.name] or known


def _mean(others: Sequence[Estimate]) -> Estimate | None:
    """Return the mean of the estimates of other items with the same plan; None if one of them is unknown."""
    seconds = [each.seconds for each in others if each.seconds is not None]
    if not seconds or len(seconds) < len(others):
        return None
    return Estimate(statistics.fmean(seconds), min(seconds), max(seconds), "similar")
