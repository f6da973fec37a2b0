"""Methods on the service itself: status, configuration, events, console output, and stopping it."""

from typing import Annotated, Unpack

from bluesky_qs.api.method import Messages, method
from bluesky_qs.api.types import Config, ConsoleMessages, Events, Repeatable, Reply, Status, StopOption

_StopOption = Annotated[
    StopOption, Messages(wrong="Option {value!r} is not supported. Supported options: 'safe_on', 'safe_off'")
]


@method(scope="read:status", lenient=True)
def ping() -> Status:
    """Reply with the status, to show that the service is running."""
    raise NotImplementedError


@method(scope="read:status", lenient=True)
def status() -> Status:
    """State of the service: manager, environment, RunEngine, queue. Each ``…_uid`` shows whether a list has changed.

    The service always replies immediately, even when it is busy.
    """
    raise NotImplementedError


@method(scope="read:config", on_failure={"config": {}})
def config_get() -> Config:
    """Configuration for clients.

    ``ip_connect_info`` is the Jupyter connection of the environment's IPython kernel. ``zmq_info_addr`` is the
    address of the info socket, for clients that have only the control address.
    """
    raise NotImplementedError


@method(scope="write:manager:stop")
def manager_stop(option: _StopOption = "safe_on", **request: Unpack[Repeatable]) -> Reply:
    """Stop the whole service.

    ``safe_on`` is refused unless the manager is idle. ``safe_off`` interrupts a running plan, which goes back to the
    front of the queue.
    """
    raise NotImplementedError


@method(scope="write:testing")
def manager_kill(**request: Unpack[Repeatable]) -> Reply:
    """For tests only: freeze the manager. There is no reply; the supervisor replaces the manager after about 4 s."""
    raise NotImplementedError


@method(scope="read:monitor", on_failure={"events": [], "last": 0, "first": 1})
def events_get(since: int | None = None, *, limit: int = 1000) -> Events:
    """Events after the event number ``since`` (null: the latest ones), oldest first, at most ``limit`` of them.

    ``first`` is the number of the oldest event that is kept. If it is greater than ``since`` + 1, events are missing.
    """
    raise NotImplementedError


@method(scope="read:console", on_failure={"messages": [], "last": 0})
def console_get(
    since: int | None = None,
    *,
    limit: int = 1000,
    item_uid: str | None = None,
    grep: str | None = None,
    level: str | None = None,
) -> ConsoleMessages:
    """Console output after the message number ``since`` (null: the latest messages), at most ``limit`` messages.

    ``item_uid`` is the uid of a plan, or of a task (the ``task_uid`` of a script or function). The reply then has the
    log of this plan or task: everything that it printed while it ran. The messages of a log are numbered from 1. The
    first and the last 500 kB are kept, so a longer log has a gap in its numbers. A log is kept as long as the plan is
    in the history. The oldest logs are removed when all logs together are larger than the setting ``item_logs_size``.
    ``grep`` selects lines that contain this text; case is ignored. ``level`` selects logging records of this level or a
    higher one: DEBUG, INFO, WARNING, ERROR, CRITICAL. Other lines count as INFO.
    """
    raise NotImplementedError
