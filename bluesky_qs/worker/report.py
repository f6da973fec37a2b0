"""The worker's state, kept in one place, and the reports that are waiting for the link thread."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from bluesky_qs.ipc.commands import WorkerSnapshot
from bluesky_qs.ipc.link import ServerEnd
from bluesky_qs.ipc.reports import (
    DevicesRead,
    DocumentReport,
    DryRunEnded,
    InfoReport,
    PlanTimes,
    ProgressReport,
    Pulse,
    RunsChanged,
    StateChanged,
    TaskEnded,
)
from bluesky_qs.ipc.states import EncodedLists, EnvironmentState, RunState, WorkerState
from bluesky_qs.worker.kept_documents import KeptDocuments

log = logging.getLogger(__name__)

#: Seconds between two messages with documents and progress. In between, the link thread sleeps, because waking it for
#: each event would slow the plan down.
PERIOD = 0.05
#: Maximum number of documents that wait for the link thread. Further events are dropped, so that watching never slows a
#: plan down.
DOCUMENTS_WAITING = 5000
#: Maximum number of task results to keep for a restarted manager, and maximum number of bytes of returned values.
FINISHED_KEPT = 1000
FINISHED_SIZE_KEPT = 16 * 1024 * 1024
#: Number of dry runs to remember for a restarted manager.
_DRY_RUNS_KEPT = 100
#: Reports that are of no use to another manager, or that are kept separately.
_NOT_KEPT = (DocumentReport, DevicesRead, DryRunEnded, InfoReport, PlanTimes)


class Reports:
    """The worker's state and its outgoing reports. Any thread may report; the link thread sends.

    The link thread polls `wakeup` together with its socket and calls `send`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = WorkerState(EnvironmentState.INITIALIZING)
        self._doing = EnvironmentState.INITIALIZING
        self._reserved = False
        self._connection = b"{}"
        self._lists: EncodedLists | None = None
        self._runs: list[RunState] = []
        self._tasks: dict[str, tuple[float, bool]] = {}
        self._finished: deque[TaskEnded] = deque()
        self._finished_size = 0
        self._dry_runs: dict[str, float] = {}
        self._waiting: deque[msgspec.Struct] = deque()
        #: Only the link thread uses this.
        self._documents = KeptDocuments()
        self._progress: ProgressReport | None = None
        self._pulse: Pulse | None = None
        self._due = 0.0
        self._urgent = False
        self._expected = False
        self._awake = False
        #: The report about the opening of the environment (JSON).
        self.opening = b"{}"
        #: A file descriptor that is readable when there is something to send.
        self.wakeup, self._waker = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(self._waker, False)

    # ------------------------------------------------------------------------------------------------ any thread
    @property
    def state(self) -> WorkerState:
        """The current state of the worker."""
        return self._state

    def update(self, **changes: Any) -> None:
        """Change the state. Report it if it differs."""
        with self._lock:
            self._change(changes)

    def finish(self, report: Callable[[WorkerState], msgspec.Struct], **changes: Any) -> None:
        """Change the state and report it as part of another report, so that there is one message instead of two."""
        with self._lock:
            self._state = self._changed(changes)
            self._put(report(self._state))

    def kernel(self, connection: bytes) -> None:
        """Let an IPython kernel use the main thread whenever it is free."""
        with self._lock:
            self._connection = connection
            self._change({})

    @property
    def connection(self) -> bytes:
        """The connection data for clients of the kernel (JSON)."""
        return self._connection

    def reserve(self, *, reserved: bool) -> None:
        """Record that code from a console started or ended in the main thread."""
        with self._lock:
            self._reserved = reserved
            self._change({})

    def push(self, report: msgspec.Struct) -> None:
        """Report immediately."""
        with self._lock:
            self._put(report)

    def document(self, document: DocumentReport) -> None:
        """Report a document of the running plan, within `PERIOD`. It is kept until `forget_documents`."""
        with self._lock:
            if document.name != "event" or len(self._waiting) < DOCUMENTS_WAITING:
                self._waiting.append(document)
                self._expect()

    def info(self, messages: list[bytes]) -> None:
        """Report messages for the topic ``QS_Info``. They are dropped like documents."""
        with self._lock:
            if len(self._waiting) < DOCUMENTS_WAITING:
                self._waiting.append(InfoReport(messages))
                self._expect()

    def progress(self, progress: ProgressReport) -> None:
        """Report the running plan's progress, at most once every `PERIOD`. It is dropped if no manager is attached."""
        with self._lock:
            self._progress = progress
            self._expect()

    def pulse(self, pulse: Pulse) -> None:
        """Report that the worker's threads are running. It is dropped if no manager is attached."""
        with self._lock:
            self._pulse = pulse
            self._expect()

    def runs(self, runs: list[RunState]) -> None:
        """Report the runs of the current plan."""
        with self._lock:
            self._runs = runs
            self._put(RunsChanged(runs))

    def forget_runs(self) -> None:
        """Forget the runs, because the plan has ended."""
        if self._runs:
            self.runs([])

    def lists(self, lists: EncodedLists) -> bool:
        """Store the lists of plans and devices without a report. Return True if they changed."""
        with self._lock:
            differ = lists != self._lists
            self._lists = lists
            return differ

    def task_started(self, task_uid: str, *, background: bool) -> float:
        """Record that a task was accepted; return its start time in epoch seconds."""
        with self._lock:
            start = time.time()
            self._tasks[task_uid] = (start, background)
            if not background:
                self._change({"environment": EnvironmentState.EXECUTING_TASK})
            return start

    def task_finished(self, task_uid: str, report: Callable[[WorkerState], TaskEnded]) -> None:
        """Record that a task ended, and report it."""
        with self._lock:
            _, background = self._tasks.pop(task_uid)
            if not background:
                self._state = self._changed({"environment": EnvironmentState.IDLE})
            done = report(self._state)
            self._remember(done)
            self._put(done)

    def dry_run_started(self, task_uid: str) -> None:
        """Record that a dry run was accepted as a task of the manager, in case this manager ends."""
        with self._lock:
            self._dry_runs[task_uid] = time.time()
            if len(self._dry_runs) > _DRY_RUNS_KEPT:
                del self._dry_runs[next(iter(self._dry_runs))]

    def snapshot(self) -> WorkerSnapshot:
        """Return everything that a manager needs when it attaches."""
        with self._lock:
            tasks = dict(self._tasks)
            return WorkerSnapshot(
                self._state,
                self._lists,
                list(self._runs),
                tasks,
                self._connection,
                self.opening,
                finished_tasks=list(self._finished),
                dry_run_tasks=dict(self._dry_runs),
            )

    def wake(self) -> None:
        """Wake the link thread without a report."""
        with self._lock:
            self._wake()

    # ----------------------------------------------------------------------------------------------- link thread
    def send(self, server: ServerEnd) -> float | None:
        """Send everything that is waiting. Return the seconds after which to call again, or None."""
        with self._lock:
            if self._awake:
                os.read(self.wakeup, 64)
                self._awake = False
            if not self._waiting and self._progress is None and self._pulse is None:
                return None
            now = time.monotonic()
            if not self._urgent and now < self._due:
                return self._due - now
            self._urgent = self._expected = False
            self._due = now + PERIOD
            passing = [report for report in (self._pulse, self._progress) if report is not None]
            self._pulse = self._progress = None
            waiting, self._waiting = self._waiting, deque()
        # Progress goes first: after the report of the plan's end, it would not belong to any plan.
        for report in passing:
            server.push(report, keep=False)
        for report in waiting:
            try:
                server.push(report, keep=not isinstance(report, _NOT_KEPT))
                if isinstance(report, DocumentReport):
                    self._documents.add(report)
            except Exception:  # the process boundary: a report that cannot be encoded must not block the others
                log.exception("Could not send a report: %r", report)
        return None

    def forget_documents(self, item_uid: str, number: int) -> None:
        """Forget documents that are stored, up to this one."""
        self._documents.forget(item_uid, number)

    def documents(self) -> list[DocumentReport]:
        """Return the documents that were sent but are not yet stored."""
        return self._documents.rest()

    # ------------------------------------------------------------------------------------------- under the lock
    def _changed(self, changes: dict[str, Any]) -> WorkerState:
        """Return the state with these changes."""
        self._doing = changes.pop("environment", self._doing)
        has_kernel = self._connection != b"{}"
        return self._state.changed(changes, doing=self._doing, is_reserved=self._reserved, has_kernel=has_kernel)

    def _change(self, changes: dict[str, Any]) -> None:
        state = self._changed(changes)
        if state != self._state:
            self._state = state
            self._put(StateChanged(state))

    def _put(self, report: msgspec.Struct) -> None:
        # Of several states in a row, only the last one matters. The same applies to runs.
        if self._waiting and type(report) in (StateChanged, RunsChanged) and type(self._waiting[-1]) is type(report):
            self._waiting.pop()
        self._waiting.append(report)
        self._urgent = True
        self._wake()

    def _expect(self) -> None:
        """Wake the link thread, unless it will check for reports soon anyway."""
        if not self._expected:
            self._expected = True
            self._wake()

    def _wake(self) -> None:
        if not self._awake:
            self._awake = True
            os.write(self._waker, b"\0")

    def _remember(self, done: TaskEnded) -> None:
        self._finished.append(done)
        self._finished_size += len(done.return_value)
        while len(self._finished) > 1 and (
            len(self._finished) > FINISHED_KEPT or self._finished_size > FINISHED_SIZE_KEPT
        ):
            self._finished_size -= len(self._finished.popleft().return_value)
