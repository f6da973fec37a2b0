"""Events: the service publishes one for every change. ``type`` is the kind of change."""

from typing import Literal, NotRequired, TypedDict

from bluesky_qs.api.values import ChangeName, ExitStatus, InputPending, ManagerStateName, QueueMode, WaitingFor


class NumberedEvent(TypedDict):
    """The keys of every event: a number that increases by one each time, and the time in seconds since 1970.

    ``user`` sent the request that made the change. The key is missing if no request made it, or if the client did not
    name the user.
    """

    seq: int
    time: float
    user: NotRequired[str | None]


class QueueChangedEvent(NumberedEvent):
    """Items in the queue were added, changed or moved (``put``), or they left the queue (``dropped``).

    If a change affects many items, the event has only the number of items. ``cleared``: the whole queue was cleared.
    ``change`` is the kind of change, if ``queue_undo`` can undo it; ``undoes`` is the number of the event that this
    change has undone.
    """

    type: Literal["queue_changed"]
    put: NotRequired[list[str]]
    put_count: NotRequired[int]
    dropped: NotRequired[list[str]]
    dropped_count: NotRequired[int]
    cleared: NotRequired[bool]
    change: NotRequired[ChangeName]
    undoes: NotRequired[int]


class ItemStartedEvent(NumberedEvent):
    """An item has started to run."""

    type: Literal["item_started"]
    item_uid: str


class ItemEndedEvent(NumberedEvent):
    """An item has ended. ``requeued_as`` is its new uid if it was put back into the queue."""

    type: Literal["item_ended"]
    item_uid: str
    exit_status: ExitStatus
    requeued_as: NotRequired[str]


class HistoryClearedEvent(NumberedEvent):
    """Old items were removed from the history."""

    type: Literal["history_cleared"]
    items_left: int


class ModeChangedEvent(NumberedEvent):
    """The queue mode was set."""

    type: Literal["mode_changed"]
    mode: QueueMode


class AutostartChangedEvent(NumberedEvent):
    """Autostart was switched on or off."""

    type: Literal["autostart_changed"]
    enabled: bool


class QueueStopPendingChangedEvent(NumberedEvent):
    """A queue stop was requested, canceled or carried out."""

    type: Literal["queue_stop_pending_changed"]
    enabled: bool


class LockChangedEvent(NumberedEvent):
    """Something was locked or unlocked. Without a lock, ``user`` and ``note`` are null."""

    type: Literal["lock_changed"]
    environment: bool
    queue: bool
    note: str | None


class PermissionsChangedEvent(NumberedEvent):
    """The user group permissions were replaced."""

    type: Literal["permissions_changed"]


class EnvironmentChangedEvent(NumberedEvent):
    """The state of the manager has changed, or the environment was opened or closed."""

    type: Literal["environment_changed"]
    manager_state: ManagerStateName
    worker_environment_exists: bool


class ListsChangedEvent(NumberedEvent):
    """The lists of existing or allowed plans and devices, or of allowed functions, have changed."""

    type: Literal["lists_changed"]
    plans_existing_uid: str
    devices_existing_uid: str
    plans_allowed_uid: str
    devices_allowed_uid: str
    functions_allowed_uid: str


class TasksChangedEvent(NumberedEvent):
    """A task has completed."""

    type: Literal["tasks_changed"]
    task_results_uid: str


class InputChangedEvent(NumberedEvent):
    """User code has started or stopped waiting for input."""

    type: Literal["input_changed"]
    input_pending: InputPending | None


class WaitingChangedEvent(NumberedEvent):
    """The running plan has begun to wait for something, or no longer waits. ``waiting_for`` is as in the status.

    Waits for devices and sleeps are reported only after a second, because most of them are shorter.
    """

    type: Literal["waiting_changed"]
    waiting_for: WaitingFor | None


class DryRunFoundEvent(NumberedEvent):
    """The service has walked a plan that entered the queue (``--dry-run-on-add``); see ``item_dry_run``.

    ``ok`` is false if the plan would fail, and null if that is not known; ``msg`` says why.
    """

    type: Literal["dry_run_found"]
    item_uid: str
    ok: bool | None
    msg: str


AnyEvent = (
    QueueChangedEvent
    | ItemStartedEvent
    | ItemEndedEvent
    | HistoryClearedEvent
    | ModeChangedEvent
    | AutostartChangedEvent
    | QueueStopPendingChangedEvent
    | LockChangedEvent
    | PermissionsChangedEvent
    | EnvironmentChangedEvent
    | ListsChangedEvent
    | TasksChangedEvent
    | InputChangedEvent
    | WaitingChangedEvent
    | DryRunFoundEvent
)
