"""The wait methods of the blocking client. `wait` makes the decisions; this module sends requests and listens."""

from collections.abc import Iterable
from typing import Any, TypeVar

from bluesky_qs.client.info import Source, StatusFeed
from bluesky_qs.client.wait import (
    TIMEOUT,
    Check,
    Condition,
    WaitMonitor,
    fulfilled,
    idle,
    idle_or_paused,
    idle_or_running,
    item_ended,
    task_ended,
    task_uid_list,
    until,
)

T = TypeVar("T")


class Waiting(Source):
    """The wait methods of a blocking client."""

    def wait_for_idle(
        self,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until the manager is idle.

        ``timeout`` is in seconds; None waits forever. Ctrl-C stops the wait, never the plan.

        Raises
        ------
        WaitTimeoutError
            The manager was not idle in time.
        WaitCancelError
            ``monitor`` was canceled.
        """
        _wait(self, fulfilled(idle), "the manager to be idle", timeout, monitor)

    def wait_for_idle_or_paused(
        self,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until the manager is idle or a plan is paused. For parameters and errors, see `wait_for_idle`."""
        _wait(self, fulfilled(idle_or_paused), "the manager to be idle or paused", timeout, monitor)

    def wait_for_idle_or_running(
        self,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until the manager is idle or running the queue. For parameters and errors, see `wait_for_idle`."""
        _wait(self, fulfilled(idle_or_running), "the manager to be idle or running", timeout, monitor)

    def wait_for_condition(
        self,
        condition: Condition,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until ``condition(status)`` is true. For parameters and errors, see `wait_for_idle`."""
        _wait(self, fulfilled(condition), "the condition", timeout, monitor)

    def wait_for_completed_task(
        self,
        task_uid: str | Iterable[str],
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
        treat_not_found_as_completed: bool = True,
    ) -> dict[str, str]:
        """Wait until a task, or one of several, is completed; return the status of the completed tasks, by uid.

        Results expire after a while. An expired task is ``not_found``; it counts as completed unless
        ``treat_not_found_as_completed`` is false. For the other parameters and errors, see `wait_for_idle`.
        """
        uids = task_uid_list(task_uid)
        check = task_ended(uids, expired=treat_not_found_as_completed)
        return _wait(self, check, f"task {', '.join(uids)}", timeout, monitor)

    def wait_for_item(
        self,
        item_uid: str,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> dict[str, Any]:
        """Wait until an item has run or has been removed from the queue; return its ``status`` from `item_status`.

        ``state`` is ``completed``, ``failed``, ``stopped``, ``aborted``, ``halted``, ``unknown`` or ``removed``.
        An item that has run has a ``result``. For the other parameters and errors, see `wait_for_idle`.

        Raises
        ------
        NotFound
            The service does not know the item.
        """
        return _wait(self, item_ended(item_uid), f"item {item_uid}", timeout, monitor)


def _wait(client: Source, check: Check[T], what: str, timeout: float | None, monitor: WaitMonitor | None) -> T:
    monitor = monitor or WaitMonitor()
    monitor.start(timeout)
    with StatusFeed(client) as feed:
        return feed.run(until(check, what, monitor, feed.following))
