"""The worker in use, and the spare worker."""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence

from bluesky_qs.errors import WorkerError, WrongState
from bluesky_qs.ipc import last_words
from bluesky_qs.ipc.runtime import RuntimeDir
from bluesky_qs.ipc.supervision import WorkerEnded, WorkerProcess
from bluesky_qs.supervisor.child import Child

_log = logging.getLogger(__name__)

#: Seconds from the start of the service, and from the start of a worker, to the start of the spare worker. The spare
#: worker must not take processor time from the user's request.
SPARE_DELAY = 0.5
SPARE_DELAY_AFTER_WORKER = 1.5
#: Seconds that a worker has to end by itself before it is killed.
GRACE = 0.5

Command = Callable[[str], Sequence[str]]


class _Worker:
    def __init__(self, child: Child, address: str) -> None:
        self.child = child
        self.process = WorkerProcess(child.pid, address)
        self.packages = _packages()

    def clear(self) -> None:
        """Remove the files that a killed process leaves behind."""
        RuntimeDir.of_link(self.process.address).clear(self.process.address)


class Workers:
    """Starts, provides and kills worker processes.

    Parameters
    ----------
    spawn
        Function that starts a child from a command line.
    command
        Function that returns a worker's command line, given the address of its link.
    keep_spare
        Whether to keep a spare worker.
    """

    def __init__(
        self, rundir: RuntimeDir, spawn: Callable[[Sequence[str]], Child], command: Command, *, keep_spare: bool
    ) -> None:
        self._rundir = rundir
        self._spawn = spawn
        self._command = command
        self._keep_spare = keep_spare
        self._number = 0
        self._current: _Worker | None = None
        self._spare: _Worker | None = None
        #: Time to start a spare worker (monotonic); None for never.
        self.spare_due: float | None = None
        #: How the last worker in use ended, until the next one is started.
        self.ended: WorkerEnded | None = None

    @property
    def current(self) -> WorkerProcess | None:
        """The worker in use."""
        return self._current.process if self._current else None

    def start(self, now: float) -> WorkerProcess:
        """Provide the spare worker or a new one.

        Raises
        ------
        WrongState
            A worker is in use.
        """
        if self._current is not None:
            raise WrongState(f"A worker process is already running (pid {self._current.process.pid})")
        worker = self._take_spare() or self._new()
        self._current, self.ended = worker, None
        self.plan_spare(now + SPARE_DELAY_AFTER_WORKER)
        return worker.process

    def kill(self) -> None:
        """Kill the worker in use.

        Raises
        ------
        WorkerError
            No worker is in use.
        """
        if self._current is None:
            raise WorkerError("No worker process is running")
        self._current.child.kill()

    def plan_spare(self, when: float) -> None:
        """Start a spare worker at this time, unless spare workers are switched off."""
        if self._keep_spare and self._spare is None:
            self.spare_due = when

    def tick(self, now: float) -> None:
        """Start the spare worker if it is due."""
        if self.spare_due is not None and now >= self.spare_due:
            self.spare_due = None
            self._spare = self._new()

    def reap(self, now: float) -> WorkerEnded | None:
        """Return how the worker in use ended. Each end is returned only once."""
        if self._spare and (exit_ := self._spare.child.poll()):
            _log.warning("The spare worker process ended unexpectedly (%s)", exit_.how)
            self._spare.clear()
            self._spare = None  # not replaced before the next worker starts: the reason why it ended may persist
        if self._current is None or (exit_ := self._current.child.poll()) is None:
            return None
        process = self._current.process
        self.ended = WorkerEnded(process.pid, exit_.code, exit_.how, last_words.read(process.address))
        self._current.clear()
        self._current = None
        if self.spare_due is not None:  # people who close an environment often open the next one
            self.spare_due = now
        return self.ended

    def end(self) -> None:
        """End all workers. The worker in use is first asked to end."""
        self.spare_due = None
        if self._spare:
            self._spare.child.kill()
            self._spare.child.wait(GRACE)
        if self._current:
            self._current.child.terminate()
            self._current.child.wait(GRACE)
            self._current.child.kill()
            self._current.child.wait(GRACE)

    def _new(self) -> _Worker:
        self._number += 1
        address = self._rundir.worker_link(self._number)
        return _Worker(self._spawn(self._command(address)), address)

    def _take_spare(self) -> _Worker | None:
        worker, self._spare = self._spare, None
        if worker is None or worker.child.poll() is not None:
            return None
        if worker.packages != _packages():
            _log.info("Installed packages have changed: starting a new worker process")
            worker.child.kill()
            worker.child.wait(GRACE)
            worker.clear()
            return None
        return worker


def _packages() -> dict[str, int]:
    """Return a value that changes with the installed packages, because a spare worker has imported the old ones."""
    times: dict[str, int] = {}
    for folder in sys.path:
        if not folder.endswith("-packages"):  # the current folder may be on the path, and it changes all the time
            continue
        with contextlib.suppress(OSError):
            times[folder] = os.stat(folder).st_mtime_ns  # noqa: PTH116 - sys.path has text
    return times
