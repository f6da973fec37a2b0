"""Runs plans: calls ``RE(plan)`` in the main thread, and pauses and resumes the plan when the manager requests it."""

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from bluesky_qs.api.values import ExitStatus
from bluesky_qs.errors import NoRunEngine, WorkerError, WrongState
from bluesky_qs.ipc.reports import PlanEnded
from bluesky_qs.ipc.states import EnvironmentState
from bluesky_qs.worker.hook import Hook
from bluesky_qs.worker.observe import Observer
from bluesky_qs.worker.output import ItemOutput
from bluesky_qs.worker.place import place_of
from bluesky_qs.worker.report import Reports
from bluesky_qs.worker.returned import Returned, value_of_plan
from bluesky_qs.worker.standstill import Standstill, SuspenderWatch, Suspension, tripped_suspenders
from bluesky_qs.worker.timing import Memory, PlanTiming
from bluesky_qs.worker.trace import came_through, sentence, traceback_text
from bluesky_qs.worker.waits import NOTHING, PlanWaits, Streaming
from bluesky_qs.worker.watcher import PlanWatcher

log = logging.getLogger(__name__)

How = Literal["resume", "stop", "abort", "halt"]
PauseOption = Literal["deferred", "immediate"]

ENDED_ELSEWHERE = "The plan was ended by startup code or from a console, or could not be paused there"
ABORTED_ITSELF = "The plan aborted itself, or an operation that it was waiting for was canceled"
PANICKED = "Run Engine is panicked and cannot run plans: close the environment and open it again"

#: States in which the RunEngine ends a plan early, and the exit status that follows.
_ENDS: Mapping[str | None, ExitStatus] = {
    "stopping": "stopped",
    "aborting": "aborted",
    "halting": "halted",
    "panicked": "unknown",
}
_ENDINGS: Mapping[How, str] = {"stop": "stopping", "abort": "aborting", "halt": "halting"}


class _Plan:
    """A plan that was started. The object is kept while the plan is paused and the main thread does other things."""

    def __init__(self, item_uid: str, reports: Reports, streaming: Streaming, memory: Memory) -> None:
        self.item_uid = item_uid
        self.timing = PlanTiming(memory)
        self.observer = Observer(item_uid, reports, self.timing.document)
        self.standstill = Standstill()
        self.suspenders = SuspenderWatch()
        self.waits = PlanWaits(streaming=streaming)
        #: The generator of the plan's messages, once the RunEngine has requested the first message.
        self.messages: Iterator[Any] | None = None
        self.start = time.time()
        #: The last state of the RunEngine that ends a plan; None if there was none.
        self.ending: str | None = None
        #: True while this module's own call runs the plan. Otherwise, it is paused, or other code has resumed it.
        self.stepping = True
        #: True once other code (from a console, for example) has resumed the plan.
        self.resumed_by_hand = False
        #: True once the RunEngine has finished with the plan.
        self.over = False
        #: The exception that the plan raised in other code, which had resumed it.
        self.error: BaseException | None = None
        #: The exception that ended the plan, before the RunEngine and asyncio handled it.
        self.raised: BaseException | None = None
        #: The plan's return value.
        self.value: Any = None

    def watched(self, messages: Iterator[Any]) -> Iterator[Any]:
        """Pass the plan's messages on, and keep its return value or the exception that ends it."""
        self.standstill.plan_begins()
        self.messages = messages
        try:
            self.value = yield from messages
        except GeneratorExit:
            raise
        except BaseException as error:
            self.raised = error
            raise
        return self.value

    def original(self, error: BaseException) -> BaseException:
        """Return the plan's own exception for the exception from the RunEngine.

        asyncio replaces exceptions of some classes (such as `TimeoutError`) with copies that have no traceback, cause
        or notes.
        """
        raised = self.raised
        if raised is None or type(raised).__name__ != type(error).__name__ or len(raised.args) != len(error.args):
            return error
        # Not ``==``, because comparing arrays returns an array. A copy has the identical arguments.
        return raised if all(one is other for one, other in zip(raised.args, error.args, strict=True)) else error


@contextlib.contextmanager
def _outermost(engine: Any, wrap: Callable[[Iterator[Any]], Iterator[Any]]) -> Iterator[None]:
    """Let ``wrap`` process the messages of the plan started in this block, after the user's preprocessors.

    The plan itself is not wrapped, because start documents contain its name and type.
    """
    users = engine.preprocessors

    def wrapped(messages: Iterator[Any]) -> Iterator[Any]:
        engine.preprocessors = users  # the plan may use or change them
        return wrap(messages)

    ours = engine.preprocessors = [*users, wrapped]
    try:
        yield
    finally:
        if engine.preprocessors is ours:
            engine.preprocessors = users


def _failed(error: BaseException) -> tuple[ExitStatus, str, str]:
    return "failed", sentence(error), traceback_text(error)


class Engine:
    """The RunEngine of the environment, and the plan that it runs.

    The main thread calls `run`. The link thread calls `begin`, `pause` and `resume`, which return immediately. While a
    plan is paused, the main thread is free, so code in the environment or from a console may also resume or end the
    plan.
    """

    def __init__(
        self, reports: Reports, in_main_thread: Callable[[Callable[[], None]], None], output: ItemOutput
    ) -> None:
        self.RE: Any = None
        #: The messages to publish about each plan, in the form of bluesky-queueserver.
        self.streaming = NOTHING
        self._reports = reports
        self._in_main_thread = in_main_thread
        self._output = output
        self._accepted: set[str] = set()
        self._lock = threading.Lock()
        self._item_uid: str | None = None
        self._plan: _Plan | None = None
        self._paused = False
        self._pause: PauseOption | None = None
        self._engine_state: str | None = None
        self._next: list[Any] = []
        #: The user who requested the pause; None if nobody did.
        self._pauser: str | None = None
        self._watcher = PlanWatcher(reports)
        self._memory = Memory()
        self._hooks = (
            Hook("state_hook", self._state_changed),
            Hook("msg_hook", self._message_seen),
            Hook("waiting_hook", self._waiting_seen),
        )
        self._loop_thread: threading.Thread | None = None
        self._next_excepthook: Callable[[Any], Any] | None = None

    def adopt(self, candidate: Any) -> None:
        """Use the namespace's ``RE``, if it is a RunEngine. If a plan is running, switch when it has ended."""
        with self._lock:
            if self._item_uid is not None:
                self._next = [candidate]
                return
        bluesky = sys.modules.get("bluesky.run_engine")
        if candidate is not None and not (bluesky and isinstance(candidate, bluesky.RunEngine)):
            log.warning("'RE' is of type %r, not a RunEngine; plans cannot run", type(candidate).__name__)
            candidate = None
        if self.RE is not candidate:
            for hook in self._hooks if self.RE is not None else ():
                hook.remove(self.RE)
            self.RE = candidate
        if self._next_excepthook is None:  # once, after startup code could set its own
            self._next_excepthook, threading.excepthook = threading.excepthook, self._thread_died
        self._watch()
        self._reports.update(engine=None if candidate is None else str(candidate.state))

    # ----------------------------------------------------------------------------------------------- link thread
    def refuse_repeated(self, item_uid: str) -> None:
        """Raise `WrongState` if the item was sent before, because a plan must never run twice."""
        if item_uid in self._accepted:
            raise WrongState(f"The worker already has the plan {item_uid!r}")

    def begin(self, item_uid: str) -> None:
        """Accept an item; `run` follows in the main thread. Raise `NoRunEngine` if there is no RunEngine."""
        if self.RE is None and not self._next:
            raise NoRunEngine
        self._accepted.add(item_uid)
        with self._lock:
            self._item_uid, self._paused, self._pause, self._pauser = item_uid, False, None, None
        self._watcher.begins(item_uid)
        executing = EnvironmentState.EXECUTING_PLAN
        self._reports.update(environment=executing, item_uid=item_uid, pause_pending=False, pulses=True)

    def pause(self, option: PauseOption, user: str = "") -> None:
        """Request a pause for this user. A plan that is about to start is paused as soon as it runs."""
        with self._lock:
            if self._item_uid is None:
                raise WrongState("No plan is running")
            if self._paused:
                raise WrongState("The plan is already paused")
            self._pause, self._pauser = option, user
            log.info("Pausing Run Engine ...")
            if option == "deferred":
                self._reports.update(pause_pending=True, pause_requested=time.time())
            if self._plan and self._engine_state == "running":
                self._start_pause()

    def resume(self, how: How) -> None:
        """Resume the paused plan, or end it."""
        with self._lock:
            plan = self._plan
            if plan is None or not self._paused:
                raise WrongState("The plan is not paused")
            self._paused = False
        log.info("Run Engine: %s", how)
        self._in_main_thread(lambda: self._continue(plan, how))

    # ----------------------------------------------------------------------------------------------- main thread
    def run(self, item_uid: str, make: Callable[[], tuple[Any, dict[str, Any]]]) -> None:
        """Run a plan until it pauses or ends, and report its end, even if it fails.

        ``make`` returns the plan and the metadata of its runs. It calls user code and may raise an exception.
        """
        with self._lock:
            plan = self._plan = _Plan(item_uid, self._reports, self.streaming, self._memory)
        self._output.begin(item_uid, plan.start)
        self._watcher.watch(item_uid, plan.waits, plan.timing, self._is_held, lambda: self._place(plan))
        self._step(plan, lambda: self._call(plan, make))

    def raised(self, error: BaseException) -> None:
        """Record an exception raised by code from a console. It may come from a plan that this code had resumed."""
        with self._lock:
            plan = self._plan
            if plan and plan.over and not plan.stepping and came_through(error, "bluesky.run_engine"):
                plan.error = error

    def _continue(self, plan: _Plan, how: How) -> None:
        with self._lock:
            plan.stepping = not plan.over
        if plan.stepping:
            self._watch()  # code from a console may have set hooks during the pause
            log.info("Continue plan execution with the option '%s'", how)
            self._step(plan, getattr(self.RE, how), how)
        else:
            self._settle(plan)

    def _settle(self, plan: _Plan) -> None:
        """Report the end of a paused plan that other code resumed or ended."""
        if plan is self._plan:
            self._step(plan, lambda: None)

    def _call(self, plan: _Plan, make: Callable[[], tuple[Any, dict[str, Any]]]) -> None:
        if str(self.RE.state) == "panicked":
            raise WorkerError(PANICKED)
        self._watch()
        generator, metadata = make()
        plan.standstill.tripped = tripped_suspenders(self.RE)
        with _outermost(self.RE, plan.watched):
            self.RE(generator, plan.observer, **metadata)

    def _step(self, plan: _Plan, step: Callable[[], Any], how: How | None = None) -> None:
        try:
            outcome = self._outcome(plan, step, how)
        except BaseException as error:  # noqa: BLE001 - the process boundary: user code may raise anything
            outcome = _failed(plan.original(error))
            log.error("The plan failed: %s", outcome[1])  # noqa: TRY400 - the RunEngine has printed the traceback
            self._clean_up()
        if outcome is not None:
            self._finish(plan, *outcome)

    def _outcome(self, plan: _Plan, step: Callable[[], Any], how: How | None) -> tuple[ExitStatus, str, str] | None:
        """Run the plan until it pauses or ends. Return its status, message and traceback, or None if it is paused."""
        if self.RE is None:
            raise NoRunEngine
        from bluesky.utils import RunEngineInterrupted  # noqa: PLC0415 - startup code decides when bluesky is imported

        otherwise: ExitStatus = "completed"
        try:
            step()
        except RunEngineInterrupted:
            if str(self.RE.state) != "paused":
                otherwise = "unknown"
        return None if self._is_left(plan) else self._end(plan, how, otherwise=otherwise)

    def _is_left(self, plan: _Plan) -> bool:
        """Return whether this module's call has returned although the plan is not over.

        The plan is paused, or other code resumed it at the moment of its pause. In the second case, the call may even
        have returned as if the plan had completed.
        """
        with self._lock:
            if plan.over or str(self.RE.state) in ("idle", "panicked"):
                return False
            plan.stepping = False
            return True

    def _end(self, plan: _Plan, how: How | None, *, otherwise: ExitStatus = "completed") -> tuple[ExitStatus, str, str]:
        """Return how a plan ended that did not raise an exception here; ``otherwise`` if nothing ended it early."""
        if plan.ending is None and plan.error is not None:
            return _failed(plan.original(plan.error))
        if plan.ending is None and plan.observer.last_exit_status == "fail":
            return "failed", "The plan failed after it was resumed by startup code or from a console", ""
        if plan.ending == "halting":
            log.warning("The plan was halted without its cleanup; close the environment and open it again")
        if plan.ending is None and otherwise == "completed" and self._aborted_itself(plan):
            return "aborted", ABORTED_ITSELF, "" if plan.raised is None else traceback_text(plan.raised)
        status = _ENDS.get(plan.ending, otherwise)
        if status == "completed" or (how and plan.ending == _ENDINGS.get(how)):
            return status, "", ""
        return status, PANICKED if plan.ending == "panicked" else ENDED_ELSEWHERE, ""

    def _aborted_itself(self, plan: _Plan) -> bool:
        # For a plan without runs, no public attribute shows an early end, and `RE(…)` returns as if the plan had
        # completed.
        return getattr(self.RE, "_exit_status", plan.observer.last_exit_status) == "abort"

    def _finish(self, plan: _Plan, status: ExitStatus, message: str, trace: str) -> None:
        returned = value_of_plan(plan.value) if status == "completed" else Returned()
        self._output.end(plan.item_uid)
        plan.timing.end()
        self._watcher.ends()
        with self._lock:
            pause_missed = self._pause is not None
            self._item_uid, self._plan, self._paused, self._pause = None, None, False, None
            following, self._next = self._next, []
        for candidate in following:
            self.adopt(candidate)
        self._reports.forget_runs()
        self._reports.finish(
            lambda state: PlanEnded(
                item_uid=plan.item_uid,
                exit_status=status,
                run_uids=plan.observer.run_uids,
                scan_ids=plan.observer.scan_ids,
                time_start=plan.start,
                time_stop=time.time(),
                message=message,
                traceback=trace,
                state=state,
                pause_missed=pause_missed,
                return_value=returned.json,
                return_value_is_text=returned.is_text,
                resumed_by_hand=plan.resumed_by_hand,
                time_paused=plan.standstill.time_paused,
                time_suspended=plan.standstill.time_suspended,
            ),
            environment=EnvironmentState.IDLE,
            item_uid=None,
            pause_pending=False,
            pause_requested=None,
            waiting=None,
            time_suspended=0.0,
            plan_wait=None,
            **self._state(),
        )
        self._watcher.times_of(plan.item_uid, plan.timing)

    def _clean_up(self) -> None:
        """End a plan that cannot be resumed, for example because a device fails, so that the next plan can run."""
        try:
            if self.RE is not None and str(self.RE.state) == "paused":
                self.RE.abort("the plan could not be resumed")
        except BaseException:  # the plan's cleanup is user code and may raise anything; the next plan must run
            log.exception("Could not end the plan")

    # --------------------------------------------------------------------------------------- RunEngine's own thread
    def _state_changed(self, new: Any, _old: Any) -> None:
        state = str(new)
        with self._lock:
            self._engine_state = state
            plan = self._plan if self._plan and not self._plan.over else None
            by_hand = state == "running" and self._paused  # `resume` clears this for a resume by the manager
            self._paused = plan is not None and state == "paused"
            if state == "running":
                self._loop_thread = threading.current_thread()
            if plan is not None:
                plan.resumed_by_hand |= by_hand
                self._follow(plan, state)
        if plan is None:
            self._reports.update(engine=state)
        elif state == "paused":
            pauses = self._reports.state.pauses + 1
            idle = EnvironmentState.IDLE
            self._reports.update(
                engine=state,
                pause_pending=False,
                pause_requested=None,
                environment=idle,
                pauses=pauses,
                **plan.standstill.state(),
            )
        elif state != "idle":  # the end of the plan will be reported in a moment
            executing = EnvironmentState.EXECUTING_PLAN
            self._reports.update(engine=state, environment=executing, **plan.standstill.state())

    def _message_seen(self, message: Any) -> None:
        plan = self._plan
        if plan is None:
            return
        plan.waits.message(message)
        plan.timing.message(message)
        if plan.standstill.changed_by(message, self.RE):
            plan.timing.held()
            self._reports.update(**plan.standstill.state())

    def _waiting_seen(self, statuses: Any) -> None:
        if (plan := self._plan) is not None:
            plan.waits.waiting(statuses)
            plan.timing.waiting(statuses)

    def _follow(self, plan: _Plan, state: str) -> None:
        if state not in ("running", "idle"):
            plan.timing.held()
        plan.standstill.engine_changed(state, self._pauser)
        if state == "running" and self._pause is not None:
            self._start_pause()
        if state in ("pausing", "paused"):
            self._pause = None
        if state == "paused":
            self._pauser = None  # the next pause may be the plan's own
        if state in _ENDS:
            plan.ending = state
        if state in ("idle", "panicked"):
            plan.over = True
            if not plan.stepping:
                self._in_main_thread(lambda: self._settle(plan))

    # ---------------------------------------------------------------------------------------------- watching thread
    def _is_held(self) -> bool:
        """Return whether a pause, a suspender or a prompt holds the plan. During a pause, check the suspenders."""
        state = self._reports.state
        if (plan := self._plan) is not None:
            self._look_at_suspenders(plan, is_paused=state.waiting is not None and state.waiting.kind == "pause")
        return self._paused or state.waiting is not None or (state.input is not None and state.input.task_uid is None)

    def _look_at_suspenders(self, plan: _Plan, *, is_paused: bool) -> None:
        if not is_paused or self.RE is None:
            plan.suspenders.forget()
        elif (tripped := plan.suspenders.changed(self.RE)) is not None:
            self.RE.loop.call_soon_threadsafe(self._suspenders_changed, plan, tripped)

    def _suspenders_changed(self, plan: _Plan, tripped: list[Suspension]) -> None:
        """Report the change. Called in the RunEngine's loop, which also runs during a pause."""
        if plan is self._plan and not plan.over:
            plan.standstill.suspenders_changed(tripped)
            self._reports.update(**plan.standstill.state())

    def _place(self, plan: _Plan) -> str:
        """Return the file and line of the running user code.

        Before the RunEngine has the plan, the main thread runs it.
        """
        thread = threading.main_thread() if plan.messages is None else self._loop_thread
        return place_of(thread.ident if thread else None, plan.messages)

    def _watch(self) -> None:
        """Install the hooks. They call the user's own hooks, which may be set at any time."""
        for hook in self._hooks if self.RE is not None else ():
            hook.install(self.RE)

    def _start_pause(self) -> None:
        # `request_pause` waits for the RunEngine's loop, which a plan may block. No other thread must wait for this.
        option = self._pause
        threading.Thread(target=self._request_pause, args=(self.RE, option), name="pause", daemon=True).start()

    def _request_pause(self, engine: Any, option: PauseOption) -> None:
        try:
            engine.request_pause(defer=option == "deferred")
        except Exception as error:  # noqa: BLE001 - the thread ends here; bluesky's exception class is not public
            log.info("The plan was not paused: %s", error)

    def _thread_died(self, died: Any) -> None:
        """Restart the RunEngine's loop after ``sys.exit()`` in a plan; otherwise the plan would never return."""
        loop = self.RE.loop if self.RE is not None else None
        if loop is not None and died.thread is self._loop_thread and not loop.is_closed():
            log.error("The plan stopped the RunEngine's thread (%s); the thread was restarted", died.exc_type.__name__)
            threading.Thread(target=loop.run_forever, daemon=True, name="bluesky-run-engine").start()
            return
        if self._next_excepthook is not None:
            self._next_excepthook(died)

    def _state(self) -> dict[str, Any]:
        return {"engine": None if self.RE is None else str(self.RE.state)}
