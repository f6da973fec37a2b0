"""What the worker is, has and is doing: the words in which it is described to the manager."""

from enum import StrEnum

import msgspec

from bluesky_qs.api.values import KernelState


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


#: Why the main thread cannot be had: code of a console runs in it.
KERNEL_BUSY = "IPython kernel (RE Worker) is busy"


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
