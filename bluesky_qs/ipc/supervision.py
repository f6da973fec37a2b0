"""Commands from the manager to the supervisor, and the supervisor's reports."""

import msgspec

from bluesky_qs.ipc.frames import Command

#: Seconds between two beats of a healthy manager.
BEAT_PERIOD = 0.5
#: Exit code of a manager that cannot start, has logged why, and may succeed later. See also `ConfigError`.
ERROR_LOGGED = 75


class WorkerProcess(msgspec.Struct, frozen=True):
    """A worker process and the address of its link."""

    pid: int
    address: str


class WorkerEnded(msgspec.Struct, frozen=True, tag=True):
    """The worker in use has ended.

    Attributes
    ----------
    how
        One phrase: ``exit code 1``, ``killed by SIGKILL``, ….
    last_words
        Its notes while it ran startup code (see `ipc.last_words`); empty after that.
    """

    pid: int
    exit_code: int
    how: str
    last_words: str = ""


class Inventory(msgspec.Struct, frozen=True):
    """State of the supervisor when a manager starts.

    Attributes
    ----------
    restarted
        True if this manager replaces one that died; False at the start of the service.
    worker
        The worker in use (not the spare worker), if one is alive.
    stopping
        True if the service is stopping.
    ended
        How the last worker in use ended, in case the previous manager missed it.
    """

    restarted: bool
    worker: WorkerProcess | None
    stopping: bool
    ended: WorkerEnded | None = None


class ConsolePage(msgspec.Struct, frozen=True):
    """Console messages as JSON objects ``{"time", "msg", "seq"}``, and the number of the latest message."""

    messages: list[bytes]
    last: int


class Hello(Command[Inventory], frozen=True, tag=True):
    """A manager has started. Item logs are kept in the ``state_folder`` of its store; None if they are not kept."""

    pid: int
    state_folder: str | None = None


class StartWorker(Command[WorkerProcess], frozen=True, tag=True):
    """Provide a worker process: the spare worker, or a new one. `WorkerEnded` follows when it ends."""


class KillWorker(Command[None], frozen=True, tag=True):
    """Kill the worker in use (SIGKILL). `WorkerEnded` follows."""


class ReadConsole(Command[ConsolePage], frozen=True, tag=True):
    """Console messages after number ``since`` (None: the latest), at most ``limit``."""

    since: int | None
    limit: int


class ItemLog(msgspec.Struct, frozen=True):
    """The path of an item's log, or None if there is none.

    ``failure`` is the reason why the latest output of some item could not be written; empty if it was written.
    """

    path: str | None
    failure: str = ""


class FindItemLog(Command[ItemLog], frozen=True, tag=True):
    """Write all output of an item to its log, and return the path of the log (see `store.item_logs`)."""

    uid: str


class DropItemLogs(Command[None], frozen=True, tag=True):
    """Remove the logs of items and tasks that started before this time (epoch seconds)."""

    before: float


class Beat(Command[None], frozen=True, tag=True):
    """The manager's event loop is alive. Sent every `BEAT_PERIOD` seconds; the reply is ignored."""


SupervisorCommand = Hello | StartWorker | KillWorker | ReadConsole | FindItemLog | DropItemLogs | Beat


class StopRequested(msgspec.Struct, frozen=True, tag=True):
    """Stop in an orderly way, because of ``SIGTERM`` or Ctrl-C. Exit with 0 when done.

    With ``hurry`` (a second request), do not wait for the plan's cleanup.
    """

    reason: str
    hurry: bool = False


SupervisorReport = WorkerEnded | StopRequested
