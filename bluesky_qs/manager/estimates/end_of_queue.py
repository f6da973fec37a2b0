"""Computes the end of the queue from the estimates of its items and the progress of the running plan."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

from bluesky_qs.foresight.estimate import Estimate
from bluesky_qs.foresight.queue_times import RunningTotal, Step, Timeline, has_moved, remaining, timeline
from bluesky_qs.manager.estimates.foresight import Foresight
from bluesky_qs.manager.execution.runner import Runner
from bluesky_qs.manager.loop.clock import Clock
from bluesky_qs.manager.loop.slices import Slices
from bluesky_qs.manager.worker.environment import Environment
from bluesky_qs.plan_queue.queue import PlanQueue

#: Seconds between computations while a plan runs.
_LOOK = 1.0
#: With more items than this, the computation is postponed, so that it does not delay the start of a plan.
_LONG = 100


class _Shown(NamedTuple):
    """The end in the status, and the values that determine whether to show a new one."""

    end: float | None
    seconds: float | None
    at_least: bool


class EndOfQueue:
    """The end of the queue, for the status and for ``estimates_get``.

    Attributes
    ----------
    uid
        Changes if the end has moved enough to matter to clients.
    """

    def __init__(
        self,
        *,
        queue: PlanQueue,
        foresight: Foresight,
        runner: Runner,
        environment: Environment,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._foresight = foresight
        self._runner = runner
        self._environment = environment
        self._clock = clock
        self._changed = changed
        self._shown = _Shown(None, None, at_least=False)
        self._seen: Any = None
        #: Whether a new end must be computed.
        self._is_late = False
        #: The sum of the queued items, and the state for which it was made.
        self._sum: tuple[Any, RunningTotal] = None, RunningTotal()
        self.uid = str(uuid4())

    @property
    def end(self) -> float | None:
        """The end in epoch seconds, for the status; None if the queue is not running or the end is unknown."""
        return self._shown.end

    @property
    def at_least(self) -> bool:
        """Whether the queue may end later, because the time of an item is unknown."""
        return self._shown.at_least

    def look(self) -> None:
        """Compute the end again if something has changed; with a long queue, do this a little later."""
        # The queue's uid is not part of this: new items have no estimates until the next round.
        seen = self._foresight.version, self._queue.running_uid, self._stops, self._queue.mode.loop
        if seen != self._seen:
            self._seen = seen
            if len(self._queue) > _LONG:
                self._is_late = True
            else:
                self._show(self.times())

    async def live(self) -> None:
        """Compute the end once a second while a plan runs, until canceled."""
        while True:
            await asyncio.sleep(_LOOK)
            if self._is_late or self._queue.running_uid is not None:
                self._is_late = False
                queued = await self._queued()
                self._show(queued.after(self._running(), self._foresight.times.gap).timeline({}))

    async def _queued(self) -> RunningTotal:
        """Return the sum of the queued items."""
        key = self._foresight.version, self._queue.queue_uid, self._stops_after_running
        if self._sum[0] != key:
            total, slices = RunningTotal(), Slices()
            for uid in () if self._stops_after_running else self._queue.uids():
                if (estimate := self._estimate(uid)) is None:
                    break
                total.add(estimate, self._foresight.times.gap if total.number else 0.0)
                await slices.give_way()
            self._sum = key, total
        return self._sum[1]

    def times(self) -> Timeline:
        """Return the times of the queue from now on, with the start of each item."""
        steps = [Step(uid, self._estimate(uid)) for uid in self._queue.uids()]
        stops = self._stops_after_running
        return timeline(steps, running=self._running(), gap=self._foresight.times.gap, stops_after_running=stops)

    def _running(self) -> Estimate | None:
        """Return the estimate for the rest of the running plan, or for the whole plan in loop mode."""
        return self.running_whole() if self._queue.mode.loop else self.running_rest()

    @property
    def _stops(self) -> bool:
        return self._runner.switches.stop_pending

    @property
    def _stops_after_running(self) -> bool:
        """Whether the queue stops after the running plan."""
        return self._stops and self._queue.running_uid is not None and not self._queue.mode.loop

    def running_rest(self) -> Estimate | None:
        """Return the estimate for the rest of the running plan; None without a running plan."""
        uid = self._queue.running_uid
        if uid is None:
            return None
        expected, progress = self._foresight.expected(uid), self._environment.progress
        done = None
        if progress is not None and progress.item_uid == uid and expected.points:
            done = progress.events / expected.points
        return remaining(expected.estimate, elapsed=self.elapsed(), done=done)

    def running_whole(self) -> Estimate | None:
        """Return the estimate for the whole running plan, corrected by its progress; None without a running plan."""
        rest, elapsed = self.running_rest(), self.elapsed()
        if rest is None or rest.seconds is None:
            return rest
        low, high = (rest.seconds if bound is None else bound for bound in (rest.low, rest.high))
        return rest._replace(seconds=rest.seconds + elapsed, low=low + elapsed, high=high + elapsed)

    def elapsed(self) -> float:
        """Return the seconds since the start of the running plan, without pauses and suspensions."""
        since, run, state = self._queue.running_since, self._runner.running, self._environment.state
        if since is None:
            return 0.0
        now = self._clock.time()
        stood = state.time_suspended + (run.time_paused if run else 0.0)
        held = state.waiting.since if state.waiting is not None else run.paused_since if run else None
        if held is not None:
            stood += max(now - held, 0.0)
        return max(now - since - stood, 0.0)

    def _estimate(self, uid: str) -> Estimate | None:
        return None if self._foresight.stops(uid) else self._foresight.expected(uid).estimate

    def _show(self, found: Timeline) -> None:
        now = self._clock.time()
        runs = self._queue.running_uid is not None and not self._queue.mode.loop
        end = now + found.seconds if runs and found.seconds is not None else None
        before = self._shown
        old = None if before.end is None else before.end - now
        new = None if end is None else end - now
        moved = has_moved(old, new) if runs or old is not None else has_moved(before.seconds, found.seconds)
        if moved or found.at_least != before.at_least:
            self._shown = _Shown(end, found.seconds, found.at_least)
            self.uid = str(uuid4())
            self._changed()
