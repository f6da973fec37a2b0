"""States of the worker, as the worker reports them to the manager."""

from enum import StrEnum
from typing import Any, Literal

import msgspec

from bluesky_qs.api.values import KernelState


class EnvironmentState(StrEnum):
    """``worker_environment_state``. The manager reports ``closed`` when there is no worker."""

    INITIALIZING = "initializing"
    FAILED = "failed"
    IDLE = "idle"
    EXECUTING_PLAN = "executing_plan"
    EXECUTING_TASK = "executing_task"
    RESERVED = "reserved"
    CLOSING = "closing"
    CLOSED = "closed"


#: The states that code from a console may replace by `RESERVED`.
_RESERVABLE = (EnvironmentState.IDLE, EnvironmentState.EXECUTING_PLAN, EnvironmentState.EXECUTING_TASK)
#: The refusal while console code runs in the main thread.
KERNEL_BUSY = "IPython kernel (RE Worker) is busy"


class PendingInput(msgspec.Struct, frozen=True):
    """An ``input()`` of user code that is waiting for a reply.

    Attributes
    ----------
    time
        Time of the prompt in epoch seconds.
    item_uid, task_uid
        The plan or task that is waiting; both None for startup code.
    secret
        Whether the reply is a password, which must not be shown.
    """

    input_uid: str
    prompt: str
    time: float
    item_uid: str | None
    task_uid: str | None
    secret: bool


class Waiting(msgspec.Struct, frozen=True):
    """Why the plan is not making progress.

    Attributes
    ----------
    since
        Epoch seconds.
    reason
        The suspenders' explanation, in one line. For a pause, the explanation of the suspenders that are tripped now;
        otherwise empty.
    devices
        Names of the suspenders' signals.
    user
        Who requested the pause; empty if unknown.
    by_plan
        Whether the plan paused by itself: nobody requested the pause.
    to_begin
        Whether the plan was waiting to begin. If so, it waits for the suspenders again after it is resumed.
    """

    kind: Literal["suspender", "pause"]
    since: float
    reason: str = ""
    devices: list[str] = []
    user: str = ""
    by_plan: bool = False
    to_begin: bool = False

    @classmethod
    def of_pause(
        cls, since: float, pauser: str | None, suspension: "Waiting | None", *, to_begin: bool = False
    ) -> "Waiting":
        """Return a pause that ``pauser`` requested (None: nobody did), perhaps of a plan that was suspended."""
        reason, devices = (suspension.reason, suspension.devices) if suspension else ("", [])
        return cls("pause", since, reason, devices, pauser or "", by_plan=pauser is None, to_begin=to_begin)


class PlanWait(msgspec.Struct, frozen=True):
    """The wait of a running plan that is neither paused nor suspended.

    Attributes
    ----------
    since
        Epoch seconds.
    devices
        Names of the devices that are not done.
    start, target
        Positions (JSON) of the motor, or lists of positions for several motors. For a sleep, 0 and its length in
        seconds.
    unit, precision
        Unit of the positions, and digits after the decimal point.
    place
        File and line of user code; empty if unknown.
    """

    kind: Literal["motor", "trigger", "sleep", "user_code"]
    since: float
    devices: list[str] = []
    start: bytes = b"null"
    target: bytes = b"null"
    unit: str = ""
    precision: int | None = None
    place: str = ""


class WorkerState(msgspec.Struct, frozen=True):
    """The state of the worker at one moment.

    Attributes
    ----------
    engine
        State of the RunEngine (``idle``, ``running``, ``paused``, ``panicked``, …); None without a RunEngine.
    pause_pending
        True from the request for a deferred pause until the RunEngine pauses or the plan ends.
    item_uid
        The plan that is running or paused.
    kernel
        State of the IPython kernel; ``disabled`` in a worker without one.
    captured
        True while the main thread does not belong to the kernel; always True in a worker without one.
    input
        The oldest ``input()`` that is waiting for a reply.
    pauses
        Number of pauses so far. It distinguishes two pauses if there was no report between them.
    waiting
        Why the plan is not making progress; None if it is.
    plan_wait
        The wait of a running plan that is neither paused nor suspended; None if it does not wait.
    pause_requested
        Time of the request for the pending pause in epoch seconds; None if no pause is pending.
    pulses
        Whether the worker sends a `Pulse` several times a second while a plan runs.
    time_suspended
        Seconds that suspenders have held the plan, not including the current suspension.
    """

    environment: EnvironmentState
    engine: str | None = None
    pause_pending: bool = False
    item_uid: str | None = None
    kernel: KernelState = "disabled"
    captured: bool = True
    input: PendingInput | None = None
    pauses: int = 0
    waiting: Waiting | None = None
    time_suspended: float = 0.0
    plan_wait: PlanWait | None = None
    pause_requested: float | None = None
    pulses: bool = False

    @property
    def pauser(self) -> str | None:
        """The user who requested the present pause; None if the user is unknown or there is no pause."""
        return (self.waiting.user or None) if self.waiting and self.waiting.kind == "pause" else None

    def changed(
        self, changes: dict[str, Any], *, doing: EnvironmentState, is_reserved: bool, has_kernel: bool
    ) -> "WorkerState":
        """Return the state with these changes.

        Parameters
        ----------
        changes
            New values of attributes.
        doing
            The state of the environment, apart from code from a console.
        is_reserved
            Whether code from a console uses the main thread. The manager's requests must wait for its end.
        has_kernel
            Whether an IPython kernel uses the main thread while the worker does not.
        """
        is_reserved = is_reserved and doing in _RESERVABLE
        if has_kernel:
            is_free = doing is EnvironmentState.IDLE and not is_reserved
            is_starting = doing is EnvironmentState.INITIALIZING
            changes["kernel"] = "starting" if is_starting else "idle" if is_free else "busy"
            changes["captured"] = not (is_free or is_reserved)
        environment = EnvironmentState.RESERVED if is_reserved else doing
        return msgspec.structs.replace(self, **changes, environment=environment)


class RunState(msgspec.Struct, frozen=True):
    """A run that the current plan opened. ``exit_status`` is None while it is open."""

    uid: str
    scan_id: int | None
    is_open: bool
    exit_status: str | None


class EncodedLists(msgspec.Struct, frozen=True):
    """Existing plans, devices and functions, each a JSON object {name: description}."""

    plans: bytes
    devices: bytes
    functions: bytes = b"{}"
