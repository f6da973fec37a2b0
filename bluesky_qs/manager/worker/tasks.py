"""Keeps track of tasks (scripts and functions that the worker runs) and their results."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from bluesky_qs.api.values import TaskState
from bluesky_qs.ipc.reports import TaskEnded
from bluesky_qs.ipc.states import EnvironmentState, WorkerState
from bluesky_qs.manager.loop.clock import Clock
from bluesky_qs.wire.codec import Encoded, json_text


class TaskRecords:
    """Running tasks and the results of completed ones. Results expire.

    Parameters
    ----------
    retention
        Seconds for which the result of a completed task is kept.
    foreground_ended
        Called when the foreground task has ended or been refused, but not when its worker is lost.

    Attributes
    ----------
    foreground
        Uid of the task in the worker's main thread.
    """

    def __init__(
        self,
        retention: float,
        clock: Clock,
        changed: Callable[[], None],
        *,
        foreground_ended: Callable[[], None],
    ) -> None:
        self._retention = retention
        self._clock = clock
        self._changed = changed
        self._foreground_ended = foreground_ended
        self.foreground: str | None = None
        self._running: dict[str, dict[str, Any]] = {}
        self._completed: dict[str, tuple[float, bytes]] = {}  # in the order they ended
        self.uid = str(uuid4())

    @property
    def background(self) -> int:
        """Number of tasks that run in background threads, including those that the worker has yet to accept."""
        return sum(task["run_in_background"] for task in self._running.values())

    def started(self, task_uid: str, time_start: float, *, background: bool) -> None:
        """Record the start of a task."""
        self._running[task_uid] = {
            "task_uid": task_uid,
            "time_start": time_start,
            "run_in_background": background,
        }
        if not background:
            self.foreground = task_uid
        self._changed()

    def refused(self, task_uid: str) -> None:
        """Remove a task that the worker refused."""
        self._running.pop(task_uid, None)
        self._release(task_uid)
        self._changed()

    def ended(self, report: TaskEnded) -> None:
        """Record the result of a task that has just ended. A repeated report changes nothing."""
        self.found(report, age=0.0)
        self._release(report.task_uid)

    def found(self, report: TaskEnded, *, age: float) -> None:
        """Record the result of a task that ended ``age`` seconds ago, perhaps under an earlier manager."""
        if report.task_uid in self._completed:
            return
        self._running.pop(report.task_uid, None)
        result = {
            "task_uid": report.task_uid,
            "success": report.success,
            "msg": report.message,
            "traceback": report.traceback,
            "time_start": report.time_start,
            "time_stop": report.time_stop,
        }
        text = json_text(result)[:-1] + b', "return_value": ' + report.return_value + b"}"
        self._completed[report.task_uid] = (self._clock.monotonic() + self._retention - age, text)
        self._drop_expired()
        self.uid = str(uuid4())
        self._changed()

    def lost(self, reason: str) -> None:
        """Record all running tasks as failed because the worker is gone."""
        self.foreground = None
        now = self._clock.time()
        for uid, task in list(self._running.items()):
            state = WorkerState(EnvironmentState.CLOSED)
            self.ended(TaskEnded(uid, False, reason, "", b"null", task["time_start"], now, state))

    def status(self, task_uid: str) -> TaskState:
        """Return ``running``, ``completed`` or ``not_found``."""
        self._drop_expired()
        if task_uid in self._running:
            return "running"
        return "completed" if task_uid in self._completed else "not_found"

    def result(self, task_uid: str) -> Any:
        """Return the task's data for the reply to `task_result`; empty if there is no such task."""
        self._drop_expired()
        if task_uid in self._running:
            return self._running[task_uid]
        if task_uid in self._completed:
            return Encoded(self._completed[task_uid][1])
        return {}

    def _release(self, task_uid: str) -> None:
        if self.foreground == task_uid:
            self.foreground = None
            self._foreground_ended()

    def _drop_expired(self) -> None:
        now = self._clock.monotonic()
        while self._completed:
            oldest = next(iter(self._completed))
            if self._completed[oldest][0] > now:
                return
            del self._completed[oldest]
