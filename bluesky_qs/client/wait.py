"""Waiting for the service: told by the info channel, asking only where that is silent."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from bluesky_qs.client.failures import RequestFailedError, WaitCancelError, WaitTimeoutError
from bluesky_qs.client.info import StatusFeed
from bluesky_qs.errors import BadParams, NotFound

if TYPE_CHECKING:
    from bluesky_qs.client.sync import REManagerAPI

Condition = Callable[[Mapping[str, Any]], bool]

#: Seconds between looks at a monitor that another thread may have cancelled.
_TICK = 0.1
#: Seconds that the community's client waits for by default; None waits for ever.
TIMEOUT = 600.0
#: States of an item that it does not leave.
ENDED = frozenset({"completed", "failed", "stopped", "aborted", "halted", "unknown", "removed"})
#: Parts of the status of which one changes whenever an item goes somewhere.
MOVES = ("plan_queue_uid", "plan_history_uid", "running_item_uid", "manager_state")


class WaitMonitor:
    """Looks at a wait, and ends it, from another thread.

    Examples
    --------
    >>> monitor = WaitMonitor()
    >>> threading.Timer(10, monitor.cancel).start()
    >>> RM.wait_for_idle(monitor=monitor)  # raises WaitCancelError unless idle within 10 s
    """

    def __init__(self) -> None:
        self.time_start = time.time()
        self.timeout: float | None = None
        self.is_cancelled = False
        self._callbacks: list[Callable[[], object]] = []
        self._started = time.monotonic()

    @property
    def time_elapsed(self) -> float:
        """Seconds since the wait began."""
        return time.monotonic() - self._started

    def set_timeout(self, timeout: float | None) -> None:
        """Let the wait last so many seconds from its start."""
        self.timeout = timeout

    def cancel(self) -> None:
        """End the wait with `WaitCancelError`, after the callbacks; one that begins later ends at once."""
        if self.is_cancelled:
            return
        self.is_cancelled = True
        for callback in self._callbacks:
            callback()

    def add_cancel_callback(self, cancel_callback: Callable[[], object]) -> None:
        """Have a function called when the wait is cancelled."""
        self._callbacks.append(cancel_callback)

    def start(self, timeout: float | None) -> None:
        """Begin to count the time: a wait calls this.

        Raises
        ------
        WaitCancelError
            Somebody was quicker.
        """
        if self.is_cancelled:
            raise WaitCancelError("The wait was cancelled before it began")
        self.time_start = time.time()
        self._started = time.monotonic()
        self.timeout = timeout

    def remaining(self, what: str) -> float:
        """Seconds until the next look at this monitor.

        Raises
        ------
        WaitTimeoutError, WaitCancelError
            The wait is over.
        """
        if self.is_cancelled:
            raise WaitCancelError(f"The wait for {what} was cancelled")
        if self.timeout is None:
            return _TICK
        if (left := self.timeout - self.time_elapsed) <= 0:
            raise WaitTimeoutError(f"Still waiting for {what} after {self.timeout:g} s")
        return min(left, _TICK)


def idle(status: Mapping[str, Any]) -> bool:
    """Whether nothing goes on."""
    return status["manager_state"] == "idle"


def idle_or_paused(status: Mapping[str, Any]) -> bool:
    """Whether nothing goes on, or a plan is paused."""
    return status["manager_state"] in ("idle", "paused")


def idle_or_running(status: Mapping[str, Any]) -> bool:
    """Whether nothing goes on, or the queue runs."""
    return status["manager_state"] in ("idle", "executing_queue")


class Waiting:
    """The waits of a blocking client."""

    def wait_for_idle(
        self,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until the manager is idle.

        ``timeout`` in seconds, None to wait for ever. Ctrl-C ends the wait, never the plan.

        Raises
        ------
        WaitTimeoutError, WaitCancelError
            It was not idle in time; ``monitor`` was cancelled.
        """
        until(_client(self), idle, "the manager to be idle", timeout, monitor)

    def wait_for_idle_or_paused(
        self,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until the manager is idle or a plan is paused; for the rest see `wait_for_idle`."""
        until(_client(self), idle_or_paused, "the manager to be idle or paused", timeout, monitor)

    def wait_for_idle_or_running(
        self,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until the manager is idle or runs the queue; for the rest see `wait_for_idle`."""
        until(_client(self), idle_or_running, "the manager to be idle or running", timeout, monitor)

    def wait_for_condition(
        self,
        condition: Condition,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until ``condition(status)`` is true; for the rest see `wait_for_idle`."""
        until(_client(self), condition, "the condition", timeout, monitor)

    def wait_for_completed_task(
        self,
        task_uid: str | Iterable[str],
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
        treat_not_found_as_completed: bool = True,
    ) -> dict[str, str]:
        """Wait until a task, or one of several, is completed; return the status of those that are, by uid.

        Results are forgotten after a while, hence the last parameter.
        """
        uids = task_uids(task_uid)
        ended: dict[str, str] = {}

        def one_ended(_status: Mapping[str, Any]) -> bool:
            nonlocal ended
            ended = ended_tasks(_client(self).task_status(uids), forgotten=treat_not_found_as_completed)
            return bool(ended)

        until(_client(self), one_ended, f"task {', '.join(uids)}", timeout, monitor)
        return ended

    def wait_for_item(
        self,
        item_uid: str,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> dict[str, Any]:
        """Wait until an item has run or has left the queue, and return what `item_status` tells of it.

        ``state`` is one of ``completed``, ``failed``, ``stopped``, ``aborted``, ``halted``, ``unknown``,
        ``removed``; ``result`` is there if it ran.

        Raises
        ------
        NotFound
            The service does not know the item.
        WaitTimeoutError, WaitCancelError
            See `wait_for_idle`.
        """
        seen: Any = None
        where: dict[str, Any] = {}

        def ended(status: Mapping[str, Any]) -> bool:
            nonlocal seen, where
            if (parts := [status.get(part) for part in MOVES]) == seen:
                return False
            where = whereabouts(_client(self), item_uid)
            seen = parts
            if where["state"] == "not_found":
                raise unknown_item(item_uid)
            return where["state"] in ENDED

        until(_client(self), ended, f"item {item_uid}", timeout, monitor)
        return where


def until(
    manager: "REManagerAPI",
    condition: Condition,
    what: str,
    timeout: float | None,
    monitor: WaitMonitor | None,
) -> None:
    """Wait until the condition holds for a status."""
    monitor = monitor or WaitMonitor()
    monitor.start(timeout)
    with StatusFeed(manager) as feed:
        # The subscription stands before the first look, so that no change falls between the two.
        status = manager.status()
        while not (status and _holds(feed, condition, status)):
            status = feed.next_status(monitor.remaining(what))


def task_uids(task_uid: str | Iterable[str]) -> list[str]:
    """The tasks to wait for.

    Raises
    ------
    BadParams
        There are none.
    """
    uids = [task_uid] if isinstance(task_uid, str) else list(task_uid)
    if not uids:
        raise BadParams("There is no task to wait for: task_uid is empty")
    return uids


def ended_tasks(answer: Mapping[str, Any], *, forgotten: bool) -> dict[str, str]:
    """Those of an answer about several tasks that are completed, or if wished ``forgotten``, with their status."""
    ends = ("completed", "not_found") if forgotten else ("completed",)
    return {uid: status for uid, status in answer["status"].items() if status in ends}


def whereabouts(manager: "REManagerAPI", item_uid: str) -> dict[str, Any]:
    """Where an item is; put together from queue and history if the service has no ``item_status``.

    An item whose end is being recorded is still running: what one asks for next would be refused.
    """
    where = _whereabouts(manager, item_uid)
    return {"state": "running"} if where["state"] in ENDED and is_settling(manager.status()) else where


def is_settling(status: Mapping[str, Any]) -> bool:
    """Whether a plan has ended and the service does not know yet what comes next; that takes a moment."""
    return status["manager_state"] == "executing_queue" and not status.get("running_item_uid")


def _whereabouts(manager: "REManagerAPI", item_uid: str) -> dict[str, Any]:
    try:
        answer = manager.item_status(item_uid)
    except RequestFailedError as error:
        answer = cast("Any", error.response)
        if not has_no_item_status(answer):
            raise
    if has_no_item_status(answer):
        return place(item_uid, manager.queue_get(), manager.history_get())
    return answer["status"]


def has_no_item_status(answer: Mapping[str, Any]) -> bool:
    """Whether this is the answer of a service that does not know ``item_status``."""
    return answer.get("success") is False and "Unknown method" in str(answer.get("msg"))


def place(item_uid: str, queue: Mapping[str, Any], history: Mapping[str, Any]) -> dict[str, Any]:
    """Where an item is, as ``item_status`` would tell it, from queue and history."""
    if queue["running_item"].get("item_uid") == item_uid:
        return {"state": "running"}
    if any(item["item_uid"] == item_uid for item in queue["items"]):
        return {"state": "queued"}
    for item in reversed(history["items"]):
        if item["item_uid"] == item_uid:
            return {"state": item["result"]["exit_status"], "result": item["result"]}
    return {"state": "not_found"}


def unknown_item(item_uid: str) -> NotFound:
    """The error for an item that is nowhere."""
    return NotFound(f"Item with UID {item_uid!r} is not in the queue, running or in the history")


def _holds(feed: StatusFeed, condition: Condition, status: Mapping[str, Any]) -> bool:
    # Conditions may ask the service too, while it is being restarted.
    return bool(feed.patiently(lambda: condition(status)))


def _client(waiting: Waiting) -> "REManagerAPI":
    return cast("REManagerAPI", waiting)
