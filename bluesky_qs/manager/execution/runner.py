"""Runs the queue: sends items to the worker one after the other and puts their results into the history."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal, NamedTuple

from bluesky_qs.api.types import PauseOption
from bluesky_qs.error_text import stored_message
from bluesky_qs.errors import NoRunEngine, QSError, StoreError, WorkerLost, WrongState
from bluesky_qs.ipc.commands import ContinuePlan, PausePlan, RunPlan, WorkerSnapshot
from bluesky_qs.ipc.reports import PlanEnded
from bluesky_qs.ipc.states import EnvironmentState, WorkerState
from bluesky_qs.manager.edits.ledger import Ledger, Undoable
from bluesky_qs.manager.execution.decide import Decision, Ended, Modes, Next, NextItem, StopReason, decide
from bluesky_qs.manager.execution.results import reported, unreported
from bluesky_qs.manager.execution.running import CurrentItem
from bluesky_qs.manager.execution.switches import Switches
from bluesky_qs.manager.loop.clock import Clock
from bluesky_qs.manager.loop.log_lines import SENDS
from bluesky_qs.manager.worker.environment import Environment
from bluesky_qs.manager.worker.lists import ListBook
from bluesky_qs.manager.worker.state import Lifecycle, ManagerEvent, ManagerState
from bluesky_qs.plan_queue.edit import Edit
from bluesky_qs.plan_queue.queue import PlanQueue

logger = logging.getLogger(__name__)

#: Seconds between attempts to record the end of a plan while the store fails.
_RETRY = 1.0
#: In any other state, no plan is sent, because the worker is being destroyed or is gone.
_RUNNING = (ManagerState.STARTING_QUEUE, ManagerState.EXECUTING_QUEUE, ManagerState.PAUSED)

ContinueOption = Literal["resume", "stop", "abort", "halt"]

_CONTINUING: dict[ContinueOption, str] = {
    "resume": "Resuming",
    "stop": "Stopping",
    "abort": "Aborting",
    "halt": "Halting",
}


class _End(NamedTuple):
    """The end of the running item: its result, a callback for when it is stored, and the other fields of `Ended`."""

    result: dict[str, Any]
    stored: Callable[[], None] = lambda: None
    pause_missed: bool = False
    resumed_by_hand: bool = False


class Runner:
    """Moves items from the queue through the worker into the history.

    Attributes
    ----------
    running
        The running item, from the moment it leaves the queue until its result is in the history.
    """

    def __init__(
        self,
        *,
        queue: PlanQueue,
        ledger: Ledger,
        lists: ListBook,
        environment: Environment,
        lifecycle: Lifecycle,
        clock: Clock,
        changed: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        switches: Switches,
        expected: Callable[[str], float | None] = lambda _: None,
    ) -> None:
        self._expected = expected
        self._queue, self._ledger = queue, ledger
        self._lists = lists
        self._environment = environment
        self._lifecycle = lifecycle
        self._clock = clock
        self._changed = changed
        self._spawn = spawn
        self._stop_reason: str | None = None  # set when the service is stopping
        self.running: CurrentItem | None = None
        self.switches = switches

    # ------------------------------------------------------------------------------------------------ requests of users
    async def start(self, reply: Mapping[str, Any] | None = None, user: str | None = None) -> None:
        """Start the queue for this user, unless it is empty. The ``reply`` to the request is stored with the start."""
        logger.info("Starting queue processing ...")
        if not len(self._queue):
            logger.info("Queue is empty.")
            await self._ledger.commit(reply=reply)
            return
        self._lifecycle.fire(ManagerEvent.START_REQUESTED, user)
        try:
            decision = await self._step(None, reply)
        except StoreError:
            self._leave()
            raise
        if decision.next is Next.START_ITEM:
            self._spawn(self._begin())
        else:
            self._end(decision)

    async def execute(self, item: dict[str, Any], reply: Callable[[Edit], Mapping[str, Any]]) -> Edit:
        """Run a plan now, without queueing it. The edit contains the item and its uid; ``reply`` is made from it."""
        edit = self._queue.start_now(item, self._clock.time())
        self.running = self._new_run()
        self._lifecycle.fire(ManagerEvent.START_REQUESTED)
        try:
            await self._ledger.commit(edit, reply=reply(edit))
        except StoreError:
            self.running = None
            self._leave()
            raise
        self._spawn(self._begin())
        return edit

    async def pause(self, option: PauseOption, user: str = "") -> None:
        """Pause the running plan for this user. Between two plans, pause the next plan or stop the queue before it."""
        logger.info("Pausing the queue (currently running plan) ...")
        try:
            await self._environment.send(PausePlan(option, user), lambda: self._keep_pause(option, user))
        except WrongState:
            if not self._keep_pause(option, user):
                raise
            worker = self._environment.state
            if worker.item_uid == self._queue.running_uid and worker.engine != "paused":
                # The next plan was accepted before the refusal arrived, so it can be paused now.
                await self._pause_now()

    def _keep_pause(self, option: PauseOption, user: str) -> bool:
        """Keep a pause that the worker refused between two plans, for the next plan.

        Return False if there is no next plan.
        """
        if self._lifecycle.state not in (ManagerState.STARTING_QUEUE, ManagerState.EXECUTING_QUEUE):
            return False
        if self.running is not None:  # otherwise, the queue is about to stop anyway
            self.running.waiting_pause, self.running.pauser = option, user
            self._changed()
        return True

    async def resume_plan(self, option: ContinueOption, user: str | None = None) -> None:
        """Resume or end the paused plan for this user."""
        logger.info("%s paused plan ...%s", _CONTINUING[option], f" user={user!r}" if user else "")
        run, pause = self.running, self._environment.state.pauses
        if run is not None:
            run.resumed_from_pause = pause
            run.resumer, run.ender = (user, None) if option == "resume" else (None, user)
        try:
            await self._environment.send(ContinuePlan(option), lambda: self._resume_refused(run))
        except QSError:
            if run is not None:
                run.resumed_from_pause = None
            raise
        # By now the plan may have paused again, by itself or on another request.
        same_pause = self.running is run and self._environment.state.pauses == pause
        if self._lifecycle.state is ManagerState.PAUSED and same_pause:
            self._resumed()

    def _resume_refused(self, run: CurrentItem | None) -> None:
        """Handle a late refusal, after which the item is still paused."""
        if run is not None:
            run.resumed_from_pause = None
        self.engine_changed(self._environment.state)

    # -------------------------------------------------------------------------------------------- reports of the worker
    async def plan_ended(self, report: PlanEnded, acknowledge: Callable[[], None]) -> None:
        """Record the end of the running plan and start the next one. Ignore a repeated report."""
        if report.item_uid != self._queue.running_uid:
            logger.debug("The end of the plan %s was already recorded", report.item_uid)
            return
        if self.running is not None:
            self.running.has_ended = True
            self._changed()
        result = reported(report, self.running.ender if self.running else None, self._expected(report.item_uid))
        if self._stop_reason and report.exit_status != "completed":
            error = report.message if report.exit_status == "failed" else ""
            if self.running is not None:
                self.running.clean_up_error = error
            result |= {
                "exit_status": "failed",
                "msg": stored_message(self._stop_reason + (f". It ended with an error: {error}" if error else "")),
            }
        await self._advance(_End(result, acknowledge, report.pause_missed, report.resumed_by_hand))

    async def interrupt(self, reason: str, changed: asyncio.Event) -> str:
        """Abort the running plan, so that it cleans up. Record it as failed for this reason. Start no other plan.

        Parameters
        ----------
        reason
            The message in the plan's result.
        changed
            Set after each change of the manager's state.

        Returns
        -------
        str
            The error with which the plan ended; empty if its cleanup succeeded.
        """
        self._stop_reason = reason
        run = self.running
        logger.warning("Aborting the running plan, so that it cleans up: %s", reason)
        if self._lifecycle.state is not ManagerState.PAUSED:
            await self.pause("immediate")
        abort_sent = False
        while self._queue.running_uid is not None and not (self.running and self.running.has_ended):
            run = self.running or run
            if self._lifecycle.state is ManagerState.PAUSED and not abort_sent:
                abort_sent = True
                await self._environment.link.request(ContinuePlan("abort"))
            changed.clear()
            await changed.wait()
        return run.clean_up_error if run is not None else ""

    async def worker_lost(self, reason: str) -> None:
        """Record the running plan as failed, because its worker is gone and cannot report its end."""
        if self._queue.running_uid is not None:
            await self._record(self._lost_result(reason), interrupted=True)
            await self._switch_off()

    def engine_changed(self, state: WorkerState) -> None:
        """Keep track of the pauses of the RunEngine."""
        if state.engine != "paused":
            if self._lifecycle.state is ManagerState.PAUSED and state.item_uid and state.engine == "running":
                self._resumed()
        elif self._lifecycle.state is ManagerState.EXECUTING_QUEUE:
            run = self.running
            if run is not None and run.resumed_from_pause == state.pauses:
                return  # the RunEngine has not left this pause yet
            if run is not None:
                run.paused(_pause_began(state))
            self._lifecycle.fire(ManagerEvent.PLAN_PAUSED, state.pauser)

    def _resumed(self) -> None:
        if self.running is not None:
            self.running.resumed()
        self._lifecycle.fire(ManagerEvent.PLAN_RESUMED, self.running.resumer if self.running else None)

    async def adopt(self, snapshot: WorkerSnapshot | None, ended: str) -> bool:
        """Continue with the running item of an earlier manager.

        Parameters
        ----------
        snapshot
            The worker's state; None if there is no worker.
        ended
            How the worker ended, if it ended while there was no manager.

        Returns
        -------
        bool
            True if a plan is running or its end is about to be reported.
        """
        if self._queue.running_uid is None:
            return False
        run = self.running = self._new_run()
        if snapshot is None:
            reason = f"The RE Worker process ended unexpectedly: {ended}" if ended else "The service ended unexpectedly"
            await self._record(self._lost_result(f"{reason} while the plan was running"), interrupted=True)
            await self._switch_off()
            return False
        if run is not None and (since := _pause_began(snapshot.state)) is not None:
            run.paused(since)
        if snapshot.state.item_uid != self._queue.running_uid:
            # Send the item again, because the worker may never have received it. If the worker has finished the item,
            # it refuses to run it twice, and its report is on the way.
            try:
                await self._environment.link.request(RunPlan(self._running_json()))
            except WorkerLost:
                logger.info("The worker ended before the plan %s was sent again", self._queue.running_uid)
            except WrongState as refusal:
                logger.info("The plan %s is not sent again: %s", self._queue.running_uid, refusal.message)
        return True

    def consider_autostart(self) -> bool:
        """Whether autostart must start the queue now."""
        return (
            self.switches.autostart
            and self._lifecycle.state is ManagerState.IDLE
            and self._environment.is_open
            and self._environment.state.environment is EnvironmentState.IDLE
            and self._environment.state.engine == "idle"
            and len(self._queue) > 0
        )

    # --------------------------------------------------------------------------------------------------- steps
    async def _begin(self) -> None:
        """Send the first item to the worker, in a separate task, so that a large item does not delay the reply."""
        if end := await self._send():
            await self._advance(end)

    async def _advance(self, end: _End) -> None:
        """Record the end of the running item and start the next item in the same transaction.

        This is a loop, because items that cannot run end immediately, and there may be thousands of them.
        """
        following: _End | None = end
        logged = False
        while following is not None:
            try:
                decision = await self._step(following)
            except StoreError as error:
                # Try again, because the plan has ended anyway. The queue continues when the store works.
                await self._wait_for_store(error, logged=logged)
                logged = True
                continue
            logged = False
            if decision.next is not Next.START_ITEM:
                self._end(decision)
                return
            following = await self._send()

    async def _step(self, end: _End | None, reply: Mapping[str, Any] | None = None) -> Decision:
        """Store the end of the running item, if there is one, and the next step in one transaction."""
        run, uid, autostart = self.running, self._queue.running_uid, self.switches.autostart
        edits: list[Undoable] = []
        ended: Ended | None = None
        if end is not None:
            finished = self._queue.finish(end.result, interrupted=self._stop_reason is not None)
            edits.append(finished.by(end.result.get("ended_by")))
            status, stays = end.result["exit_status"], finished.autostart_stays
            ended = Ended(status, stays, end.pause_missed, end.resumed_by_hand)
        decision = decide(ended, run, self._modes())
        waiting = len(self._queue)
        edits += self._edits(decision)
        self.running = self._new_run() if decision.next is Next.START_ITEM else None
        try:
            await self._ledger.commit(*edits, reply=reply)
        except StoreError:
            if run is not None and self.running is not None and run.waiting_pause is None:
                run.waiting_pause, run.pauser = self.running.waiting_pause, self.running.pauser
            self.running = run
            raise
        if end is not None:
            end.stored()
            logger.info("Item %s: exit status %r", uid, end.result["exit_status"])
        if decision.next is not Next.STOP:
            logger.info("Processing the next queue item: %d plans are left in the queue.", waiting)
        self._log_autostart(decision.why, before=autostart)
        return decision

    def _modes(self) -> Modes:
        """Return everything else that the next step depends on."""
        return Modes(
            self._next_item,
            autostart=self.switches.autostart,
            stop_pending=self.switches.stop_pending,
            worker_is_ready=self._worker_is_ready,
            engine_is_missing=self._environment.state.engine is None,
            service_stops=self._stop_reason is not None,
        )

    @property
    def _next_item(self) -> NextItem:
        if not len(self._queue):
            return "none"
        return "instruction" if self._queue.instruction_is_next else "plan"

    def _edits(self, decision: Decision) -> list[Undoable]:
        """Carry out the decision in memory, and return the edits."""
        edits: list[Undoable] = []
        if decision.clear_stop_pending:
            edits.append(self.switches.set_stop_pending(pending=False))
        if decision.switch_autostart_off:
            edits.append(self.switches.set_autostart(enabled=False, off_reason=decision.why))
        match decision.next:
            case Next.START_ITEM:
                edits.append(self._queue.start_next(self._clock.time()))
            case Next.PASS_INSTRUCTION:
                edits.append(self._queue.pass_instruction())
            case Next.STOP:
                edits += self.switches.queue_stops(decision)
        return edits

    def _new_run(self) -> CurrentItem | None:
        """Return a new `CurrentItem` for the running item of the queue, if there is one."""
        uid = self._queue.running_uid
        return CurrentItem(uid, self._clock, immediate=self._queue.running_immediately) if uid is not None else None

    @property
    def _worker_is_ready(self) -> bool:
        return self._environment.is_open and self._lifecycle.state in _RUNNING

    async def _send(self) -> _End | None:
        """Send the running item to the worker. Return its end if it cannot run."""
        running = self._queue.running
        # The worker was lost or is being destroyed while the start was being stored: `worker_lost` records that.
        if running is None or not self._worker_is_ready:
            return None
        self._lifecycle.fire(ManagerEvent.PLAN_STARTED)
        try:
            # Permissions or lists may have changed since the item was added.
            self._lists.catalog.check(running, running.get("user_group", ""))
            uid = running["item_uid"]
            logger.info("Starting the plan %r (item %s)", running.get("name"), uid, extra={SENDS: uid})
            await self._environment.link.request(RunPlan(self._running_json()))
        except WorkerLost:
            return None  # `worker_lost` records it
        except NoRunEngine as refusal:
            if self._queue.running_immediately:
                return _End(unreported("failed", refusal.message, now=self._clock.time()))
            await self._put_back(Decision(Next.STOP, StopReason.NO_ENGINE))
            return None
        except QSError as error:
            logger.error("The plan %r cannot run: %s", running.get("name"), error.message)  # noqa: TRY400 - the message is enough
            return _End(unreported("failed", error.message, now=self._clock.time()))
        await self._pause_now()
        return None

    async def _pause_now(self) -> None:
        """Send a pause that was requested before the worker had the plan."""
        run = self.running
        option = run.take_waiting_pause() if run is not None else None
        if run is None or option is None:
            return
        try:
            await self.pause(option, run.pauser)
        except (WorkerLost, WrongState) as error:
            logger.info("The plan was not paused: %s", error.message)

    async def _record(self, result: dict[str, Any], *, interrupted: bool = False) -> None:
        """Put the running item into the history. Try again until it is stored."""
        logged, running, waiting = False, self._queue.running or {}, len(self._queue)
        while self._queue.running_uid is not None:
            try:
                await self._ledger.commit(self._queue.finish(result, interrupted=interrupted))
            except StoreError as error:
                await self._wait_for_store(error, logged=logged)
                logged = True
                continue
            self.running = None
            requeued = " and requeued at the front" if len(self._queue) > waiting else ""
            name, uid, status = running.get("name"), running.get("item_uid"), result["exit_status"]
            logger.warning("Plan %r (item %s): recorded as %r%s. %s", name, uid, status, requeued, result["msg"])

    async def _put_back(self, decision: Decision) -> None:
        """Put the running item back at the front, because it could not start. Stop the queue."""
        autostart, why, logged = self.switches.autostart, decision.why, False
        while self._queue.running_uid is not None:
            try:
                stop = [*self.switches.off(why), *self.switches.queue_stops(decision)]
                await self._ledger.commit(self._queue.put_back(), *stop)
            except StoreError as error:
                await self._wait_for_store(error, logged=logged)
                logged = True
        self.running = None
        self._log_autostart(why, before=autostart)
        self._end(decision)

    async def _wait_for_store(self, error: StoreError, *, logged: bool) -> None:
        """Wait before the next attempt to store the end of an item."""
        if not logged:
            logger.error("The end of the plan could not be stored. Trying again every %g s: %s", _RETRY, error.message)
        await asyncio.sleep(_RETRY)

    async def _switch_off(self) -> None:
        """Switch off autostart and cancel a pending stop, so that nothing starts by itself after an unexpected end."""
        autostart, why = self.switches.autostart, "the worker was lost while a plan was running"
        try:
            await self._ledger.commit(*self.switches.off(why))
            self._log_autostart(why, before=autostart)
        except StoreError as error:
            logger.error("Could not store that autostart is off: %s", error.message)  # noqa: TRY400

    def _end(self, decision: Decision) -> None:
        if decision.reason is StopReason.IS_EMPTY:
            logger.info("Queue is empty.")
        elif decision.reason is not StopReason.WAS_NOT_RUNNING:
            logger.info("The queue has stopped: %s", decision.why)
        self._leave()

    def _leave(self) -> None:
        """Become idle, unless the environment is being destroyed or is gone."""
        if self._lifecycle.state in _RUNNING:
            self._lifecycle.fire(ManagerEvent.QUEUE_ENDED)

    def _log_autostart(self, why: str, *, before: bool) -> None:
        if before and not self.switches.autostart:
            logger.info("Autostart was switched off: %s", why)

    def _running_json(self) -> bytes:
        return self._queue.running_json() or b"{}"

    def _lost_result(self, reason: str) -> dict[str, Any]:
        runs = self._environment.runs
        return unreported("failed", reason, now=self._clock.time()) | {
            "time_start": self._queue.running_since or self._clock.time(),
            "run_uids": [run.uid for run in runs],
            "scan_ids": [run.scan_id for run in runs],
        }


def _pause_began(state: WorkerState) -> float | None:
    """Return the start of the current pause in epoch seconds; None if the worker reports no pause."""
    return state.waiting.since if state.waiting is not None and state.waiting.kind == "pause" else None
