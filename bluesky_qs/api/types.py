"""The values that requests and answers are made of."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from bluesky_qs.api.method import Says

#: A queue item: ``item_type``, ``name``, ``args``?, ``kwargs``?, ``meta``?, ``item_uid``, ``user``, ``user_group``.
Item = dict[str, Any]

#: 0-based place in the queue (negative: from the back), or one of its ends.
Position = int | Literal["front", "back"]
PositionParameter = Annotated[
    Position | None,
    Says(wrong="Position {value!r} is not supported. A position is a whole number, 'front' or 'back'"),
]
#: One of the queue's ends.
End = Literal["front", "back"]
EndParameter = Annotated[
    End | None,
    Says(wrong="Destination {value!r} is not supported. Supported destinations of a batch: 'front', 'back'"),
]

PauseOption = Literal["deferred", "immediate"]
RunOption = Literal["active", "open", "closed"]
StopOption = Literal["safe_on", "safe_off"]

_NO_ITEM = "Incorrect request format: request contains no item info"
#: An item as a parameter of a request.
ItemParameter = Annotated[Item, Says(missing=_NO_ITEM)]
_NO_UIDS = "Request does not contain the list of UIDs"
Uids = Annotated[list[str], Says(missing=_NO_UIDS)]
_NO_TASK = "Required 'task_uid' parameter is missing in the API call"
LockKey = Annotated[
    str | None,
    Says(missing="Request contains no lock key", wrong="Lock key must be a non-empty string: lock_key={value!r}"),
]
_GROUP_MISSING = "Incorrect request format: user group is not specified"
UserGroup = Annotated[str, Says(missing=_GROUP_MISSING)]


class Keyed(TypedDict, total=False):
    """What every request that a lock may refuse accepts."""

    lock_key: LockKey


class Writer(Keyed, total=False):
    """Who asks: recorded on the item. A client of ours fills these in."""

    user: Annotated[str, Says(missing="Incorrect request format: user name is not specified")]
    user_group: UserGroup


#: The server demands these although they are optional for callers of the client.
WRITER = ("user", "user_group")


class Reply(TypedDict):
    """Every answer. A handler leaves these two to the dispatcher."""

    success: NotRequired[bool]
    msg: NotRequired[str]


class QueueMode(TypedDict):
    """How the queue treats finished and failed plans."""

    loop: bool
    ignore_failures: bool


class LockState(TypedDict):
    """What is locked."""

    environment: bool
    queue: bool


class Status(TypedDict):
    """The state of the service, complete, as `status` answers it."""

    msg: str
    time: str
    status_uid: str
    items_in_queue: int
    items_in_history: int
    running_item_uid: str | None
    manager_state: str
    queue_stop_pending: bool
    queue_autostart_enabled: bool
    worker_environment_exists: bool
    worker_environment_state: str
    worker_background_tasks: int
    re_state: str | None
    ip_kernel_state: str | None
    ip_kernel_captured: bool | None
    pause_pending: bool
    run_list_uid: str
    plan_queue_uid: str
    plan_history_uid: str
    devices_existing_uid: str
    plans_existing_uid: str
    devices_allowed_uid: str
    plans_allowed_uid: str
    task_results_uid: str
    lock_info_uid: str
    plan_queue_mode: QueueMode
    lock: LockState


class Config(Reply):
    config: dict[str, Any]


class PlansAllowed(Reply):
    plans_allowed: dict[str, Any]
    plans_allowed_uid: str | None


class DevicesAllowed(Reply):
    devices_allowed: dict[str, Any]
    devices_allowed_uid: str | None


class PlansExisting(Reply):
    plans_existing: dict[str, Any]
    plans_existing_uid: str | None


class DevicesExisting(Reply):
    devices_existing: dict[str, Any]
    devices_existing_uid: str | None


class Permissions(Reply):
    user_group_permissions: dict[str, Any]


class History(Reply):
    items: list[Item]
    plan_history_uid: str


class Queue(Reply):
    items: list[Item]
    running_item: Item
    plan_queue_uid: str


class Accepted(Reply):
    """``warnings``: sentences about names that are likely to make the plan fail; the key is there if there are any."""

    warnings: NotRequired[list[str]]


class ItemAdded(Accepted):
    qsize: int | None
    item: Item | None


class ItemResult(Accepted):
    """How one item of a batch fared."""


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


class Run(TypedDict):
    """A run that the current plan has opened."""

    uid: str
    scan_id: int | None
    is_open: bool
    exit_status: str | None


class Runs(Reply):
    run_list: list[Run]
    run_list_uid: str


class Metadata(Reply):
    re_metadata: dict[str, Any]


class TaskStarted(Reply):
    task_uid: str | None


class FunctionStarted(Reply):
    item: Item | None
    task_uid: str | None


class TaskStatus(Reply):
    task_uid: str | list[str] | None
    status: str | dict[str, str] | None


class TaskResult(Reply):
    task_uid: str | None
    status: str | None
    result: dict[str, Any] | None


class LockInfo(TypedDict):
    """Who locked what, when and why; never the key."""

    environment: bool
    queue: bool
    user: str | None
    note: str | None
    time: float | None
    time_str: str
    emergency_lock_key_is_set: bool


class Locking(Reply):
    lock_info: LockInfo | dict[str, Any]
    lock_info_uid: str | None


class ItemStates(Reply):
    status: dict[str, Any]


class Checks(Reply):
    results: list[dict[str, Any]]


class Documents(Reply):
    """Documents, each with the time of its publication and the uid of the item that it belongs to."""

    documents: list[dict[str, Any]]


class Events(Reply):
    """Events, the number of the latest there is, and the number of the oldest that is kept."""

    events: list[dict[str, Any]]
    last: int
    first: int


class ConsoleMessages(Reply):
    messages: list[dict[str, Any]]
    last: int


class EnvironmentReport(Reply):
    report: dict[str, Any]
