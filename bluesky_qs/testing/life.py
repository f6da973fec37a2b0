"""One process of a scripted worker: its state, its replies and its reports."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, Protocol
from uuid import uuid4

import msgspec

from bluesky_qs.errors import NotFound, QSError, WorkerError, WrongState
from bluesky_qs.ipc import commands
from bluesky_qs.ipc.reports import (
    EnvironmentFailed,
    EnvironmentOpened,
    ListsReport,
    PlanEnded,
    RunsChanged,
    StateChanged,
    TaskEnded,
)
from bluesky_qs.ipc.states import (
    KERNEL_BUSY,
    EncodedLists,
    EnvironmentState,
    PendingInput,
    RunState,
    Waiting,
    WorkerState,
)
from bluesky_qs.supervisor.item_logs import ItemLogs
from bluesky_qs.testing import steps
from bluesky_qs.testing.job import Checkpoint, Job
from bluesky_qs.testing.link import InProcessServer
from bluesky_qs.testing.measurement import Foresees, Measurement, dry_run, dry_run_tasks, exit_status, read, value_of
from bluesky_qs.wire.codec import json_text
from bluesky_qs.worker.kept_documents import KeptDocuments

_ENDINGS = {
    "stop": ("stopping", steps.End("stopped")),
    "abort": ("aborting", steps.End("aborted")),
    "halt": ("halting", steps.End("halted")),
}
_BUSY = (EnvironmentState.EXECUTING_PLAN, EnvironmentState.EXECUTING_TASK)
_NOT_THERE = (EnvironmentState.INITIALIZING, EnvironmentState.FAILED, EnvironmentState.CLOSING)
_CONNECTION = b'{"transport": "tcp", "ip": "127.0.0.1", "shell_port": 1, "key": "scripted"}'


class Script(Foresees, Protocol):
    """The scripts and data that the test has set. They are kept when the process ends."""

    plans: dict[str, Any]
    devices: dict[str, Any]
    functions: dict[str, Any]
    metadata: dict[str, Any]
    readings: dict[str, dict[str, Any]]
    scan_id: int
    times: dict[str, Any] | None
    commands: list[Any]
    replies: list[str]
    refusals: dict[type[Any], QSError]
    error: BaseException | None
    logs: ItemLogs

    def steps_of(self, command: Any) -> list[steps.Step]: ...
    def now(self) -> float: ...
    @property
    def say(self) -> Callable[[str], None]: ...
    @property
    def changed(self) -> Callable[[], None]: ...


class _Over(Exception):
    """Ends a job. The argument is the step that ended the job."""

    def __init__(self, step: steps.End | steps.Fail | steps.Return) -> None:
        super().__init__(step)
        self.step = step


class ScriptedProcess:
    """One process. When it ends, it calls ``ended`` with the exit code and a description."""

    def __init__(self, script: Script, pid: int, ended: Callable[[int, str], None]) -> None:
        self.server = InProcessServer(commands.WorkerCommand, self._answer, script.changed)
        self.pid = pid
        self.state = WorkerState(EnvironmentState.INITIALIZING)
        self.over = False
        self.main: Job | None = None
        self.background: list[Job] = []
        self._script = script
        self._ended = ended
        self._idle_engine: str | None = "idle"
        self._lists: EncodedLists | None = None
        self._report = self._connection = b"{}"
        self._doing = EnvironmentState.INITIALIZING
        self._reserved = self._asked_to_open = False
        self._given: set[str] = set()
        self._documents = KeptDocuments()
        self._runs: list[RunState] = []
        self._running_tasks: dict[str, tuple[float, bool]] = {}
        self._finished: list[TaskEnded] = []
        self._questions: dict[str, tuple[PendingInput, asyncio.Future[str]]] = {}
        self._running: set[asyncio.Task[None]] = set()

    # --------------------------------------------------------------------------------------------- for the test
    @property
    def waiting(self) -> Job | None:
        """The job that is waiting for the test."""
        return next((job for job in (self.main, *self.background) if job and job.waits), None)

    def end(self, exit_code: int, how: str) -> None:
        """End the process immediately. Its last reports still arrive."""
        if self.over:
            return
        self.over = True
        self.server.close()
        for task in self._running:
            task.cancel()
        self._ended(exit_code, how)
        self._script.changed()

    def reserve(self, *, reserved: bool) -> None:
        """Start or end code from a console in the main thread."""
        self._reserved = reserved
        self._update()

    # ----------------------------------------------------------------------------------------- manager's commands
    def _answer(self, command: Any) -> Any:  # noqa: C901, PLR0912 - flat: one case for each command
        if isinstance(command, commands.ForgetDocuments):  # not recorded, because they may arrive at any time
            return self._documents.forget(command.item_uid, command.number)
        self._script.commands.append(command)
        if (refusal := self._script.refusals.pop(type(command), None)) is not None:
            raise refusal
        match command:
            case commands.Attach(item_uid, number):
                self._documents.forget(item_uid, number)
                self.server.adopt(self._documents.rest())
                return self._snapshot()
            case commands.OpenEnvironment():
                self._begin_opening(command)
            case commands.RunPlan(item):
                self._begin_plan(command, json.loads(item))
            case commands.PausePlan(option, user):
                self._pause(option, user)
            case commands.ContinuePlan(how):
                self._refuse_reserved()
                if self.main is None or self.main.resumed is None:
                    raise WrongState("The plan is not paused")
                self.main.resumed.set_result(how)
            case commands.RunScript() | commands.RunFunction() | commands.UpdateEnvironment():
                self._begin_task(command)
            case commands.EngineMetadata():
                return json_text(self._script.metadata)
            case commands.ReadDevices():
                self.server.push(read(command, self._script.readings, self._script.now()), keep=False)
            case commands.DryRun():
                self.server.push(dry_run(command, self._script), keep=False)
            case commands.ReplyInput(input_uid, text):
                self._reply(input_uid, text)
            case commands.NeedMainThread():
                self._refuse_reserved()
            case commands.CloseEnvironment():
                self._refuse_reserved()
                self._need_main_thread()
                self._update(environment=EnvironmentState.CLOSING)
                asyncio.get_running_loop().call_soon(self.end, 0, "exit code 0")
            case commands.SetPermissions() | commands.InterruptKernel() | commands.NotePlace():
                pass
            case _:
                raise WorkerError(f"The worker does not know the command {type(command).__name__}")
        return None

    def _snapshot(self) -> commands.WorkerSnapshot:
        return commands.WorkerSnapshot(
            self.state,
            self._lists,
            list(self._runs),
            dict(self._running_tasks),
            self._connection,
            self._report,
            finished_tasks=list(self._finished),
            dry_run_tasks=dry_run_tasks(self._script.commands, self._script.now()),
        )

    def _begin_opening(self, command: commands.OpenEnvironment) -> None:
        if self._asked_to_open:
            raise WrongState("RE Worker environment already exists.")
        self._asked_to_open = True
        if command.kernel is not None:
            self._connection = _CONNECTION
            self._update()
        self.main = Job(self._script.steps_of(command))
        self._spawn(self._open(self.main))

    def _begin_plan(self, command: commands.RunPlan, item: dict[str, Any]) -> None:
        uid = item["item_uid"]
        if uid in self._given:
            raise WrongState(f"The worker already has the plan {uid!r}")
        self._need_main_thread()
        self._given.add(uid)
        self._update(environment=EnvironmentState.EXECUTING_PLAN, item_uid=uid, pause_pending=False)
        self.main = Job(self._script.steps_of(command), item=item)
        self._spawn(self._run_plan(self.main, item))

    def _begin_task(self, command: commands.RunScript | commands.RunFunction | commands.UpdateEnvironment) -> None:
        uid, background = command.task_uid, command.background
        if background:
            self._need_environment()
        else:
            self._refuse_reserved()
            self._need_main_thread()
        if uid in self._given:
            raise WrongState(f"The worker already has the task {uid!r}")
        self._given.add(uid)
        self._running_tasks[uid] = (self._script.now(), background)
        job = Job(self._script.steps_of(command), task_uid=uid)
        if background:
            self.background.append(job)
        else:
            self.main = job
            self._update(environment=EnvironmentState.EXECUTING_TASK)
        self._spawn(self._run_task(job))

    def _pause(self, option: str, user: str) -> None:
        job = self.main
        if job is None or job.item is None:
            raise WrongState("No plan is running")
        if job.resumed is not None:
            raise WrongState("The plan is already paused")
        job.pause, job.pauser = option, user
        if option == "deferred":
            self._update(pause_pending=True, pause_requested=self._script.now())
        elif job.waits:
            job.injected.put_nowait(Checkpoint())

    def _reply(self, input_uid: str, text: str) -> None:
        if (waiting := self._questions.pop(input_uid, None)) is None:
            raise NotFound(f"No input prompt with the uid {input_uid!r} is waiting for a reply")
        self._show_question()
        waiting[1].set_result(text)

    def _need_environment(self) -> None:
        if self.state.environment in _NOT_THERE:
            raise WrongState("RE Worker environment does not exist.")

    def _need_main_thread(self) -> None:
        self._need_environment()
        if self.state.environment in _BUSY or self.state.item_uid is not None:
            raise WrongState(f"RE Worker is busy: {self.state.environment.value}")

    def _refuse_reserved(self) -> None:
        if self.state.environment is EnvironmentState.RESERVED:
            raise WrongState(KERNEL_BUSY)

    # ------------------------------------------------------------------------------------------------------ jobs
    async def _open(self, job: Job) -> None:
        started = self._script.now()
        last = await self._follow(job)
        self.main = None
        if isinstance(last, steps.Fail):
            report = {"success": False, "time": self._script.now(), **msgspec.structs.asdict(last)}
            self._change(environment=EnvironmentState.FAILED)
            self.server.push(EnvironmentFailed(last.message, last.traceback, msgspec.json.encode(report)))
            self.end(1, "exit code 1")
            return
        lists = self._lists = self._encoded_lists()
        now = self._script.now()
        found = {"plans": len(self._script.plans), "devices": len(self._script.devices)}
        report = {"success": True, "time": now, "files": [], "problems": [], "left_out": [], **found}
        self._report = msgspec.json.encode(report)
        self._change(environment=EnvironmentState.IDLE, engine=self._idle_engine)
        self._push(EnvironmentOpened(lists, self.state, now - started, self._report, self._connection))

    async def _run_plan(self, job: Job, item: dict[str, Any]) -> None:
        started = self._script.now()
        self._update(engine="running")
        measurement = job.measurement = Measurement(
            item, self.server.push, self._documents, self._script, self._set_runs
        )
        self._script.logs.begin(item["item_uid"], started)
        last = await self._follow(job)
        self._script.logs.end(item["item_uid"])
        status = exit_status(last)
        measurement.close(status)
        self.main = None
        self._set_runs([])
        over = {"item_uid": None, "pause_pending": False, "waiting": None, "time_suspended": 0.0}
        over |= {"plan_wait": None, "pause_requested": None}
        self._change(environment=EnvironmentState.IDLE, engine=self._idle_engine, **over)
        done = PlanEnded(
            item_uid=item["item_uid"],
            exit_status=status,
            run_uids=measurement.run_uids,
            scan_ids=measurement.scan_ids,
            time_start=started,
            time_stop=self._script.now(),
            message=last.message if isinstance(last, steps.End | steps.Fail) else "",
            traceback=last.traceback if isinstance(last, steps.End | steps.Fail) else "",
            state=self.state,
            pause_missed=job.pause is not None,
            return_value=value_of(last),
        )
        self._push(done)
        measurement.report_times()

    async def _run_task(self, job: Job) -> None:
        self._script.logs.begin(job.task_uid, self._script.now())
        last = await self._follow(job)
        self._script.logs.end(job.task_uid)
        started, background = self._running_tasks.pop(job.task_uid)
        if background:
            self.background.remove(job)
        else:
            self.main = None
            self._change(environment=EnvironmentState.IDLE)
        failure = last if isinstance(last, steps.Fail) else None
        done = TaskEnded(
            task_uid=job.task_uid,
            success=failure is None,
            message=failure.message if failure else "",
            traceback=failure.traceback if failure else "",
            return_value=value_of(last),
            time_start=started,
            time_stop=self._script.now(),
            state=self.state,
        )
        self._finished.append(done)
        self._push(done)

    async def _follow(self, job: Job) -> steps.End | steps.Fail | steps.Return:
        """Run the steps of the script; return the step that ended the script."""
        try:
            for step in job.script:
                await self._take(job, step)
        except _Over as over:
            return over.step
        return steps.End()

    async def _take(self, job: Job, step: steps.Step) -> None:  # noqa: C901, PLR0912 - flat: one case for each step
        await asyncio.sleep(0)
        if job.pause is not None and not isinstance(step, steps.End | steps.Fail | steps.Return):
            await self._stand_still(job)
            if isinstance(step, steps.Pause):
                return
        match step:
            case steps.End() | steps.Fail() | steps.Return():
                raise _Over(step)
            case steps.Pause():
                await self._stand_still(job)
            case steps.Wait():
                await self._wait(job)
            case steps.Hang():
                self.server.hang()
                await self._wait(job)
            case steps.Die(how, exit_code):
                self.end(exit_code, how)
                raise asyncio.CancelledError
            case steps.Measure() | steps.Open():
                assert job.measurement is not None, "only a plan measures"
                job.measurement.take(step)
            case steps.Ask():
                await self._ask(job, step)
            case steps.Suspend() | steps.Release():
                self._suspend(step)
            case steps.WaitFor():
                self._update(plan_wait=step.seen_at(self._script.now()))
            case steps.Print(text):
                self._script.say(text)
                self._script.logs.add(job.item["item_uid"] if job.item else job.task_uid, text, self._script.now())
            case steps.NewLists() | steps.RunEngine():
                self._change_namespace(job, step)

    async def _wait(self, job: Job) -> None:
        """Wait until the test continues the script. Until then, run the steps that the test inserts."""
        while True:
            job.waits = True
            self._script.changed()
            step = await job.injected.get()
            job.waits = False
            if self.server.hangs:
                self.server.recover()
            match step:
                case None:
                    return
                case Checkpoint():
                    if job.pause is not None:
                        await self._stand_still(job)
                case _:
                    await self._take(job, step)

    async def _stand_still(self, job: Job) -> None:
        """Pause until the manager resumes or ends the plan."""
        pauses = self.state.pauses + 1
        job.resumed = asyncio.get_running_loop().create_future()
        waiting = Waiting.of_pause(self._script.now(), job.pauser, self.state.waiting)
        job.pause = job.pauser = None
        idle = EnvironmentState.IDLE
        requested: dict[str, Any] = {"pause_pending": False, "pause_requested": None}
        self._update(engine="paused", environment=idle, pauses=pauses, waiting=waiting, **requested)
        how = await job.resumed
        job.resumed = None
        engine, ending = _ENDINGS.get(how, ("running", None))
        self._update(engine=engine, environment=EnvironmentState.EXECUTING_PLAN, waiting=None)
        if ending is not None:
            raise _Over(ending)

    def _suspend(self, step: steps.Suspend | steps.Release) -> None:
        before, now = self.state.waiting, self._script.now()
        suspended = self.state.time_suspended + (now - before.since if before is not None else 0.0)
        waiting = Waiting("suspender", now, step.reason, step.signals) if isinstance(step, steps.Suspend) else None
        self._update(waiting=waiting, time_suspended=suspended)

    async def _ask(self, job: Job, step: steps.Ask) -> None:
        uid = str(uuid4())
        item_uid = job.item["item_uid"] if job.item else None
        now = self._script.now()
        question = PendingInput(uid, step.prompt, now, item_uid, job.task_uid or None, step.secret)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._questions[uid] = (question, answer)
        self._show_question()
        self._script.replies.append(await answer)

    def _show_question(self) -> None:
        self._update(input=next((question for question, _ in self._questions.values()), None))

    def _change_namespace(self, job: Job, step: steps.NewLists | steps.RunEngine) -> None:
        if isinstance(step, steps.NewLists):
            self._take_lists(step)
            return
        self._idle_engine = "idle" if step.exists else None
        if job.item is None:  # a plan keeps its RunEngine until it ends
            self._update(engine=self._idle_engine)

    def _encoded_lists(self) -> EncodedLists:
        script = self._script
        return EncodedLists(*map(json_text, (script.plans, script.devices, script.functions)))

    def _take_lists(self, new: steps.NewLists) -> None:
        self._script.plans = self._script.plans if new.plans is None else new.plans
        self._script.devices = self._script.devices if new.devices is None else new.devices
        self._script.functions = self._script.functions if new.functions is None else new.functions
        lists = self._encoded_lists()
        if lists != self._lists:
            self._lists = lists
            self._push(ListsReport(lists))

    # --------------------------------------------------------------------------------------------------- reports
    def _set_runs(self, runs: list[RunState]) -> None:
        if runs != self._runs:
            self._runs = runs
            self._push(RunsChanged(runs))

    def _update(self, **changes: Any) -> None:
        """Change the state, and report it if it differs."""
        before = self.state
        self._change(**changes)
        if self.state != before:
            self._push(StateChanged(self.state))

    def _change(self, **changes: Any) -> None:
        """Change the state without a report, because another report contains it."""
        self._doing = changes.pop("environment", self._doing)
        has_kernel = self._connection != b"{}"
        self.state = self.state.changed(changes, doing=self._doing, is_reserved=self._reserved, has_kernel=has_kernel)

    def _push(self, report: msgspec.Struct) -> None:
        self.server.push(report)
        self._script.changed()

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(job)
        self._running.add(task)
        task.add_done_callback(self._job_ended)

    def _job_ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._script.error = error
            self._script.changed()
