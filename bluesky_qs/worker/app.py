"""The worker process: user code in the main thread, the manager's commands in the link thread."""

import contextlib
import importlib
import json
import logging
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import zmq

from bluesky_qs.config.logs import enable_logging
from bluesky_qs.errors import NoRunEngine, QSError, StartupError, WorkerError, WrongState
from bluesky_qs.ipc import tracing
from bluesky_qs.ipc.commands import (
    Attach,
    CloseEnvironment,
    ContinuePlan,
    DryRun,
    EngineMetadata,
    ForgetDocuments,
    InterruptKernel,
    KernelSpec,
    NeedMainThread,
    NotePlace,
    OpenEnvironment,
    PausePlan,
    ReadDevices,
    ReplyInput,
    RunFunction,
    RunPlan,
    RunScript,
    SetPermissions,
    StartupSpec,
    UpdateEnvironment,
    WorkerCommand,
    WorkerSnapshot,
)
from bluesky_qs.ipc.last_words import LastWords
from bluesky_qs.ipc.link import ServerEnd
from bluesky_qs.ipc.reports import DevicesRead, EnvironmentFailed
from bluesky_qs.ipc.runtime import RuntimeDir
from bluesky_qs.ipc.states import KERNEL_BUSY, EnvironmentState
from bluesky_qs.ipc.table import CommandTable
from bluesky_qs.worker.device_reader import DeviceReader
from bluesky_qs.worker.dry_runs import DryRuns
from bluesky_qs.worker.engine import Engine
from bluesky_qs.worker.environment import UserEnvironment, failure_report
from bluesky_qs.worker.interrupt import interrupt
from bluesky_qs.worker.jobs import Jobs
from bluesky_qs.worker.observe import plain_text
from bluesky_qs.worker.output import ItemOutput
from bluesky_qs.worker.prompts import Prompts
from bluesky_qs.worker.report import Reports
from bluesky_qs.worker.shadow import World
from bluesky_qs.worker.tasks import TaskRunner
from bluesky_qs.worker.trace import sentence
from bluesky_qs.worker.waits import Streaming

if TYPE_CHECKING:
    from bluesky_qs.worker.kernel import Kernel

log = logging.getLogger(__name__)

NO_KERNEL = "IPython kernel mode needs the package ipykernel: pip install 'bluesky-qs[kernel]'"

#: Modules that startup code is likely to import, and that are safe to import beforehand: they start no Python threads
#: and read no environment variables that startup code sets. (bluesky, tqdm, ophyd, epics and matplotlib do.)
WARM = (
    "event_model",
    "jsonschema",
    "msgpack_numpy",
    "networkx",
    "numpy",
    "numpy.random",
    "packaging.version",
    "pint",
    "toolz",
    "bluesky_qs.startup.plain_shell",  # takes longest, and not all startup code needs it
)

_BUSY = (EnvironmentState.EXECUTING_PLAN, EnvironmentState.EXECUTING_TASK)


def _import(module: str) -> None:
    # If startup code needs a missing or broken module, its own import reports the error.
    with contextlib.suppress(Exception):
        importlib.import_module(module)


def _soonest(*seconds: float | None) -> int | None:
    """Return the milliseconds until the next check; None to check only when something happens."""
    some = [each for each in seconds if each is not None]
    return int(min(some) * 1000) + 1 if some else None


COMMANDS: "CommandTable[WorkerProcess]" = CommandTable()


class WorkerProcess:
    """One worker process. ``serve`` is its main thread.

    Parameters
    ----------
    address
        Where to bind the link.
    preload
        Additional modules to import while waiting for the startup code.
    output
        Marks the output of each plan and task.
    """

    def __init__(self, address: str, *, preload: list[str], output: ItemOutput) -> None:
        self._preload = preload
        self._address = address
        self._jobs = Jobs()
        self._exit_code = 0
        self._in_user_code = False
        self._opening_requested = False
        self._last_words: LastWords | None = None
        self._kernel: Kernel | None = None
        self._stop = threading.Event()
        self._reports = Reports()
        self._engine = Engine(self._reports, self._jobs.put, output)
        self._environment = UserEnvironment(self._reports, self._engine)
        self._tasks = TaskRunner(self._reports, self._jobs.put, output)
        self._prompts = Prompts(self._reports)
        self._devices = DeviceReader(
            loop=lambda: None if self._engine.RE is None else self._engine.RE.loop,
            is_allowed=self._environment.may_use_unlisted,
            send=self._send_readings,
        )
        world = World(self._environment, lambda: self._engine.RE)
        self._dry_runs = DryRuns(world, self._reports, self._devices, self._jobs.put)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        # Created here, so that the process fails if the address cannot be bound. Only the link thread uses it.
        self._server = ServerEnd(
            self._context, address, WorkerCommand, self._answer, lambda: self._reports.send(self._server)
        )

    def serve(self) -> int:
        """Run the jobs from the link thread until the environment is closed. Return the exit code."""
        signal.signal(signal.SIGINT, self._interrupt)
        link = threading.Thread(target=self._serve_link, name="link", daemon=True)
        link.start()
        self._warm_up()
        while (job := self._jobs.take()) is not None:
            job()
        self._dry_runs.close()
        self._stop.set()
        self._reports.wake()
        link.join()
        self._context.term()
        return self._exit_code

    # ----------------------------------------------------------------------------------------------- link thread
    def _serve_link(self) -> None:
        poller = zmq.Poller()
        poller.register(self._server.socket, zmq.POLLIN)
        poller.register(self._reports.wakeup, zmq.POLLIN)
        delay: float | None = None
        while not self._stop.is_set():
            poller.poll(_soonest(delay, self._devices.due()))
            try:
                self._server.receive()
                self._devices.check()
                delay = self._reports.send(self._server)
            except Exception:  # the process boundary: an unreadable message must not end the link
                log.exception("Could not handle a message")
        try:
            self._reports.send(self._server)
        finally:
            self._server.close()

    def _answer(self, command: Any) -> Any:
        try:
            return COMMANDS.serve(self, command)
        except QSError:
            raise
        except Exception as error:  # the process boundary: the manager gets a reply to any error
            log.exception("The command %s failed", type(command).__name__)
            raise WorkerError(sentence(error)) from error

    @COMMANDS.handles(Attach)
    def _attach(self, command: Attach) -> WorkerSnapshot:
        self._reports.forget_documents(command.item_uid, command.number)
        self._server.adopt(self._reports.documents())
        return self._reports.snapshot()

    @COMMANDS.handles(ForgetDocuments)
    def _forget_documents(self, command: ForgetDocuments) -> None:
        self._reports.forget_documents(command.item_uid, command.number)

    @COMMANDS.handles(OpenEnvironment)
    def _begin_opening(self, command: OpenEnvironment) -> None:
        if self._opening_requested:
            raise WrongState("RE Worker environment already exists.")
        self._opening_requested = True
        self._jobs.put(lambda: self._open(command))

    @COMMANDS.handles(SetPermissions)
    def _set_permissions(self, command: SetPermissions) -> None:
        self._environment.set_permissions(command.permissions)

    @COMMANDS.handles(RunPlan)
    def _run_plan(self, command: RunPlan) -> None:
        item = json.loads(command.item)
        self._engine.refuse_repeated(item["item_uid"])
        self._need_main_thread()
        if self._reports.state.environment is EnvironmentState.RESERVED:
            # Not refused: otherwise, the queue would stop whenever somebody looks at a value between two plans.
            log.info("The plan will start when the code in the IPython console has ended")
        self._engine.begin(item["item_uid"])
        trace = tracing.context()

        def run() -> None:
            with tracing.continued(f"plan {item['name']}", trace):
                self._engine.run(item["item_uid"], lambda: self._environment.plan(item))

        self._jobs.put(lambda: self._user_code(run))

    @COMMANDS.handles(PausePlan)
    def _pause(self, command: PausePlan) -> None:
        self._engine.pause(command.option, command.user)
        if command.option == "immediate":
            # The RunEngine is blocked while a plan is in input(), so it would not see the pause request.
            self._prompts.cancel("an immediate pause was requested", all_of_them=False)

    @COMMANDS.handles(ContinuePlan)
    def _continue(self, command: ContinuePlan) -> None:
        self._refuse_busy_kernel()
        self._engine.resume(command.how)

    @COMMANDS.handles(EngineMetadata)
    def _metadata(self, _command: EngineMetadata) -> bytes:
        if self._engine.RE is None:
            raise NoRunEngine
        return plain_text(dict(self._engine.RE.md))

    @COMMANDS.handles(ReadDevices)
    def _read_devices(self, command: ReadDevices) -> None:
        self._need_environment()
        self._devices.ask(command, self._environment.namespace)

    def _send_readings(self, uid: str, devices: bytes) -> None:
        if not self._dry_runs.takes(uid):
            self._reports.push(DevicesRead(uid, devices))

    @COMMANDS.handles(DryRun)
    def _dry_run(self, command: DryRun) -> None:
        self._need_environment()
        if self._engine.RE is None:
            raise NoRunEngine
        self._dry_runs.ask(command)

    @COMMANDS.handles(ReplyInput)
    def _reply(self, command: ReplyInput) -> None:
        self._prompts.reply(command.input_uid, command.text)

    @COMMANDS.handles(NeedMainThread)
    def _check_main_thread(self, _command: NeedMainThread) -> None:
        self._refuse_busy_kernel()

    @COMMANDS.handles(InterruptKernel)
    def _interrupt_kernel(self, _command: InterruptKernel) -> None:
        interrupt()

    @COMMANDS.handles(NotePlace)
    def _note_place(self, _command: NotePlace) -> None:
        if self._last_words is not None:
            self._last_words.note_place()

    @COMMANDS.handles(CloseEnvironment)
    def _close(self, _command: CloseEnvironment) -> None:
        self._refuse_busy_kernel()
        self._need_main_thread()
        self._reports.update(environment=EnvironmentState.CLOSING)
        self._prompts.cancel("the environment is being closed")
        self._jobs.put(None)

    @COMMANDS.handles(RunScript, RunFunction, UpdateEnvironment)
    def _start_task(self, command: RunScript | RunFunction | UpdateEnvironment) -> None:
        if command.background:
            self._need_environment()
        else:
            self._refuse_busy_kernel()
            self._need_main_thread()
        environment = self._environment
        match command:
            case RunScript():
                what = "script"
                work = partial(
                    environment.script,
                    command.script,
                    update_lists=command.update_lists,
                    update_re=command.update_re,
                )
            case RunFunction():
                item = json.loads(command.item)
                what = f"function {item.get('name')!r}"
                work = partial(environment.function, item)
            case UpdateEnvironment():
                what = "update of the lists of plans and devices"
                work = environment.update
        work = partial(self._prompts.of_task, command.task_uid, partial(self._user_code, work))
        if not command.background:
            work = partial(self._interruptible, work)
        self._tasks.start(command.task_uid, what, work, background=command.background)

    def _need_environment(self) -> None:
        if self._reports.state.environment in (
            EnvironmentState.INITIALIZING,
            EnvironmentState.FAILED,
            EnvironmentState.CLOSING,
        ):
            raise WrongState("RE Worker environment does not exist.")

    def _refuse_busy_kernel(self) -> None:
        reserved = self._reports.state.environment is EnvironmentState.RESERVED
        if reserved or (self._kernel is not None and self._kernel.has_requests()):
            raise WrongState(KERNEL_BUSY)

    def _need_main_thread(self) -> None:
        self._need_environment()
        state = self._reports.state
        if state.environment in _BUSY or state.item_uid is not None:
            raise WrongState(f"RE Worker is busy: {state.environment.value}")

    # ----------------------------------------------------------------------------------------------- main thread
    def _warm_up(self) -> None:
        for module in WARM:
            if self._jobs.waiting:  # the startup code imports everything that it needs
                break
            _import(module)
        for module in self._preload:
            _import(module)

    def _interrupt(self, _number: int, _frame: Any) -> None:
        # Anywhere else, the exception would end a job or lose a report. While a plan runs, the RunEngine handles
        # Ctrl-C.
        if self._in_user_code:
            raise KeyboardInterrupt

    def _user_code(self, work: Callable[[], Any]) -> Any:
        """Do this work, which may change the namespace."""
        try:
            return work()
        finally:
            self._dry_runs.outdate()

    def _interruptible(self, work: Callable[[], Any]) -> Any:
        self._in_user_code = True
        try:
            return work()
        finally:
            self._in_user_code = False

    def _open(self, command: OpenEnvironment) -> None:
        last_words = self._last_words = LastWords(self._address)
        self._engine.streaming = Streaming(command.stream_progress, command.stream_messages)
        try:
            kernel = self._start_kernel(command.kernel, command.startup) if command.kernel else None
            self._prompts.install(command.input_policy)  # after the kernel, which installs its own debugger
            os.environ["_QSERVER_RUNNING_IPYTHON_KERNEL"] = "1" if kernel else "0"  # see `is_ipython_mode`
            self._interruptible(partial(self._environment.open, command, kernel, last_words.begins))
            self._dry_runs.begin()
        except BaseException as error:  # noqa: BLE001 - the process boundary: startup code may raise anything
            enable_logging()
            message, trace, report = failure_report(error)
            log.debug("The environment could not be opened: %s", message)  # the manager logs it with the traceback
            self._exit_code = 1
            self._reports.finish(
                lambda _: EnvironmentFailed(message, trace, report), environment=EnvironmentState.FAILED
            )
            self._jobs.put(None)
        finally:
            last_words.close()

    def _start_kernel(self, spec: KernelSpec, startup: StartupSpec) -> "Kernel":
        try:
            from bluesky_qs.worker.kernel import Kernel  # noqa: PLC0415 - it imports ipykernel
        except ModuleNotFoundError as error:
            raise StartupError(f"{NO_KERNEL} ({error})") from error

        folder = RuntimeDir.of_link(self._address)
        kernel = self._kernel = Kernel(
            spec,
            startup,
            reserve=lambda reserved: self._reports.reserve(reserved=reserved),
            waiting=lambda: self._jobs.waiting,
            raised=self._engine.raised,
            at_console=self._prompts.at_console,
            own=folder.own_for_all if spec.connection_file else partial(folder.own, self._address),
        )
        self._reports.kernel(kernel.connection)
        self._jobs.lend(kernel)
        return kernel
