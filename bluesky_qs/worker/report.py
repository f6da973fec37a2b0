"""What the worker has to say: its state, kept in one place, and the reports that wait for the link thread."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from bluesky_qs.ipc.link import ServerEnd
from bluesky_qs.ipc.messages import (
    Document,
    EnvironmentState,
    Lists,
    Progress,
    RunsChanged,
    RunState,
    StateChanged,
    WorkerSnapshot,
    WorkerState,
)

#: Seconds between two reports of progress: nobody sees more, and a plan may have thousands of events a second.
PROGRESS_PERIOD = 0.05
#: Documents that may wait for the link thread. Beyond it events are left out: a plan is never slowed by who watches it.
DOCUMENTS_WAITING = 5000


class Reports:
    """The worker's state and its outgoing reports. Any thread may report; the link thread sends.

    The link thread polls `wakeup` together with its socket and calls `send`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = WorkerState(EnvironmentState.INITIALIZING)
        self._lists: Lists | None = None
        self._runs: list[RunState] = []
        self._tasks: dict[str, tuple[float, bool]] = {}
        self._waiting: deque[tuple[msgspec.Struct, bool]] = deque()
        self._documents = 0
        self._progress: Progress | None = None
        self._progress_due = 0.0
        self._awake = False
        #: File descriptor that is readable when there is something to send.
        self.wakeup, self._waker = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(self._waker, False)

    # ------------------------------------------------------------------------------------------------ any thread
    @property
    def state(self) -> WorkerState:
        """The worker's state now."""
        return self._state

    def update(self, **changes: Any) -> None:
        """Change the state; reported only if it differs."""
        with self._lock:
            self._change(changes)

    def finish(self, report: Callable[[WorkerState], msgspec.Struct], **changes: Any) -> None:
        """Change the state and report it as a part of a report: one message in place of two."""
        with self._lock:
            self._state = msgspec.structs.replace(self._state, **changes)
            self._progress_due = 0.0  # what was held back goes out before the end
            self._put(report(self._state))

    def push(self, report: msgspec.Struct, *, keep: bool = True) -> None:
        """Report; without ``keep`` it is lost if nobody listens."""
        with self._lock:
            self._put(report, keep=keep)

    def document(self, document: Document) -> None:
        """Report a document of the running plan."""
        with self._lock:
            if document.name != "event" or self._documents < DOCUMENTS_WAITING:
                self._documents += 1
                self._put(document, keep=False)

    def progress(self, progress: Progress) -> None:
        """Report progress of the running plan, the latest one every `PROGRESS_PERIOD`."""
        with self._lock:
            self._progress = progress
            self._wake()

    def runs(self, runs: list[RunState]) -> None:
        """Report the runs of the current plan."""
        with self._lock:
            self._runs = runs
            self._put(RunsChanged(runs))

    def forget_runs(self) -> None:
        """There is no current plan any more."""
        if self._runs:
            self.runs([])

    def lists(self, lists: Lists) -> bool:
        """Note the lists of plans and devices; True if they differ from those before. Does not report."""
        with self._lock:
            differ = lists != self._lists
            self._lists = lists
            return differ

    def task_started(self, task_uid: str, *, background: bool) -> float:
        """Note that a task was accepted; returns its start, epoch seconds."""
        with self._lock:
            start = time.time()
            self._tasks[task_uid] = (start, background)
            changes: dict[str, Any] = {"background_tasks": self._background_tasks()}
            if not background:
                changes["environment"] = EnvironmentState.EXECUTING_TASK
            self._change(changes)
            return start

    def task_finished(self, task_uid: str, report: Callable[[WorkerState], msgspec.Struct]) -> None:
        """Note that a task ended, and report it."""
        with self._lock:
            _, background = self._tasks.pop(task_uid)
            changes: dict[str, Any] = {"background_tasks": self._background_tasks()}
            if not background:
                changes["environment"] = EnvironmentState.IDLE
            self._state = msgspec.structs.replace(self._state, **changes)
            self._put(report(self._state))

    def snapshot(self) -> WorkerSnapshot:
        """All that a manager needs that attaches now."""
        with self._lock:
            return WorkerSnapshot(self._state, self._lists, list(self._runs), dict(self._tasks))

    def wake(self) -> None:
        """Let the link thread look around, without a report."""
        with self._lock:
            self._wake()

    # ----------------------------------------------------------------------------------------------- link thread
    def send(self, server: ServerEnd) -> float | None:
        """Push everything that waits; returns the seconds after which to call again at the latest, or None."""
        with self._lock:
            if self._awake:
                os.read(self.wakeup, 64)
                self._awake = False
            waiting, self._waiting = self._waiting, deque()
            self._documents = 0
            now = time.monotonic()
            progress = self._progress if now >= self._progress_due else None
            if progress is not None:
                self._progress, self._progress_due = None, now + PROGRESS_PERIOD
            delay = None if self._progress is None else self._progress_due - now
        # Progress goes first: after the report of the plan's end it would speak of a plan that is gone.
        if progress is not None:
            server.push(progress, keep=False)
        for report, keep in waiting:
            server.push(report, keep=keep)
        return delay

    # ------------------------------------------------------------------------------------------- under the lock
    def _change(self, changes: dict[str, Any]) -> None:
        state = msgspec.structs.replace(self._state, **changes)
        if state != self._state:
            self._state = state
            self._put(StateChanged(state))

    def _put(self, report: msgspec.Struct, *, keep: bool = True) -> None:
        # Of several states in a row nobody needs but the last; the same for runs.
        if self._waiting and type(report) in (StateChanged, RunsChanged) and type(self._waiting[-1][0]) is type(report):
            self._waiting.pop()
        self._waiting.append((report, keep))
        self._wake()

    def _wake(self) -> None:
        if not self._awake:
            self._awake = True
            os.write(self._waker, b"\0")

    def _background_tasks(self) -> int:
        return sum(background for _, background in self._tasks.values())
