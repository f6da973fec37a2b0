"""A thread that checks several times a second why the running plan is waiting."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from bluesky_qs.ipc.reports import PlanTimes, Pulse
from bluesky_qs.worker.observe import plain_text
from bluesky_qs.worker.report import Reports
from bluesky_qs.worker.timing import PlanTiming
from bluesky_qs.worker.waits import PlanWaits

log = logging.getLogger(__name__)

#: Seconds between two checks, and number of checks between two pulses. Progress is published five times a second.
LOOK = 0.1
LOOKS = 2
#: Number of checks without a plan before the thread sleeps until the next plan.
IDLE = 20


class _Watched(NamedTuple):
    """A plan; ``waits`` and ``timing`` are None before the main thread has received it."""

    item_uid: str
    waits: PlanWaits | None = None
    timing: PlanTiming | None = None
    is_held: Callable[[], bool] = lambda: False
    place: Callable[[], str] = str


class PlanWatcher:
    """Watches plans, one after the other, so that the RunEngine's thread need not report anything."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._lock = threading.Lock()
        self._plan: _Watched | None = None
        #: Plans that have ended, but whose times have not been reported.
        self._ended: deque[tuple[str, PlanTiming]] = deque()
        self._wakeup = threading.Event()
        self._is_idle = False
        self._thread: threading.Thread | None = None
        self._complained = False

    def begins(self, item_uid: str) -> None:
        """Send a pulse for this plan several times a second from now on."""
        self._complained = False
        self._watch(_Watched(item_uid))

    def watch(
        self,
        item_uid: str,
        waits: PlanWaits,
        timing: PlanTiming,
        is_held: Callable[[], bool],
        place: Callable[[], str],
    ) -> None:
        """Watch this plan.

        ``is_held`` returns whether something else keeps the plan from progressing. ``place`` returns the file and line
        of the user code that is running.
        """
        self._watch(_Watched(item_uid, waits, timing, is_held, place))

    def _watch(self, plan: _Watched) -> None:
        with self._lock:
            self._plan = plan
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
                self._thread.start()
        if self._is_idle:  # otherwise, it will check soon anyway, and waking it would delay a short plan
            self._wakeup.set()

    def ends(self) -> None:
        """Stop watching. After this returns, the plan's state no longer changes."""
        with self._lock:
            plan, self._plan = self._plan, None
            if plan is not None:
                self._pass_on(plan)

    def times_of(self, item_uid: str, timing: PlanTiming) -> None:
        """Report the times of a plan that has ended, without delaying the next one."""
        self._ended.append((item_uid, timing))
        if self._is_idle:
            self._wakeup.set()

    def _run(self) -> None:
        looks, without = 0, 0
        while True:
            while self._ended:
                self._report_times(*self._ended.popleft())
            if (plan := self._plan) is not None:
                looks, without = looks + 1, 0
                self._look_safely(plan, pulses=looks % LOOKS == 0)
                self._is_idle = False
            elif (without := without + 1) > IDLE:
                self._is_idle = True
                if self._plan is None and not self._ended:
                    self._wakeup.wait()
                self._wakeup.clear()
                continue
            time.sleep(LOOK)

    def _report_times(self, item_uid: str, timing: PlanTiming) -> None:
        try:
            if (found := timing.found()) is not None:
                self._reports.push(PlanTimes(item_uid, plain_text(found)))
        except Exception:  # the plan's objects are user code and may raise anything
            log.exception("Could not determine how long the plan's actions took")

    def _look_safely(self, plan: _Watched, *, pulses: bool) -> None:
        try:
            self._look(plan, pulses=pulses)
        except Exception:  # devices are user code, and their errors must not end this thread
            if not self._complained:  # once per plan
                log.exception("Could not determine why the plan is waiting")
            self._complained = True

    def _look(self, plan: _Watched, *, pulses: bool) -> None:
        if plan.timing is not None:
            plan.timing.digest()
        found, devices = None, []
        if plan.waits is not None and plan.is_held():
            plan.waits.held()
        elif plan.waits is not None:
            found, devices = plan.waits.current(plan.place), plan.waits.devices()
        progress = plain_text([device.progress() for device in devices]) if pulses else b""
        with self._lock:
            if self._plan is not plan:
                return
            if found != self._reports.state.plan_wait:
                self._reports.update(plan_wait=found)
            if pulses:
                self._pass_on(plan)
                self._reports.pulse(Pulse(plan.item_uid, progress))

    def _pass_on(self, plan: _Watched) -> None:
        if plan.waits is not None and (info := plan.waits.info()):
            self._reports.info(info)
