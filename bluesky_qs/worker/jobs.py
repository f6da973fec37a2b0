"""What the main thread is to do: jobs, one after the other, handed over by other threads."""

from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

#: None ends the worker.
Job = Callable[[], None] | None


class Meanwhile(Protocol):
    """To whom the main thread belongs while there is no job."""

    @property
    def in_cell(self) -> bool:
        """Whether code runs there that no job may interrupt, though it has given way for a moment."""
        ...

    def run(self) -> None:
        """Use the main thread; return after `wake`, or whenever."""
        ...

    def wake(self) -> None:
        """Let `run` return, now or when it is next called; any thread may call this."""
        ...

    def leave(self) -> None:
        """A job begins."""
        ...


class Jobs:
    """Any thread puts, the main thread takes."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Job] = SimpleQueue()
        self._meanwhile: Meanwhile | None = None

    def put(self, job: Job) -> None:
        """Hand a job over."""
        self._queue.put(job)
        if self._meanwhile is not None:
            self._meanwhile.wake()

    @property
    def waiting(self) -> bool:
        """Whether a job waits for the main thread."""
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
        """From now on the main thread is somebody else's while there is no job."""
        self._meanwhile = meanwhile
