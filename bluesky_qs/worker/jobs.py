"""Jobs for the main thread, which runs them one after the other. Other threads add them."""

from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

#: None ends the worker.
Job = Callable[[], None] | None


class Meanwhile(Protocol):
    """A user of the main thread while there is no job."""

    @property
    def in_cell(self) -> bool:
        """Whether code is running that no job may interrupt, even while it awaits something."""
        ...

    def run(self) -> None:
        """Use the main thread. Return after `wake`, or at any other time."""
        ...

    def wake(self) -> None:
        """Make `run` return, now or the next time it is called. Any thread may call this."""
        ...

    def leave(self) -> None:
        """Prepare for a job that is about to start."""
        ...


class Jobs:
    """A queue of jobs. Any thread may add a job; the main thread takes the jobs."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Job] = SimpleQueue()
        self._meanwhile: Meanwhile | None = None

    def put(self, job: Job) -> None:
        """Add a job."""
        self._queue.put(job)
        if self._meanwhile is not None:
            self._meanwhile.wake()

    @property
    def waiting(self) -> bool:
        """Whether a job is waiting for the main thread."""
        return not self._queue.empty()

    def take(self) -> Job:
        """Wait for the next job."""
        meanwhile = self._meanwhile
        if meanwhile is not None:
            while self._queue.empty() or meanwhile.in_cell:
                meanwhile.run()
            meanwhile.leave()
        return self._queue.get()

    def lend(self, meanwhile: Meanwhile) -> None:
        """Let ``meanwhile`` use the main thread whenever there is no job."""
        self._meanwhile = meanwhile
