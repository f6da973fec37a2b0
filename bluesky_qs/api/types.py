"""The types of the parameters and of the replies."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from bluesky_qs.api.dry_run import DryRunReport, DryRunTotal, ItemDryRun
from bluesky_qs.api.estimates import ItemEstimate, QueueEstimate
from bluesky_qs.api.events import AnyEvent
from bluesky_qs.api.method import Messages
from bluesky_qs.api.values import (
    ChangeName,
    Check,
    CheckedItem,
    ConsoleOutput,
    DeviceDescription,
    DeviceReading,
    Document,
    EnvironmentStateName,
    Finding,
    FunctionDescription,
    HistoryItem,
    InputPending,
    Item,
    ItemState,
    KernelState,
    LockInfo,
    LockState,
    ManagerStateName,
    OpeningReport,
    PlanDescription,
    QueueMode,
    Run,
    RunningItem,
    RunningItemProgress,
    ServiceConfig,
    TaskOutcome,
    TaskState,
    UserGroupPermissions,
    WaitingFor,
)

# ------------------------------------------------------------------------------------------------- parameters

#: An item as a client sends it. The handler checks it, so that the reply can explain the error.
SentItem = dict[str, Any]

#: Position in the queue, counted from 0 (negative: from the back), or one of the queue's ends.
Position = int | Literal["front", "back"]
PositionParameter = Annotated[
    Position | None,
    Messages(wrong="Position {value!r} is not supported. A position is a whole number, 'front' or 'back'"),
]
#: One of the queue's ends.
QueueEnd = Literal["front", "back"]
EndParameter = Annotated[
    QueueEnd | None,
    Messages(wrong="Destination {value!r} is not supported. Supported destinations of a batch: 'front', 'back'"),
]

PauseOption = Literal["deferred", "immediate"]
RunOption = Literal["active", "open", "closed"]
StopOption = Literal["safe_on", "safe_off"]

_NO_ITEM = "Incorrect request format: request contains no item info"
#: An item as a parameter of a request.
ItemParameter = Annotated[SentItem, Messages(missing=_NO_ITEM)]
_NO_UIDS = "Request does not contain the list of UIDs"
Uids = Annotated[list[str], Messages(missing=_NO_UIDS)]
_NO_TASK = "Required 'task_uid' parameter is missing in the API call"
LockKey = Annotated[
    str | None,
    Messages(missing="Request contains no lock key", wrong="Lock key must be a non-empty string: lock_key={value!r}"),
]
#: More than the 128 characters that an HTTP client may send, because the HTTP server adds the user name.
LONGEST_REQUEST_ID = 512
#: The dispatcher checks it.
RequestId = str | None
_GROUP_MISSING = "Incorrect request format: user group is not specified"
UserGroup = Annotated[str, Messages(missing=_GROUP_MISSING)]


class Repeatable(TypedDict, total=False):
    """The parameter of every method that changes something.

    A request with the id of an earlier one changes nothing and gets the same reply.
    """

    request_id: RequestId


class Keyed(Repeatable, total=False):
    """The parameters of every method that a lock can refuse.

    ``user`` is the user who sends the request: events and the log show who made a change. Our clients fill in both.
    """

    lock_key: LockKey
    user: str | None


class Writer(Repeatable, total=False):
    """The user who sends the request and the user's group. The item records both. Our clients fill them in."""

    lock_key: LockKey
    user: Annotated[str, Messages(missing="Incorrect request format: user name is not specified")]
    user_group: UserGroup


#: The service requires these, although callers of our clients may omit them.
WRITER = ("user", "user_group")


# ---------------------------------------------------------------------------------------------------- answers


class Reply(TypedDict):
    """Keys of every reply. The dispatcher adds them, not the handlers.

    ``error`` is the class of the error (see `bluesky_qs.errors`), in refusals only. ``uids_only`` is true in the reply
    to a repeated request if the first reply was larger than 64 kB: its items have only their uids.
    """

    success: NotRequired[bool]
    msg: NotRequired[str]
    error: NotRequired[str]
    uids_only: NotRequired[bool]


class Status(TypedDict):
    """The state of the service. Each ``…_uid`` changes if, and only if, the list with that name changes.

    ``queue_autostart_off_reason`` is the reason why autostart switched itself off, or null if it did not.
    ``queue_stopped_reason`` is the reason why the queue has stopped although it is not empty; null while it runs and
    when the environment is closed. ``extensions`` lists optional parameters that other versions of the service may not
    have. Send them only to a service that lists them. ``stopping``: the service is stopping, and will no longer answer.
    ``queue_end`` is the time when the running queue will end, in epoch seconds (null if the queue is not running or the
    time is unknown); if ``queue_at_least`` is true, it may end later. Both change, with ``estimates_uid``, when the end
    moves by more than 1 s and 2 % of the remaining time.
    """

    msg: str
    time: str
    status_uid: str
    items_in_queue: int
    items_in_history: int
    running_item_uid: str | None
    running_item_progress: RunningItemProgress | None
    manager_state: ManagerStateName
    queue_stop_pending: bool
    queue_autostart_enabled: bool
    queue_autostart_off_reason: str | None
    queue_stopped_reason: str | None
    worker_environment_exists: bool
    worker_environment_state: EnvironmentStateName
    worker_background_tasks: int
    re_state: str | None
    ip_kernel_state: KernelState | None
    ip_kernel_captured: bool | None
    pause_pending: bool
    input_pending: InputPending | None
    waiting_for: WaitingFor | None
    stopping: bool
    estimates_uid: str
    queue_end: float | None
    queue_at_least: bool
    run_list_uid: str
    plan_queue_uid: str
    plan_history_uid: str
    devices_existing_uid: str
    plans_existing_uid: str
    devices_allowed_uid: str
    plans_allowed_uid: str
    functions_allowed_uid: str
    task_results_uid: str
    dry_runs_uid: str | None
    lock_info_uid: str
    plan_queue_mode: QueueMode
    lock: LockState
    extensions: list[str]


class Config(Reply):
    config: ServiceConfig
    zmq_info_addr: NotRequired[str]


class PlansAllowed(Reply):
    plans_allowed: dict[str, PlanDescription]
    plans_allowed_uid: str | None


class DevicesAllowed(Reply):
    devices_allowed: dict[str, DeviceDescription]
    devices_allowed_uid: str | None


class FunctionsAllowed(Reply):
    functions_allowed: dict[str, FunctionDescription]
    functions_allowed_uid: str | None


class PlansExisting(Reply):
    plans_existing: dict[str, PlanDescription]
    plans_existing_uid: str | None


class DevicesExisting(Reply):
    devices_existing: dict[str, DeviceDescription]
    devices_existing_uid: str | None


class DevicesRead(Reply):
    devices: dict[str, DeviceReading]


class Permissions(Reply):
    user_group_permissions: UserGroupPermissions


class PermissionsSet(Reply):
    """``warnings`` name entries with an unusual form and explain their meaning.

    The key is omitted if there are no warnings.
    """

    warnings: NotRequired[list[str]]


class History(Reply):
    """A page also has ``positions``: for each item, the number of older items in the whole history.

    ``index_complete`` of a page is false while the index for ``search`` is being built; older items may be missing.
    """

    items: list[HistoryItem]
    positions: NotRequired[list[int]]
    index_complete: NotRequired[bool]
    plan_history_uid: str


class Queue(Reply):
    items: list[Item]
    running_item: RunningItem
    plan_queue_uid: str


class Accepted(Reply):
    """``warnings`` are sentences about names and missing arguments that will probably make the plan fail.

    The key is omitted if there are no warnings.

    For a refused plan, ``errors`` shows which arguments are wrong.
    """

    warnings: NotRequired[list[str]]
    errors: NotRequired[list[Finding]]


class ItemAdded(Accepted):
    qsize: int | None
    item: Item | None


class ItemResult(Accepted):
    """The result for one item of a batch."""


class BatchAdded(Reply):
    qsize: int | None
    items: list[Item]
    results: list[ItemResult]


class OneItem(Reply):
    item: Item


class ItemAndSize(Reply):
    item: Item
    qsize: int | None


class ItemsAndSize(Reply):
    items: list[Item]
    qsize: int | None


class Undone(Reply):
    """``change`` is the kind of change that was undone. ``items`` are the affected items, as they are now.

    If the undo of a removal was undone, they are the items that were removed again.
    """

    change: ChangeName | None
    items: list[Item]
    qsize: int | None


class Runs(Reply):
    run_list: list[Run]
    run_list_uid: str


class Metadata(Reply):
    re_metadata: dict[str, Any]
    permitted_keys: list[str]


class TaskStarted(Reply):
    task_uid: str | None


class FunctionStarted(Reply):
    item: Item | None
    task_uid: str | None


class TaskStatus(Reply):
    task_uid: str | list[str] | None
    status: TaskState | dict[str, TaskState] | None


class TaskResult(Reply):
    task_uid: str | None
    status: TaskState | None
    result: TaskOutcome | None


class Locking(Reply):
    lock_info: LockInfo
    lock_info_uid: str | None


class ItemStates(Reply):
    status: ItemState | dict[str, ItemState]


class Checks(Reply):
    results: list[Check]


class DryRunDone(Reply):
    """``item`` is the item as it was checked."""

    item: CheckedItem | None
    report: DryRunReport | None


class QueueDryRunDone(Reply):
    """``task_uid`` is null unless the dry run continues in the background; then there are no reports yet."""

    reports: list[ItemDryRun]
    total: DryRunTotal | None
    task_uid: str | None


class Estimates(Reply):
    """Estimates of items by uid, and the estimate of the queue. ``estimates_uid`` is as in the status."""

    estimates: dict[str, ItemEstimate]
    queue: QueueEstimate
    estimates_uid: str


class Documents(Reply):
    """``before`` is the parameter for the next older page; ``missing`` is the number of events that were not kept."""

    documents: list[Document]
    item_uid: str
    before: int | None
    missing: int


class Events(Reply):
    """``last`` is the number of the latest event, and ``first`` is the number of the oldest kept event."""

    events: list[AnyEvent]
    last: int
    first: int


class ConsoleMessages(Reply):
    messages: list[ConsoleOutput]
    last: int


class EnvironmentReport(Reply):
    report: OpeningReport
