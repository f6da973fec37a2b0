"""What the three processes say to each other.

`Command` goes from the manager to the worker or to the supervisor and is answered; its type parameter is the answer.
Reports go the other way, unasked. Values that come from users or user code travel as JSON text (``bytes``): MessagePack
has no integers beyond 64 bits, JSON has.
"""

from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

import msgspec

from bluesky_qs.config.schema import InputPolicy

R = TypeVar("R")


class EnvironmentState(StrEnum):
    """``worker_environment_state`` as the worker knows it; ``closed`` is what the manager says without a worker."""

    INITIALIZING = "initializing"
    FAILED = "failed"
    IDLE = "idle"
    EXECUTING_PLAN = "executing_plan"
    EXECUTING_TASK = "executing_task"
    RESERVED = "reserved"
    CLOSING = "closing"
    CLOSED = "closed"


ExitStatus = Literal["completed", "failed", "stopped", "aborted", "halted", "unknown"]
KernelState = Literal["disabled", "starting", "idle", "busy"]

#: Why the main thread cannot be had: code of a console runs in it.
KERNEL_BUSY = "IPython kernel (RE Worker) is busy"


class Command(msgspec.Struct, Generic[R], frozen=True, tag=True):
    """A request of the manager; ``R`` is the type of its answer."""


# ---------------------------------------------------------------------------------------------- manager → worker
class StartupSpec(msgspec.Struct, frozen=True):
    """Where the startup code is; at most one of the four is set besides ``profile_dir``.

    Attributes
    ----------
    directory
        Folder of startup files (a startup directory, or the ``startup`` folder of a profile).
    script
        Path of one Python file.
    module
        Name of an importable module.
    profile_dir
        The IPython profile that ``directory`` belongs to, if it belongs to one.
    """

    directory: str | None = None
    script: str | None = None
    module: str | None = None
    profile_dir: str | None = None


class KernelSpec(msgspec.Struct, frozen=True):
    """The IPython kernel that the environment is to be; what is None is chosen by the kernel.

    Attributes
    ----------
    ip
        Where it listens: an IP address, ``localhost`` or ``auto`` (this host's address).
    matplotlib
        Backend to draw on, as in ``%matplotlib``.
    connection_file, connection_dir
        Name of the connection file, and its folder (Jupyter's runtime folder unless given).
    ipython_dir
        Folder of the IPython profiles.
    ports
        Of the channels ``shell``, ``iopub``, ``stdin``, ``hb`` and ``control``, those that are given.
    """

    ip: str = "localhost"
    matplotlib: str | None = None
    connection_file: str | None = None
    connection_dir: str | None = None
    ipython_dir: str | None = None
    ports: dict[str, int] = {}


class PendingInput(msgspec.Struct, frozen=True):
    """A question of user code that waits for its answer.

    Attributes
    ----------
    time
        When it was asked, epoch seconds.
    item_uid, task_uid
        The plan or the task that asked; both None for startup code.
    secret
        The answer is not to be shown: a password.
    """

    input_uid: str
    prompt: str
    time: float
    item_uid: str | None
    task_uid: str | None
    secret: bool


class WorkerState(msgspec.Struct, frozen=True):
    """The worker at one instant.

    Attributes
    ----------
    engine
        State of the RunEngine (``idle``, ``running``, ``paused``, ``panicked``, …), None without one.
    pause_pending
        True from the request of a deferred pause until the RunEngine pauses or the plan ends.
    background_tasks
        Number of tasks that run in background threads.
    item_uid
        The plan that runs or is paused.
    kernel
        State of the IPython kernel; ``disabled`` in a worker without one.
    captured
        True while the main thread is not the kernel's; always True in a worker without one.
    input
        The question that waits for an answer, the oldest of several.
    pauses
        How often plans have been paused: tells one pause from the next, between which nothing may have been reported.
    """

    environment: EnvironmentState
    engine: str | None = None
    pause_pending: bool = False
    background_tasks: int = 0
    item_uid: str | None = None
    kernel: KernelState = "disabled"
    captured: bool = True
    input: PendingInput | None = None
    pauses: int = 0


class RunState(msgspec.Struct, frozen=True):
    """A run that the current plan opened. ``exit_status`` is None while it is open."""

    uid: str
    scan_id: int | None
    is_open: bool
    exit_status: str | None


class Lists(msgspec.Struct, frozen=True):
    """Existing plans and devices, each a JSON object {name: description}."""

    plans: bytes
    devices: bytes


class WorkerSnapshot(msgspec.Struct, frozen=True):
    """All that a manager needs that attaches to a worker which has been running for a while.

    Attributes
    ----------
    lists
        None until the environment has opened.
    running_tasks
        Uids of tasks that were accepted and have not ended, with their start (epoch seconds) and whether they run in
        the background.
    connection
        How clients connect to the kernel: what Jupyter writes into its connection file (JSON); empty without a kernel.
    report
        As in `EnvironmentOpened`; empty until the environment has opened.
    finished_tasks
        The latest that have ended, oldest first, acknowledged or not: clients may still ask for their results.
    """

    state: WorkerState
    lists: Lists | None
    runs: list[RunState]
    running_tasks: dict[str, tuple[float, bool]]
    connection: bytes = b"{}"
    report: bytes = b"{}"
    finished_tasks: "list[TaskDone]" = []


class Attach(Command[WorkerSnapshot], frozen=True, tag=True):
    """From now on reports go to me; those not acknowledged yet are sent again, after the answer."""


class OpenEnvironment(Command[None], frozen=True, tag=True):
    """Run the startup code. `EnvironmentOpened` or `EnvironmentFailed` follows.

    Attributes
    ----------
    permissions
        The user group permissions (JSON), to know which names a group's strings may stand for.
    device_max_depth
        How deep subdevices are described; 0 = all levels.
    ignore_invalid_plans
        A plan that cannot be described is left out and reported; otherwise the opening fails.
    kernel
        The IPython kernel in which the startup code is to run; None: none.
    input_policy
        What becomes of questions that user code asks (``input``).
    """

    startup: StartupSpec
    permissions: bytes
    device_max_depth: int = 0
    ignore_invalid_plans: bool = False
    kernel: KernelSpec | None = None
    input_policy: InputPolicy = "error"


class SetPermissions(Command[None], frozen=True, tag=True):
    """Other user group permissions (JSON) are in force."""

    permissions: bytes


class RunPlan(Command[None], frozen=True, tag=True):
    """Run this item (JSON). `PlanDone` follows. Refused if the worker is busy or has been given this item before."""

    item: bytes


class PausePlan(Command[None], frozen=True, tag=True):
    """Ask the RunEngine to pause."""

    option: Literal["deferred", "immediate"]


class ContinuePlan(Command[None], frozen=True, tag=True):
    """Resume the paused plan or end it. After ``resume`` the plan runs on; the others lead to `PlanDone`."""

    how: Literal["resume", "stop", "abort", "halt"]


class RunScript(Command[None], frozen=True, tag=True):
    """Run Python code in the namespace. `TaskDone` follows."""

    task_uid: str
    script: str
    update_lists: bool
    update_re: bool
    background: bool


class RunFunction(Command[None], frozen=True, tag=True):
    """Call a function of the namespace; ``item`` (JSON) has its name and arguments. `TaskDone` follows."""

    task_uid: str
    item: bytes
    background: bool


class UpdateEnvironment(Command[None], frozen=True, tag=True):
    """Look through the namespace again. `TaskDone` follows, `ListsChanged` before it if they changed."""

    task_uid: str
    background: bool


class EngineMetadata(Command[bytes], frozen=True, tag=True):
    """``RE.md`` as JSON text."""


class ReplyInput(Command[None], frozen=True, tag=True):
    """The answer to a question of user code. Refused if that is not waiting any more."""

    input_uid: str
    text: str


class NeedMainThread(Command[None], frozen=True, tag=True):
    """Refused while code of a console runs in the main thread."""


class NotePlace(Command[None], frozen=True, tag=True):
    """Note in the last words (`ipc.last_words`) where the startup code is: it is going to be killed."""


class InterruptKernel(Command[None], frozen=True, tag=True):
    """Ctrl-C for what runs in the main thread, and for the processes that it has started."""


class CloseEnvironment(Command[None], frozen=True, tag=True):
    """End the worker process, orderly. Refused while a plan or a foreground task runs."""


WorkerCommand = (
    Attach
    | OpenEnvironment
    | SetPermissions
    | RunPlan
    | PausePlan
    | ContinuePlan
    | RunScript
    | RunFunction
    | UpdateEnvironment
    | EngineMetadata
    | ReplyInput
    | NeedMainThread
    | InterruptKernel
    | NotePlace
    | CloseEnvironment
)


# ---------------------------------------------------------------------------------------------- worker → manager
class EnvironmentOpened(msgspec.Struct, frozen=True, tag=True):
    """The startup code has run; ``seconds`` is how long it took, ``report`` (JSON) what was found on the way.

    ``connection`` is as in `WorkerSnapshot`.
    """

    lists: Lists
    state: WorkerState
    seconds: float
    report: bytes = b"{}"
    connection: bytes = b"{}"


class EnvironmentFailed(msgspec.Struct, frozen=True, tag=True):
    """The startup code failed; the worker ends by itself after this report. ``report`` (JSON) has file and line too."""

    message: str
    traceback: str
    report: bytes = b"{}"


class StateChanged(msgspec.Struct, frozen=True, tag=True):
    """The worker's state, complete."""

    state: WorkerState


class PlanDone(msgspec.Struct, frozen=True, tag=True):
    """A plan ended, one way or another.

    Attributes
    ----------
    run_uids, scan_ids
        Of the runs that the plan opened, in their order.
    time_start, time_stop
        Epoch seconds.
    message, traceback
        Empty unless the plan failed.
    state
        The worker's state after the plan.
    pause_missed
        The plan was asked to pause and ended before it came to that.
    """

    item_uid: str
    exit_status: ExitStatus
    run_uids: list[str]
    scan_ids: list[int]
    time_start: float
    time_stop: float
    message: str
    traceback: str
    state: WorkerState
    pause_missed: bool = False


class RunsChanged(msgspec.Struct, frozen=True, tag=True):
    """Runs of the current plan: all that it has opened."""

    runs: list[RunState]


class ListsChanged(msgspec.Struct, frozen=True, tag=True):
    """Plans or devices of the namespace changed."""

    lists: Lists


class TaskDone(msgspec.Struct, frozen=True, tag=True):
    """A task ended. ``return_value`` is JSON text; the times are epoch seconds."""

    task_uid: str
    success: bool
    message: str
    traceback: str
    return_value: bytes
    time_start: float
    time_stop: float
    state: WorkerState


class Progress(msgspec.Struct, frozen=True, tag=True):
    """How far the running plan is: events so far, and how many it announced (None if it did not). Not acknowledged."""

    item_uid: str
    events: int
    num_points: int | None


class Document(msgspec.Struct, frozen=True, tag=True):
    """A document of the running plan (JSON), large arrays left out. Not acknowledged."""

    item_uid: str
    name: str
    document: bytes


WorkerReport = (
    EnvironmentOpened
    | EnvironmentFailed
    | StateChanged
    | PlanDone
    | RunsChanged
    | ListsChanged
    | TaskDone
    | Progress
    | Document
)


# ------------------------------------------------------------------------------------------- manager → supervisor
class WorkerProcess(msgspec.Struct, frozen=True):
    """A worker process and the address of its link."""

    pid: int
    address: str


class Inventory(msgspec.Struct, frozen=True):
    """What the supervisor has when a manager starts.

    Attributes
    ----------
    restarted
        True if this manager replaces one that died; False at the start of the service.
    worker
        The worker in use (not the warm spare), if one is alive.
    stopping
        True if the service is about to stop.
    ended
        How the last worker in use ended, for a manager whose predecessor may not have heard it.
    """

    restarted: bool
    worker: WorkerProcess | None
    stopping: bool
    ended: "WorkerEnded | None" = None


class ConsolePage(msgspec.Struct, frozen=True):
    """Console messages as JSON objects ``{"time", "msg", "seq"}``, and the number of the latest one there is."""

    messages: list[bytes]
    last: int


class Hello(Command[Inventory], frozen=True, tag=True):
    """A manager has started."""

    pid: int


class StartWorker(Command[WorkerProcess], frozen=True, tag=True):
    """Give me a worker process: the warm spare, or a new one. `WorkerEnded` follows when it ends."""


class KillWorker(Command[None], frozen=True, tag=True):
    """Kill the worker in use (SIGKILL). `WorkerEnded` follows."""


class ReadConsole(Command[ConsolePage], frozen=True, tag=True):
    """Console messages after number ``since`` (None: the latest), at most ``limit``."""

    since: int | None
    limit: int


class Beat(Command[None], frozen=True, tag=True):
    """The manager's event loop is alive. Sent every `BEAT_PERIOD` seconds; its answer is ignored."""


SupervisorCommand = Hello | StartWorker | KillWorker | ReadConsole | Beat

#: Seconds between two beats of a healthy manager.
BEAT_PERIOD = 0.5


# ------------------------------------------------------------------------------------------- supervisor → manager
class WorkerEnded(msgspec.Struct, frozen=True, tag=True):
    """The worker in use is no more.

    Attributes
    ----------
    how
        One phrase: ``exit code 1``, ``killed by SIGKILL``, ….
    last_words
        What it noted while it ran startup code (see `ipc.last_words`); empty if it had done with that.
    """

    pid: int
    exit_code: int
    how: str
    last_words: str = ""


class StopAsked(msgspec.Struct, frozen=True, tag=True):
    """Stop orderly: what the service was told from outside (``SIGTERM``, ``Ctrl-C``). Exit with 0 when done."""

    reason: str


SupervisorReport = WorkerEnded | StopAsked


# ------------------------------------------------------------------------------------------------- on every link
class Request(msgspec.Struct, frozen=True):
    """A command with its number; ``ack`` acknowledges all reports up to that sequence number."""

    id: int
    ack: int
    command: Any


class Answer(msgspec.Struct, frozen=True, tag=True):
    """The answer to the request of that number."""

    id: int
    value: msgspec.Raw


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """The request of that number failed; ``code`` names the class in `bluesky_qs.errors`."""

    id: int
    code: str
    message: str


class Report(msgspec.Struct, frozen=True, tag=True):
    """A report with its sequence number; 0 for one that is not kept and not acknowledged."""

    seq: int
    body: msgspec.Raw


FromServer = Answer | Refusal | Report
