"""The values in replies and events, key by key.

Clients get dictionaries; these types say which keys are in them. ``Any`` is used only where a value comes from the user
or from user code: arguments, metadata, return values, documents.
"""

from typing import Any, Literal, NotRequired, TypedDict

ItemType = Literal["plan", "instruction", "function"]
ExitStatus = Literal["completed", "failed", "stopped", "aborted", "halted", "unknown"]
#: The place of an item, or how it ended.
ItemStateName = Literal[
    "queued",
    "running",
    "paused",
    "completed",
    "failed",
    "stopped",
    "aborted",
    "halted",
    "unknown",
    "removed",
    "not_found",
]
#: A kind of queue change that can be undone.
ChangeName = Literal["clear", "removal", "move", "edit", "undo"]
TaskState = Literal["running", "completed", "not_found"]

ManagerStateName = Literal[
    "initializing",
    "idle",
    "paused",
    "creating_environment",
    "starting_queue",
    "executing_queue",
    "executing_task",
    "closing_environment",
    "destroying_environment",
]
EnvironmentStateName = Literal[
    "initializing",
    "failed",
    "idle",
    "executing_plan",
    "executing_task",
    "reserved",
    "closing",
    "closed",
]
KernelState = Literal["disabled", "starting", "idle", "busy"]
#: Logging levels, lowest first.
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Result(TypedDict):
    """How an item ended. Times are in seconds since 1970.

    ``msg`` has at most 10 kB and ``traceback`` 100 kB; longer text is cut in the middle. Control characters in them are
    written as escapes. ``return_value`` is the plan's return value, or null if the plan did not complete. If JSON does
    not support the value, it is kept as text and ``return_value_is_text`` is true. Results of earlier versions have
    neither key. ``ended_by`` is the user who stopped, aborted or halted the plan, if the client named one.
    ``time_paused`` is the number of seconds that the plan was paused, and ``time_suspended`` the number that suspenders
    held it; each key is missing if this did not happen. ``time_estimated`` is the expected time without pauses; the key
    is missing if the time was unknown.
    """

    exit_status: ExitStatus
    run_uids: list[str]
    scan_ids: list[int | None]
    time_start: float
    time_stop: float
    msg: str
    traceback: str
    return_value: NotRequired[Any]
    return_value_is_text: NotRequired[bool]
    ended_by: NotRequired[str]
    time_paused: NotRequired[float]
    time_suspended: NotRequired[float]
    time_estimated: NotRequired[float]


class _CheckedKeys(TypedDict):
    item_type: ItemType
    name: str
    args: NotRequired[list[Any]]
    kwargs: NotRequired[dict[str, Any]]
    meta: NotRequired[dict[str, Any] | list[dict[str, Any]]]
    user: str
    user_group: str
    properties: NotRequired[dict[str, Any]]


class CheckedItem(_CheckedKeys):
    """An item that the service has checked but not queued. It has a uid only if the client sent one."""

    item_uid: NotRequired[str]


class _ItemKeys(_CheckedKeys):
    item_uid: str


class Item(_ItemKeys):
    """An item of the queue. The service keeps the known keys, in the order they were sent.

    ``result`` shows how the item ended, if it ran, did not complete, and was put back at the front of the queue. The
    service drops it when a client adds, updates or replaces the item.
    """

    result: NotRequired[Result]


class HistoryItem(_ItemKeys):
    """An item of the history."""

    result: Result


class RunningProperties(TypedDict, total=False):
    """Properties of the running item. ``immediate_execution`` is present if the item was not taken from the queue."""

    time_start: float
    immediate_execution: bool


class RunningItem(TypedDict, total=False):
    """The running item, or an empty object if nothing is running."""

    item_type: ItemType
    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    meta: dict[str, Any] | list[dict[str, Any]]
    item_uid: str
    user: str
    user_group: str
    properties: RunningProperties
    result: Result


class DryRunFinding(TypedDict):
    """Whether the dry run of a plan ended well. ``ok`` is null if this is not known; ``msg`` says why."""

    ok: bool | None
    msg: str


class ItemState(TypedDict):
    """The current state of an item. ``times`` has the time of each state that is known, in seconds since 1970.

    ``requeued_as`` is the uid of the item that was put back into the queue in its place. ``dry_run`` is present for a
    queued plan that the service has walked (``--dry-run-on-add``).
    """

    state: ItemStateName
    position: NotRequired[int]
    result: NotRequired[Result]
    requeued_as: NotRequired[str]
    dry_run: NotRequired[DryRunFinding]
    times: dict[str, float]


class Finding(TypedDict):
    """An error or a warning about one value of a plan. ``suggestions`` are valid values, best first.

    ``path`` leads to the value: a position in ``args`` or a name in ``kwargs``, then indices and keys inside that
    argument. It is empty if no argument is to blame.
    """

    parameter: str | None
    value: Any
    reason: str
    suggestions: list[str]
    path: list[int | str]


class Check(TypedDict):
    """The result of checking one item. ``arguments`` are the values by parameter name, including defaults."""

    success: bool
    msg: str
    errors: list[Finding]
    arguments: dict[str, Any]
    warnings: NotRequired[list[Finding]]


class Run(TypedDict):
    """A run that the current plan has opened. ``exit_status`` is null while the run is open."""

    uid: str
    scan_id: int | None
    is_open: bool
    exit_status: str | None


class Document(TypedDict):
    """A document of a run, with the time when it was published and the uid of the item that it belongs to.

    In an event, values for which JSON has no number are null. Their texts (``nan``, ``inf``, ``-inf``) are in
    ``not_finite``, by field. Values that are too large are null, too; ``omitted`` names their fields.
    """

    time: float
    item_uid: str
    name: str
    doc: dict[str, Any]
    not_finite: NotRequired[dict[str, str]]
    omitted: NotRequired[list[str]]


class TaskOutcome(TypedDict, total=False):
    """A task and, once it has completed, its result.

    A running task has ``task_uid``, ``time_start`` and ``run_in_background``. A completed one has all keys except
    ``run_in_background``. The object is empty if the service does not know the task. ``msg`` and ``traceback`` have the
    limits of `Result`.
    """

    task_uid: str
    success: bool
    msg: str
    traceback: str
    time_start: float
    time_stop: float
    return_value: Any
    run_in_background: bool


class LockInfo(TypedDict):
    """Who locked what, when and why. The key is never shown."""

    environment: bool
    queue: bool
    user: str | None
    note: str | None
    time: float | None
    time_str: str
    emergency_lock_key_is_set: bool


class LockState(TypedDict):
    """Which of the two locks are on."""

    environment: bool
    queue: bool


class QueueMode(TypedDict):
    """How the queue treats plans that have ended.

    ``loop``: a completed item goes to the back of the queue. ``ignore_failures``: the queue continues after a plan
    fails.
    """

    loop: bool
    ignore_failures: bool


class RunningItemProgress(TypedDict):
    """The progress of the running plan.

    ``num_points`` is the number of events that the plan announced, or null if it announced none. ``time_paused`` is the
    time that the plan has spent paused or suspended, in seconds, without the current pause or suspension.
    ``paused_since`` is the start of the current pause.
    """

    events: int
    num_points: int | None
    time_start: float | None
    time_paused: float
    paused_since: float | None


class WaitingFor(TypedDict):
    """The reason why the running plan is waiting.

    ``motor``, ``trigger``: the plan waits for ``devices``. ``start`` and ``target`` are the positions of a motor, or
    lists of them for several. ``sleep``: ``start`` is 0, ``target`` is the length of the sleep in seconds.
    ``suspender``: suspenders hold the plan; ``devices`` has the names of their signals. ``pause``: the plan is paused,
    or will pause at its next checkpoint. ``input``: user code waits for an answer. ``user_code``: code of the plan, of
    a device or of a callback has been running for more than a second.

    ``text`` is a phrase such as “waiting for motor (0.000 → 5.000 mm, 62 %, 12 s to go)” or “paused at 14:02 by
    grace”; a plan that paused by itself is “paused at 14:02 by the plan”. If suspenders have tripped, it is “paused
    at 14:02 by grace, while suspended: Signal shutter is high”, and ``devices`` has their signals. Positions,
    percentages and times in it are up to a second old. ``since`` is in seconds since 1970.
    """

    kind: Literal["motor", "trigger", "sleep", "suspender", "pause", "input", "user_code"]
    text: str
    devices: list[str]
    start: Any
    target: Any
    since: float


class InputPending(TypedDict):
    """A prompt of user code that is waiting for `input_reply`.

    ``item_uid`` or ``task_uid`` is the plan or task that is waiting; both are null for startup code. ``secret``: do not
    show what the user types.
    """

    input_uid: str
    prompt: str
    time: float
    item_uid: str | None
    task_uid: str | None
    secret: bool


class FunctionDescription(TypedDict):
    """A function: its parameters as Python writes them, and the first line of its docstring."""

    signature: str
    description: str


class ConsoleOutput(TypedDict):
    """A piece of console output. Pieces are numbered from 1."""

    time: float
    msg: str
    seq: int


class ParameterKind(TypedDict):
    """How a parameter takes its arguments, as in `inspect.Parameter`."""

    name: str
    value: int


class AnnotationDescription(TypedDict):
    """The type of a parameter as text, and the lists of names that the text mentions."""

    type: str
    devices: NotRequired[dict[str, list[str | None]]]
    plans: NotRequired[dict[str, list[str | None]]]
    enums: NotRequired[dict[str, list[str]]]


class ParameterDescription(TypedDict):
    """A parameter of a plan. ``default`` is the repr of the value; the limits are numbers, written as text."""

    name: str
    kind: NotRequired[ParameterKind]
    default: NotRequired[Any]
    description: NotRequired[str]
    annotation: NotRequired[AnnotationDescription]
    min: NotRequired[str | float]
    max: NotRequired[str | float]
    step: NotRequired[str | float]
    convert_device_names: NotRequired[bool]
    convert_plan_names: NotRequired[bool]
    eval_expressions: NotRequired[bool]


class PlanProperties(TypedDict):
    """``is_generator``: the plan is a generator function. Otherwise it is a function that returns a plan."""

    is_generator: bool


class PlanDescription(TypedDict):
    """A plan."""

    name: str
    module: NotRequired[str]
    description: NotRequired[str]
    parameters: NotRequired[list[ParameterDescription]]
    properties: NotRequired[PlanProperties]


class DeviceDescription(TypedDict):
    """A device with its subdevices.

    ``excluded``: the group may not use the device itself; it is listed because the group may use its subdevices.
    """

    classname: str
    module: str
    is_readable: bool
    is_movable: bool
    is_flyable: bool
    components: NotRequired[dict[str, "DeviceDescription"]]
    excluded: NotRequired[bool]


class FieldReading(TypedDict):
    """One data key of a device. If an array is too large to send, ``value`` is null and ``shape`` is present."""

    value: Any
    timestamp: float | None
    units: str | None
    shape: NotRequired[list[int]]


class LastReading(TypedDict):
    """The last reading of a device that does not answer at the moment."""

    value: Any
    timestamp: float | None


class DeviceReading(TypedDict, total=False):
    """The reading of a device, or ``error``, the reason why it could not be read, and ``last``, the last reading (or
    null).

    ``value`` is the value of the device's first hinted data key; ``fields`` has the other data keys. ``timestamp`` is
    the device's own, in epoch seconds. ``limits`` are [low, high], or null without limits. ``moving`` is null if the
    device does not report it. If an array is too large to send, ``value`` is null and ``shape`` is present.
    """

    value: Any
    units: str | None
    timestamp: float | None
    limits: list[float] | None
    moving: bool | None
    shape: list[int]
    fields: dict[str, FieldReading]
    error: str
    last: LastReading | None


class GroupPermissions(TypedDict, total=False):
    """Names and patterns of the things that a user group may and may not use. Null as the first element means all."""

    allowed_plans: list[str | None]
    forbidden_plans: list[str | None]
    allowed_devices: list[str | None]
    forbidden_devices: list[str | None]
    allowed_functions: list[str | None]
    forbidden_functions: list[str | None]


class UserGroupPermissions(TypedDict):
    """The user group permissions. The rules of the group ``root`` apply to everyone."""

    user_groups: dict[str, GroupPermissions | None]


class ServiceConfig(TypedDict, total=False):
    """Configuration for clients. ``ip_connect_info`` is empty unless the environment has an IPython kernel."""

    ip_connect_info: dict[str, str | int]


class FileRun(TypedDict):
    """A startup file that ran, and how many seconds it took."""

    file: str
    seconds: float


class OverwrittenName(TypedDict):
    """A name that one startup file defined and a later one redefined as something else."""

    name: str
    file: str
    by: str


class StartupProblem(TypedDict):
    """A problem that did not stop the startup code."""

    message: str
    file: str | None
    line: int | None


class LeftOut(TypedDict):
    """A plan or device that is missing from the lists, with the reason."""

    name: str
    file: str
    line: int
    reason: str


class OpeningReport(TypedDict, total=False):
    """The report on the last opening of the environment.

    Empty before the environment is first opened. If the environment did not open, ``message``, ``traceback``, ``file``
    and ``line`` say why and where. ``plans`` and ``devices`` are counts.
    """

    success: bool
    time: float
    files: list[FileRun]
    seconds: float
    overwritten: list[OverwrittenName]
    problems: list[StartupProblem]
    left_out: list[LeftOut]
    plans: int
    devices: int
    message: str
    traceback: str
    file: str | None
    line: int | None
