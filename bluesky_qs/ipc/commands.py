"""Commands from the manager to the worker, and their replies.

Values that come from users or user code are sent as JSON text, as in `ipc.reports`.
"""

from typing import Literal

import msgspec

from bluesky_qs.config.schema import InputPolicy
from bluesky_qs.ipc.frames import Command
from bluesky_qs.ipc.reports import TaskEnded
from bluesky_qs.ipc.states import EncodedLists, RunState, WorkerState


class StartupSpec(msgspec.Struct, frozen=True):
    """Location of the startup code. At most one of the first three fields is set.

    Attributes
    ----------
    directory
        Folder of startup files (a startup directory, or the ``startup`` folder of a profile).
    script
        Path of one Python file.
    module
        Name of an importable module.
    profile_dir
        IPython profile of ``directory``, if there is one.
    module_folder
        Folder from which uploaded scripts can import if ``module`` is set.
    """

    directory: str | None = None
    script: str | None = None
    module: str | None = None
    profile_dir: str | None = None
    module_folder: str | None = None


class KernelSpec(msgspec.Struct, frozen=True):
    """Settings of the environment's IPython kernel. If a setting is None, the kernel chooses a value.

    Attributes
    ----------
    ip
        Address on which it listens: an IP address, ``localhost`` or ``auto`` (this host's address).
    matplotlib
        Matplotlib backend, as in ``%matplotlib``.
    connection_file, connection_dir
        Name of the connection file, and its folder (Jupyter's runtime folder unless given).
    ipython_dir
        Folder of the IPython profiles.
    ports
        Port by channel (``shell``, ``iopub``, ``stdin``, ``hb``, ``control``), if one is set.
    """

    ip: str = "localhost"
    matplotlib: str | None = None
    connection_file: str | None = None
    connection_dir: str | None = None
    ipython_dir: str | None = None
    ports: dict[str, int] = {}


class WorkerSnapshot(msgspec.Struct, frozen=True):
    """State of a running worker, for a manager that attaches to it.

    Attributes
    ----------
    lists
        None until the environment has opened.
    running_tasks
        Uids of tasks that were accepted and have not ended, with their start times (epoch seconds) and whether they run
        in the background.
    connection
        Content of Jupyter's connection file (JSON), which clients need to connect to the kernel; empty without a
        kernel.
    report
        As in `EnvironmentOpened`; empty until the environment has opened.
    finished_tasks
        The latest completed tasks, oldest first, acknowledged or not: clients may still ask for their results.
    dry_run_tasks
        Uids of the latest dry runs that were tasks, with their start times. Their reports are lost when the manager
    ends.
    """

    state: WorkerState
    lists: EncodedLists | None
    runs: list[RunState]
    running_tasks: dict[str, tuple[float, bool]]
    connection: bytes = b"{}"
    report: bytes = b"{}"
    finished_tasks: list[TaskEnded] = []
    dry_run_tasks: dict[str, float] = {}


class Attach(Command[WorkerSnapshot], frozen=True, tag=True):
    """Send reports to this manager from now on. Documents that are not stored, and then reports that have not been
    acknowledged, follow the reply.

    ``item_uid`` and ``number`` identify the last stored document, as in `ForgetDocuments`.
    """

    item_uid: str = ""
    number: int = 0


class ForgetDocuments(Command[None], frozen=True, tag=True):
    """The documents of this item up to this number are stored, and so are the documents of earlier items.

    A manager that replaces this one does not need them.
    """

    item_uid: str
    number: int


class OpenEnvironment(Command[None], frozen=True, tag=True):
    """Run the startup code. `EnvironmentOpened` or `EnvironmentFailed` follows.

    Attributes
    ----------
    permissions
        User group permissions (JSON). They determine which names become objects in a group's plans.
    device_max_depth
        Number of described levels of subdevices; 0 for all.
    ignore_invalid_plans
        Omit and report a plan that cannot be described, instead of failing.
    kernel
        IPython kernel in which the startup code runs; None for plain Python.
    input_policy
        How ``input()`` in user code is handled.
    stream_progress, stream_messages
        Report the progress of devices, and the RunEngine's messages, as `InfoReport`.
    """

    startup: StartupSpec
    permissions: bytes
    device_max_depth: int = 0
    ignore_invalid_plans: bool = False
    kernel: KernelSpec | None = None
    input_policy: InputPolicy = "error"
    stream_progress: bool = False
    stream_messages: bool = False


class SetPermissions(Command[None], frozen=True, tag=True):
    """Use these user group permissions (JSON) from now on."""

    permissions: bytes


class RunPlan(Command[None], frozen=True, tag=True):
    """Run this item (JSON). `PlanEnded` follows. Refused if the worker is busy or has received this item before."""

    item: bytes


class PausePlan(Command[None], frozen=True, tag=True):
    """Pause the RunEngine. ``user`` is the name of the user who requested it; empty if unknown."""

    option: Literal["deferred", "immediate"]
    user: str = ""


class ContinuePlan(Command[None], frozen=True, tag=True):
    """Resume the paused plan or end it. `PlanEnded` follows when it ends."""

    how: Literal["resume", "stop", "abort", "halt"]


class RunScript(Command[None], frozen=True, tag=True):
    """Run Python code in the namespace. `TaskEnded` follows."""

    task_uid: str
    script: str
    update_lists: bool
    update_re: bool
    background: bool


class RunFunction(Command[None], frozen=True, tag=True):
    """Call a function in the namespace; ``item`` (JSON) has its name and arguments. `TaskEnded` follows."""

    task_uid: str
    item: bytes
    background: bool


class UpdateEnvironment(Command[None], frozen=True, tag=True):
    """Collect plans and devices again. `TaskEnded` follows, after a `ListsReport` if the lists changed."""

    task_uid: str
    background: bool


class EngineMetadata(Command[bytes], frozen=True, tag=True):
    """``RE.md`` as JSON text."""


class ReadDevices(Command[None], frozen=True, tag=True):
    """Read devices now. `DevicesRead` follows within little more than a second.

    Attributes
    ----------
    names
        Devices and subdevices in the lists.
    unlisted
        Names of subdevices at levels below the lists. ``user_group`` must be permitted to use the devices.
    max_age
        A reading younger than this number of seconds is sent instead of a new one.
    """

    uid: str
    names: list[str]
    unlisted: list[str]
    user_group: str
    max_age: float


class DryRun(Command[None], frozen=True, tag=True):
    """Walk the plans of these items (a JSON list) without hardware, one after the other. `DryRunEnded` follows.

    Attributes
    ----------
    permissions
        As in `OpenEnvironment`.
    timeout, for_each
        Seconds after which all walks together, and the walk of one plan, are cut off.
    excluded
        Names or patterns of devices that must not be read.
    carried
        Device positions before the first plan (`foresight.carried`, JSON). An empty object means the present positions.
    times
        How long device actions take (`foresight.learned`, JSON), for plans that look at the clock.
    is_task
        Whether ``uid`` is a task uid.
    """

    uid: str
    items: bytes
    permissions: bytes
    timeout: float
    for_each: float
    excluded: list[str]
    carried: bytes = b"{}"
    times: bytes = b"{}"
    is_task: bool = False


class ReplyInput(Command[None], frozen=True, tag=True):
    """Reply to an ``input()`` of user code. Refused if the prompt is no longer waiting."""

    input_uid: str
    text: str


class NeedMainThread(Command[None], frozen=True, tag=True):
    """Refused while code from a console runs in the main thread."""


class NotePlace(Command[None], frozen=True, tag=True):
    """Write the position of the startup code to the worker's notes (`ipc.last_words`), before the worker is killed."""


class InterruptKernel(Command[None], frozen=True, tag=True):
    """Send Ctrl-C to the code in the main thread and to the processes that it started."""


class CloseEnvironment(Command[None], frozen=True, tag=True):
    """End the worker process in an orderly way. Refused while a plan or a foreground task runs."""


WorkerCommand = (
    Attach
    | ForgetDocuments
    | OpenEnvironment
    | SetPermissions
    | RunPlan
    | PausePlan
    | ContinuePlan
    | RunScript
    | RunFunction
    | UpdateEnvironment
    | EngineMetadata
    | ReadDevices
    | DryRun
    | ReplyInput
    | NeedMainThread
    | InterruptKernel
    | NotePlace
    | CloseEnvironment
)
