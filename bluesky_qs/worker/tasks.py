"""Runs tasks (scripts, functions, updates of the lists) in the main thread or in background threads."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from bluesky_qs.errors import WrongState
from bluesky_qs.ipc.reports import TaskEnded
from bluesky_qs.worker.output import ItemOutput
from bluesky_qs.worker.report import Reports
from bluesky_qs.worker.returned import value_of_task
from bluesky_qs.worker.trace import sentence, traceback_text

log = logging.getLogger(__name__)


class TaskRunner:
    """Accepts tasks in the link thread, runs each one in the right thread, and reports its end.

    Parameters
    ----------
    in_main_thread
        Passes a job to the main thread.
    """

    def __init__(
        self, reports: Reports, in_main_thread: Callable[[Callable[[], None]], None], output: ItemOutput
    ) -> None:
        self._reports = reports
        self._output = output
        self._in_main_thread = in_main_thread
        self._accepted: set[str] = set()

    def start(self, task_uid: str, what: str, work: Callable[[], Any], *, background: bool) -> None:
        """Accept a task, run ``work`` and report its value in a `TaskEnded`.

        Raises
        ------
        WrongState
            A task with this uid was accepted before.
        """
        if task_uid in self._accepted:
            raise WrongState(f"The worker already has the task {task_uid!r}")
        self._accepted.add(task_uid)
        start = self._reports.task_started(task_uid, background=background)

        def job() -> None:
            self._run(task_uid, what, work, start, background=background)

        if background:
            # A daemon thread: the process does not wait for it when the environment is closed.
            threading.Thread(target=job, name=f"task {task_uid}", daemon=True).start()
        else:
            self._in_main_thread(job)

    def _run(self, task_uid: str, what: str, work: Callable[[], Any], start: float, *, background: bool) -> None:
        message = trace = ""
        return_value = b"null"
        log.info("Starting the task %s: %s", task_uid, what)
        with self._output.of_task(task_uid, background=background):
            try:
                return_value = value_of_task(work())
            except BaseException as error:  # noqa: BLE001 - the process boundary: user code may raise anything
                message = sentence(error)
                trace = traceback_text(error) or message  # the service's own errors have no user code frames
                log.error("The task %s failed: %s\n%s", task_uid, message, trace)  # noqa: TRY400 - the user's frames only
        if not message:
            log.info("The task %s is completed", task_uid)
        self._reports.task_finished(
            task_uid,
            lambda state: TaskEnded(
                task_uid=task_uid,
                success=not message,
                message=message,
                traceback=trace,
                return_value=return_value,
                time_start=start,
                time_stop=time.time(),
                state=state,
            ),
        )
