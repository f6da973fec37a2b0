"""What the manager asks of the worker, and what it is answered.

Values that come from users or user code travel as JSON text, as in `ipc.reports`.
"""

from typing import Literal

import msgspec

from bluesky_qs.config.schema import InputPolicy
from bluesky_qs.ipc.frames import Command
from bluesky_qs.ipc.reports import TaskDone
from bluesky_qs.ipc.states import Lists, RunState, WorkerState


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
    finished_tasks: list[TaskDone] = []


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
