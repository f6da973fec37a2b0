"""Running the queue: what is next, what becomes of a plan that ended, and when the queue stops."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from bluesky_qs.api.types import PauseOption
from bluesky_qs.errors import QSError, StoreError, WorkerLost, WrongState
from bluesky_qs.ipc.commands import ContinuePlan, PausePlan, RunPlan, WorkerSnapshot
from bluesky_qs.ipc.reports import PlanDone
from bluesky_qs.ipc.states import EnvironmentState, WorkerState
from bluesky_qs.manager.clock import Clock
from bluesky_qs.manager.environment import Environment
from bluesky_qs.manager.events import AutostartChanged, StopPendingChanged
from bluesky_qs.manager.ledger import FactEdit, Ledger, Undoable
from bluesky_qs.manager.lists import ListBook
from bluesky_qs.manager.state import Event, Lifecycle, ManagerState
from bluesky_qs.plan_queue.edit import Edit
from bluesky_qs.plan_queue.queue import PlanQueue

logger = logging.getLogger(__name__)

#: Seconds between attempts to record the end of a plan while the store refuses.
_RETRY = 1.0
#: In any other state no plan is sent to the worker: it is being destroyed, or has gone.
_RUNNING = (ManagerState.STARTING_QUEUE, ManagerState.EXECUTING_QUEUE, ManagerState.PAUSED)
#: Why nothing follows an item that was run without the queue.
_BY_ITSELF = "it was not running"


class Runner:
    """Moves items from the queue through the worker into the history."""

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
        autostart: bool,
        stop_pending: bool,
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._lists = lists
        self._environment = environment
        self._lifecycle = lifecycle
        self._clock = clock
        self._changed = changed
        self._spawn = spawn
        self._left: int | None = None  # the pause that was asked to end; the RunEngine may still say 'paused'
        self._paused_at: float | None = None
        #: Seconds for which the running item has been paused, without a pause that still lasts.
        self.time_paused = 0.0
        #: Since when the running item is paused, if it is.
        self.paused_since: float | None = None
        #: A pause that was asked for between two plans, when the worker had none to pause.
        self._pause_between: PauseOption | None = None
        self._interrupted: str | None = None  # why the running plan is being ended, if it is not its own end
        self._failure = ""  # what went wrong in a plan that was being ended
        self.autostart = autostart
        self.stop_pending = stop_pending

    # ------------------------------------------------------------------------------------------------ what users ask
    async def start(self) -> None:
        """Start the queue; an empty one stays idle."""
        if not len(self._queue):
            return
        logger.info("Starting queue processing ...")
        self._lifecycle.fire(Event.START_ASKED)
        try:
            why = await self._step(None)
        except StoreError:
            self._leave()
            raise
        if why:
            self._end(why)
        else:
            self._spawn(self._begin())

    async def execute(self, item: dict[str, Any]) -> Edit:
        """Run an item now, without queueing it; the edit has the item with its uid."""
        edit = self._queue.start_now(item, self._clock.time())
        self._lifecycle.fire(Event.START_ASKED)
        try:
            await self._ledger.commit(edit)
        except StoreError:
            self._leave()
            raise
        if item["item_type"] == "instruction":
            await self._advance(_result(self._clock.time(), "completed"))
        else:
            self._spawn(self._begin())
        return edit

    def ask_stop(self, *, pending: bool) -> FactEdit:
        """Note that the queue is to stop after the running plan, or take that back."""
        return self._set_fact("stop_pending", "stop_pending_info", StopPendingChanged(pending))

    def set_autostart(self, *, enabled: bool) -> FactEdit:
        """Switch autostart."""
        return self._set_fact("autostart", "autostart_mode_info", AutostartChanged(enabled))

    async def pause(self, option: PauseOption) -> None:
        """Ask the RunEngine to pause; between two plans, pause the next one or stop before it."""
        logger.info("Pausing the queue (currently running plan) ...")
        try:
            await self._environment.tell(PausePlan(option), lambda: self._keep_pause(option))
        except WrongState:
            if not self._keep_pause(option):
                raise
            worker = self._environment.state
            if worker.item_uid == self._queue.running_uid and worker.engine != "paused":
                # The next plan was sent behind this request, and answered before we came to know of the refusal.
                await self._pause_now()

    def _keep_pause(self, option: PauseOption) -> bool:
        """Keep a pause that the worker has refused for want of a plan, for the next one; False if none comes."""
        if self._lifecycle.state not in (ManagerState.STARTING_QUEUE, ManagerState.EXECUTING_QUEUE):
            return False
        self._pause_between = option
        return True

    async def go_on(self, how: Any) -> None:
        """Resume or end the paused plan."""
        logger.info(
            "%s paused plan ...",
            {"resume": "Resuming", "stop": "Stopping", "abort": "Aborting", "halt": "Halting"}[how],
        )
        self._left = self._environment.state.pauses
        try:
            await self._environment.tell(ContinuePlan(how), self._not_continued)
        except QSError:
            self._left = None
            raise
        # By now it may be paused again: by the plan itself, or because somebody else was quick.
        if self._lifecycle.state is ManagerState.PAUSED and self._environment.state.pauses == self._left:
            self._resumed()

    def _not_continued(self) -> None:
        self._left = None
        self.engine_changed(self._environment.state)

    # ---------------------------------------------------------------------------------------------- what happens
    async def plan_done(self, report: PlanDone, acknowledge: Callable[[], None]) -> None:
        """Record the end of the running plan and go on; a report that comes again changes nothing."""
        if report.item_uid != self._queue.running_uid:
            logger.debug("The end of the plan %s is recorded already", report.item_uid)
            return
        self._left = None
        result = {
            "exit_status": report.exit_status,
            "run_uids": report.run_uids,
            "scan_ids": report.scan_ids,
            "time_start": report.time_start,
            "time_stop": report.time_stop,
            "msg": report.message,
            "traceback": report.traceback,
        }
        if self._interrupted and report.exit_status != "completed":
            self._failure = report.message if report.exit_status == "failed" else ""
            error = f". It ended with an error: {self._failure}" if self._failure else ""
            result |= {"exit_status": "failed", "msg": self._interrupted + error}
        await self._advance(result, acknowledge, pause_missed=report.pause_missed or self._pause_between is not None)

    async def interrupt(self, reason: str, changed: asyncio.Event) -> str:
        """Abort the running plan, so that it cleans up; recorded as failed with the reason, and nothing follows it.

        Parameters
        ----------
        reason
            Recorded as the result's message.
        changed
            Set after each change of the manager's state.

        Returns
        -------
        str
            The error with which the plan ended; empty if its clean-up went well.
        """
        self._interrupted = reason
        logger.warning("Aborting the running plan, so that it cleans up: %s", reason)
        if self._lifecycle.state is not ManagerState.PAUSED:
            await self.pause("immediate")
        asked = False
        while self._queue.running_uid is not None:
            if self._lifecycle.state is ManagerState.PAUSED and not asked:
                asked = True
                await self._environment.link.request(ContinuePlan("abort"))
            changed.clear()
            await changed.wait()
        return self._failure

    async def worker_lost(self, reason: str) -> None:
        """Record the running plan as failed: nobody will report its end any more."""
        self._left = None
        if self._queue.running_uid is not None:
            await self._record(self._lost_result(reason), interrupted=True)
            await self._switch_off()

    def engine_changed(self, state: WorkerState) -> None:
        """Follow the RunEngine into and out of a pause."""
        if state.engine != "paused":
            if self._lifecycle.state is ManagerState.PAUSED and state.item_uid and state.engine == "running":
                self._resumed()
        elif self._lifecycle.state is ManagerState.EXECUTING_QUEUE and state.pauses != self._left:
            self._paused_at, self.paused_since = self._clock.monotonic(), self._clock.time()
            self._pause_between = None
            self._lifecycle.fire(Event.PLAN_PAUSED)

    def _resumed(self) -> None:
        if self._paused_at is not None:
            self.time_paused += self._clock.monotonic() - self._paused_at
        self._paused_at = self.paused_since = None
        self._lifecycle.fire(Event.PLAN_RESUMED)

    async def adopt(self, snapshot: WorkerSnapshot | None, ended: str) -> bool:
        """Take up the running item that a manager before this one left.

        Parameters
        ----------
        snapshot
            The worker as it is found; None if there is none.
        ended
            How the worker ended, if it did so while there was no manager.

        Returns
        -------
        bool
            True if a plan runs or its end is about to be reported.
        """
        if self._queue.running_uid is None:
            return False
        if snapshot is None:
            reason = f"The RE Worker process ended unexpectedly: {ended}" if ended else "The service ended unexpectedly"
            await self._record(self._lost_result(f"{reason} while the plan was running"), interrupted=True)
            await self._switch_off()
            return False
        if snapshot.state.item_uid != self._queue.running_uid:
            # Either the worker never got the item, and takes it now; or it has finished it, refuses to run it twice,
            # and its report is on the way.
            try:
                await self._environment.link.request(RunPlan(self._running_json()))
            except WorkerLost:
                logger.info("The worker ended before the plan %s was sent again", self._queue.running_uid)
            except WrongState as refusal:
                logger.info("The plan %s is not sent again: %s", self._queue.running_uid, refusal.message)
        return True

    def consider_autostart(self) -> bool:
        """Whether autostart should start the queue now."""
        return (
            self.autostart
            and self._lifecycle.state is ManagerState.IDLE
            and self._environment.is_open
            and self._environment.state.environment is EnvironmentState.IDLE
            and self._environment.state.engine == "idle"
            and len(self._queue) > 0
        )

    # --------------------------------------------------------------------------------------------------- steps
    async def _begin(self) -> None:
        """Give the first item to the worker: whoever asked for it has the answer by then, however large the item is."""
        if ended := await self._send():
            await self._advance(ended)

    async def _advance(
        self,
        ended: dict[str, Any],
        recorded: Callable[[], None] = lambda: None,
        *,
        pause_missed: bool = False,
    ) -> None:
        """Record the end of the running item and start the next in the same transaction.

        A loop, because items that cannot be run end at once, and there may be thousands of them.

        Parameters
        ----------
        ended
            Result of the running item.
        recorded
            Called as soon as that is durable, before anything else is sent to the worker.
        pause_missed
            The item was to be paused and ended before it was: the queue stops in its place.
        """
        refused = False
        while True:
            try:
                why = await self._step(ended, recorded, pause_missed=pause_missed)
            except StoreError as error:
                # The plan has ended, whatever the store says, and the queue goes on as soon as that can be stored.
                refused = await self._store_again(error, said=refused)
                continue
            refused = False
            if why:
                self._end(why)
                return
            following = await self._send()
            if following is None:
                return
            ended = following

    async def _step(
        self,
        ended: dict[str, Any] | None,
        recorded: Callable[[], None] = lambda: None,
        *,
        pause_missed: bool = False,
    ) -> str:
        """One transaction: the end of the running item, and the start of the next unless there is a reason to stop.

        Returns that reason; empty if the next item was started. For the parameters see `_advance`; ``ended`` is None
        where nothing was running.
        """
        uid, immediate = self._queue.running_uid, self._queue.running_immediately
        starts_itself = self.autostart
        edits: list[Undoable] = []
        why = ""
        if ended is not None:
            finished = self._queue.finish(ended, interrupted=self._interrupted is not None)
            edits.append(finished)
            if not finished.autostart_stays:
                edits += self._autostart_off()
            if not finished.continue_queue:
                why = _BY_ITSELF if immediate else f"the last plan's exit status is {ended['exit_status']!r}"
        if pause_missed:
            edits += self._autostart_off()
            why = why or "the plan ended before the pause that was asked for"
        if self._interrupted:
            why = "the service stops"
        elif not why and self.stop_pending:
            why = "as requested"
        elif not why and not len(self._queue):
            why = "it is empty"
        elif not why and not (self._environment.is_open and self._lifecycle.state in _RUNNING):
            why = "the environment is closed"
        if why:
            edits += self._stop_is_done()
        elif self._queue.instruction_is_next:
            edits += [self._queue.pass_instruction(), *self._autostart_off()]
            why = "by the instruction 'queue_stop'"
        else:
            edits.append(self._queue.start_next(self._clock.time()))
        await self._ledger.commit(*edits)
        recorded()
        if ended is not None:
            logger.info("Item %s: exit status %r", uid, ended["exit_status"])
        self._tell_autostart(why, before=starts_itself)
        return why

    async def _send(self) -> dict[str, Any] | None:
        """Give the running item to the worker; the result of an item that cannot be run comes back."""
        running = self._queue.running
        # The worker was lost while the start was being stored, or is about to be: `worker_lost` records that.
        if running is None or not self._environment.is_open or self._lifecycle.state not in _RUNNING:
            return None
        self.time_paused, self._paused_at, self.paused_since = 0.0, None, None
        self._lifecycle.fire(Event.PLAN_STARTED)
        try:
            # Permissions or lists may have changed since the item was added.
            self._lists.catalog.check(running, running.get("user_group", ""))
            logger.info("Starting the plan %r (item %s)", running.get("name"), running["item_uid"])
            await self._environment.link.request(RunPlan(self._running_json()))
        except WorkerLost:
            return None  # `worker_lost` records it
        except QSError as error:
            logger.error("The plan %r cannot be run: %s", running.get("name"), error.message)  # noqa: TRY400 - said by the error
            return _result(self._clock.time(), "failed", error.message)
        await self._pause_now()
        return None

    async def _pause_now(self) -> None:
        """Pass on a pause that was asked for before the plan was there."""
        option, self._pause_between = self._pause_between, None
        if option is None:
            return
        try:
            await self.pause(option)
        except (WorkerLost, WrongState) as error:
            logger.info("The plan was not paused: %s", error.message)

    async def _record(self, result: dict[str, Any], *, interrupted: bool = False) -> None:
        """Put the running item into the history, whatever it takes: until the store does."""
        refused, running, waiting = False, self._queue.running or {}, len(self._queue)
        while self._queue.running_uid is not None:
            try:
                await self._ledger.commit(self._queue.finish(result, interrupted=interrupted))
            except StoreError as error:
                refused = await self._store_again(error, said=refused)
                continue
            again = " and first in the queue again" if len(self._queue) > waiting else ""
            name, uid, status = running.get("name"), running.get("item_uid"), result["exit_status"]
            logger.warning("The plan %r (item %s) is recorded as %r%s: %s", name, uid, status, again, result["msg"])

    async def _store_again(self, error: StoreError, *, said: bool) -> bool:
        """Wait before the end of a plan is stored once more; true, for it has been said by then."""
        if not said:
            logger.error("The end of the plan could not be stored; trying again until it is. %s", error.message)
        await asyncio.sleep(_RETRY)
        return True

    async def _switch_off(self) -> None:
        """Nothing starts by itself after an end that nobody asked for."""
        starts_itself = self.autostart
        try:
            await self._ledger.commit(*self._autostart_off(), *self._stop_is_done())
            self._tell_autostart("the plan was not ended by the worker", before=starts_itself)
        except StoreError as error:
            logger.error("Autostart could not be switched off in the store: %s", error.message)  # noqa: TRY400

    def _end(self, why: str) -> None:
        self._pause_between = None
        if why != _BY_ITSELF:
            logger.info("The queue is stopped: %s", why)
        self._leave()

    def _leave(self) -> None:
        """Be idle again, unless the environment is being destroyed or has gone meanwhile."""
        if self._lifecycle.state in _RUNNING:
            self._lifecycle.fire(Event.QUEUE_ENDED)

    def _stop_is_done(self) -> list[Undoable]:
        """The queue stops: a pending stop is done, and whoever asked for it does not want autostart to go on."""
        return [self.ask_stop(pending=False), *self._autostart_off()] if self.stop_pending else []

    def _tell_autostart(self, why: str, *, before: bool) -> None:
        if before and not self.autostart:
            logger.info("Autostart is switched off: %s", why)

    def _autostart_off(self) -> list[Undoable]:
        return [self.set_autostart(enabled=False)] if self.autostart else []

    def _running_json(self) -> bytes:
        return self._queue.running_json() or b"{}"

    def _lost_result(self, reason: str) -> dict[str, Any]:
        runs = self._environment.runs
        return _result(self._clock.time(), "failed", reason) | {
            "time_start": self._queue.running_since or self._clock.time(),
            "run_uids": [run.uid for run in runs],
            "scan_ids": [run.scan_id for run in runs],
        }

    def _set_fact(self, attribute: str, fact: str, event: AutostartChanged | StopPendingChanged) -> FactEdit:
        before = getattr(self, attribute)

        def undo() -> None:
            setattr(self, attribute, before)

        setattr(self, attribute, event.enabled)
        self._changed()
        return FactEdit(fact, json.dumps({"enabled": event.enabled}).encode(), undo, event)


def _result(now: float, exit_status: str, msg: str = "") -> dict[str, Any]:
    return {
        "exit_status": exit_status,
        "run_uids": [],
        "scan_ids": [],
        "time_start": now,
        "time_stop": now,
        "msg": msg,
        "traceback": "",
    }
