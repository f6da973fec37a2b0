"""The conditions that clients wait for and the rules that end a wait: states, items, tasks, time limits. No I/O."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from bluesky_qs.client.failures import RequestFailedError, WaitCancelError, WaitTimeoutError, refused_because
from bluesky_qs.client.following import Following, Send, StatusDict, Steps, reply_to
from bluesky_qs.errors import BadParams, NotFound, UnknownMethod

T = TypeVar("T")
Condition = Callable[[Mapping[str, Any]], bool]
#: Checks a status, sends more requests if necessary, and returns the result of the wait; None or False until the wait
#: is over.
Check = Callable[[StatusDict], Steps[T | None]]

#: Seconds between checks of a monitor, which another thread may cancel.
_TICK = 0.1
#: The default limit of bluesky-queueserver-api, in seconds. None waits forever.
TIMEOUT = 600.0
#: Final states of an item.
ENDED = frozenset({"completed", "failed", "stopped", "aborted", "halted", "unknown", "removed"})
#: Status keys, of which at least one changes whenever the state of an item changes.
MOVES = ("plan_queue_uid", "plan_history_uid", "running_item_uid", "manager_state")


class WaitMonitor:
    """Watches a wait, and cancels it, from another thread.

    Examples
    --------
    >>> monitor = WaitMonitor()
    >>> timer = threading.Timer(10, monitor.cancel)
    >>> timer.start()
    >>> RM.wait_for_idle(monitor=monitor)  # raises WaitCancelError unless idle within 10 s
    >>> timer.cancel()
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self.time_start = time.time()
        self.timeout: float | None = None
        self.is_cancelled = False
        self._callbacks: list[Callable[[], object]] = []
        self._now = now
        self._started = now()

    @property
    def time_elapsed(self) -> float:
        """Seconds since the wait began."""
        return self._now() - self._started

    def set_timeout(self, timeout: float | None) -> None:
        """Set the time limit, in seconds from the start of the wait."""
        self.timeout = timeout

    def cancel(self) -> None:
        """Call the callbacks, then end the wait with `WaitCancelError`. A wait that starts later ends immediately."""
        if self.is_cancelled:
            return
        self.is_cancelled = True
        for callback in self._callbacks:
            callback()

    def add_cancel_callback(self, cancel_callback: Callable[[], object]) -> None:
        """Add a function that is called when the wait is canceled."""
        self._callbacks.append(cancel_callback)

    def start(self, timeout: float | None) -> None:
        """Start measuring the time. Every wait calls this.

        Raises
        ------
        WaitCancelError
            The monitor was canceled before the wait started.
        """
        if self.is_cancelled:
            raise WaitCancelError("The wait was canceled before it started")
        self.time_start = time.time()
        self._started = self._now()
        self.timeout = timeout

    def remaining(self, what: str) -> float:
        """Return the seconds until the next check of this monitor. ``what`` names the condition in messages.

        Raises
        ------
        WaitTimeoutError, WaitCancelError
            The wait is over.
        """
        if self.is_cancelled:
            raise WaitCancelError(f"The wait for {what} was canceled")
        if self.timeout is None:
            return _TICK
        if (left := self.timeout - self.time_elapsed) <= 0:
            raise WaitTimeoutError(f"Still waiting for {what} after {self.timeout:g} s")
        return min(left, _TICK)


def idle(status: StatusDict) -> bool:
    """Whether the manager is idle."""
    return status["manager_state"] == "idle"


def idle_or_paused(status: StatusDict) -> bool:
    """Whether the manager is idle or a plan is paused."""
    return status["manager_state"] in ("idle", "paused")


def idle_or_running(status: StatusDict) -> bool:
    """Whether the manager is idle or running the queue."""
    return status["manager_state"] in ("idle", "executing_queue")


def until(check: Check[T], what: str, monitor: WaitMonitor, following: Following) -> Steps[T]:
    """Wait until the check has a result, and return it.

    The client subscribes to the status before it starts these steps.

    Raises
    ------
    WaitTimeoutError, WaitCancelError
        The monitor ended the wait.
    RequestTimeoutError
        The service does not answer.
    """
    # The subscription begins before the first request for the status, so no change in between is missed.
    status: StatusDict | None = yield Send("status", {})
    known = _time(status)
    while True:
        # Checks may send requests too, while the service is restarting.
        if status and (result := (yield from following.patiently(check(status)))):
            return result
        status = yield from following.next_status(monitor.remaining(what))
        if status and _time(status) < known:
            # Published before the reply was made, but delivered later. (Or the service's clock was set back.)
            status = yield from following.patiently(reply_to(Send("status", {})))
            known = _time(status)


def _time(status: StatusDict | None) -> float:
    """The time of a status, in seconds by the service's clock."""
    return (status or {}).get("time") or 0.0


def fulfilled(condition: Condition) -> Check[bool]:
    """The check for a condition of the status."""

    def check(status: StatusDict) -> Steps[bool]:
        yield from ()  # no other requests
        return bool(condition(status))

    return check


def task_ended(task_uids: list[str], *, expired: bool) -> Check[dict[str, str]]:
    """The check for completed tasks, by uid; with ``expired``, tasks whose results have expired count too."""
    ends = ("completed", "not_found") if expired else ("completed",)

    def check(_status: StatusDict) -> Steps[dict[str, str]]:
        reply = yield Send("task_status", {"task_uid": task_uids})
        return {uid: status for uid, status in reply["status"].items() if status in ends}

    return check


def item_ended(item_uid: str) -> Check[dict[str, Any]]:
    """The check for an item that has run or has left the queue. It sends a request only after a change.

    It raises `NotFound` if the service does not know the item.
    """
    seen: list[Any] | None = None

    def check(status: StatusDict) -> Steps[dict[str, Any] | None]:
        nonlocal seen
        if (moves := [status.get(key) for key in MOVES]) == seen:
            return None
        item = yield from item_state(item_uid)
        seen = moves  # set only after the reply: if the service was restarting, the request is sent again
        if item["state"] == "not_found":
            raise NotFound(f"Item with UID {item_uid!r} is not in the queue, running or in the history")
        return item if item["state"] in ENDED else None

    return check


def item_state(item_uid: str) -> Steps[dict[str, Any]]:
    """Return the state of an item as `item_status` describes it.

    If the service has no ``item_status``, the state is derived from queue and history. An item counts as running until
    the service knows what comes next, because requests that change the state would be refused until then.
    """
    item = yield from _item_state(item_uid)
    if item["state"] in ENDED and is_settling((yield Send("status", {}))):
        return {"state": "running"}
    return item


def is_settling(status: StatusDict) -> bool:
    """Whether a plan has ended and the service has not yet decided on the next step. That takes a moment."""
    return status["manager_state"] == "executing_queue" and not status.get("running_item_uid")


def has_no_item_status(reply: Mapping[str, Any]) -> bool:
    """Whether this is the reply of a service that does not know ``item_status``."""
    return refused_because(UnknownMethod, reply)


def task_uid_list(task_uid: str | Iterable[str]) -> list[str]:
    """The uids of the tasks to wait for.

    Raises
    ------
    BadParams
        There are none.
    """
    uids = [task_uid] if isinstance(task_uid, str) else list(task_uid)
    if not uids:
        raise BadParams("There is no task to wait for: task_uid is empty")
    return uids


def _item_state(item_uid: str) -> Steps[dict[str, Any]]:
    try:
        reply = yield Send("item_status", {"item_uid": item_uid})
    except RequestFailedError as error:
        reply = cast("Any", error.response)
        if not has_no_item_status(reply):
            raise
    if not has_no_item_status(reply):
        return reply["status"]
    queue = yield Send("queue_get", {}, "plan_queue_uid")
    history = yield Send("history_get", {}, "plan_history_uid")
    return _state_in(item_uid, queue, history)


def _state_in(item_uid: str, queue: Mapping[str, Any], history: Mapping[str, Any]) -> dict[str, Any]:
    if queue["running_item"].get("item_uid") == item_uid:
        return {"state": "running"}
    if any(item["item_uid"] == item_uid for item in queue["items"]):
        return {"state": "queued"}
    for item in reversed(history["items"]):
        if item["item_uid"] == item_uid:
            return {"state": item["result"]["exit_status"], "result": item["result"]}
    return {"state": "not_found"}
