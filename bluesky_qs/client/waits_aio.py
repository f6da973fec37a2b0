"""The wait methods of the asyncio client. `wait` makes the decisions; this module sends requests and listens."""

# ruff: noqa: ASYNC109 - a wait takes the same parameters as its blocking counterpart

from collections.abc import Iterable
from typing import Any, TypeVar

from bluesky_qs.client.info_aio import AsyncSource, AsyncStatusFeed
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


class Waiting(AsyncSource):
    """The wait methods of an asyncio client."""

    async def wait_for_idle(
        self,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until the manager is idle.

        ``timeout`` is in seconds; None waits forever. Canceling the task stops the wait, never the plan.

        Raises
        ------
        WaitTimeoutError
            The manager was not idle in time.
        WaitCancelError
            ``monitor`` was canceled.
        """
        await _wait(self, fulfilled(idle), "the manager to be idle", timeout, monitor)

    async def wait_for_idle_or_paused(
        self,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until the manager is idle or a plan is paused. For parameters and errors, see `wait_for_idle`."""
        await _wait(self, fulfilled(idle_or_paused), "the manager to be idle or paused", timeout, monitor)

    async def wait_for_idle_or_running(
        self,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until the manager is idle or running the queue. For parameters and errors, see `wait_for_idle`."""
        await _wait(self, fulfilled(idle_or_running), "the manager to be idle or running", timeout, monitor)

    async def wait_for_condition(
        self,
        condition: Condition,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until ``condition(status)`` is true. For parameters and errors, see `wait_for_idle`."""
        await _wait(self, fulfilled(condition), "the condition", timeout, monitor)

    async def wait_for_completed_task(
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
        return await _wait(self, check, f"task {', '.join(uids)}", timeout, monitor)

    async def wait_for_item(
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
        return await _wait(self, item_ended(item_uid), f"item {item_uid}", timeout, monitor)


async def _wait(
    client: AsyncSource, check: Check[T], what: str, timeout: float | None, monitor: WaitMonitor | None
) -> T:
    monitor = monitor or WaitMonitor()
    monitor.start(timeout)
    async with AsyncStatusFeed(client) as feed:
        return await feed.run(until(check, what, monitor, feed.following))
