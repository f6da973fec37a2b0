"""Writes the logs of items and tasks in a separate thread, because a full or slow disk must not delay anything."""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bluesky_qs.store.item_logs import LogFile, LogFolder

_log = logging.getLogger(__name__)

#: Seconds for which output is collected, so that there are fewer and longer messages.
_PERIOD = 0.1
#: Maximum number of characters in a message, and maximum number waiting for the disk. Further characters are not kept.
_LONGEST, _MOST_WAITING = 64 * 1024, 16 * 1024 * 1024

Step = Callable[[], None]


class _Open:
    """A log that is being written, and the output that waits to be written."""

    def __init__(self, file: LogFile) -> None:
        self.file = file
        self.text: list[str] = []
        self.length = 0
        #: When the first part of the text was printed (epoch seconds), and when to write it (monotonic).
        self.since = 0.0
        self.due = 0.0


class ItemLogs:
    """The logs of this service. All methods return immediately; the thread does their work in order.

    Parameters
    ----------
    limit
        Maximum size of all logs in bytes; with 0, no logs are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._place: Path | None = None
        self._folder: LogFolder | None = None
        self._open: dict[str, _Open] = {}
        self._steps: deque[Step] = deque()
        self._waiting = 0
        self._missed: set[str] = set()
        self._failure = ""
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopping = False

    @property
    def failure(self) -> str:
        """Why the last output could not be written; empty if it was written."""
        return self._failure

    def use(self, folder: Path) -> None:
        """Keep the logs in this state folder."""
        if self._limit <= 0 or self._place == folder:
            return
        self._place = folder
        self._do(partial(self._use, folder))

    def begin(self, uid: str, start: float) -> None:
        """Begin the log of an item; ``start`` is in epoch seconds."""
        self._do(partial(self._begin, uid, start))

    def add(self, uid: str, text: str, when: float) -> None:
        """Add output of an item that was printed at this time (epoch seconds)."""
        if self._waiting > _MOST_WAITING:
            self._missed.add(uid)
            return
        self._waiting += len(text)
        self._do(partial(self._add, uid, text, when))

    def end(self, uid: str) -> None:
        """End the log of an item."""
        self._do(partial(self._end, uid))

    def drop(self, before: float) -> None:
        """Remove the logs of items that started before this time (epoch seconds)."""
        self._do(partial(self._drop, before))

    def find(self, uid: str, reply: Callable[[str | None], None]) -> None:
        """Call ``reply`` with the path of an item's log when it contains all output; with None if there is no log."""
        if self._place is None:
            reply(None)
        else:
            self._do(lambda: reply(self._find(uid)))

    def stop(self, timeout: float) -> None:
        """Write the waiting output for at most this many seconds."""
        if self._thread is None:
            return
        with self._condition:
            self._is_stopping = True
            self._condition.notify()
        self._thread.join(timeout)

    # ---------------------------------------------------------------------------------------------------- the thread
    def _do(self, step: Step) -> None:
        if self._place is None:
            return
        with self._condition:
            self._steps.append(step)
            if self._thread is None:
                # A daemon thread: a disk that hangs must not keep the service from ending.
                self._thread = threading.Thread(target=self._run, name="item-logs", daemon=True)
                self._thread.start()
            self._condition.notify()

    def _run(self) -> None:
        while True:
            with self._condition:
                if not self._steps and not self._is_stopping:
                    self._condition.wait(self._seconds_left())
                steps, self._steps = self._steps, deque()
            for step in steps:
                self._try(step)
            now = time.monotonic()
            for log in self._open.values():
                if log.text and log.due <= now:
                    self._try(partial(self._write, log))
            if self._is_stopping and not self._steps:
                for uid in list(self._open):
                    self._try(partial(self._end, uid))
                return

    def _seconds_left(self) -> float | None:
        """Return the seconds until some output must be written; None if there is no output."""
        due = min((log.due for log in self._open.values() if log.text), default=None)
        return None if due is None else max(due - time.monotonic(), 0.0)

    def _try(self, step: Step) -> None:
        try:
            step()
        except OSError as error:
            if str(error) != self._failure:
                _log.warning(
                    "Output could not be written to the log of its plan or task: %s. "
                    "The queue and the plans are not affected",
                    error,
                )
            self._failure = str(error)

    def _use(self, folder: Path) -> None:
        self._folder = LogFolder(folder, self._limit)

    def _begin(self, uid: str, start: float) -> None:
        if self._folder is not None:
            self._end(uid)
            log = self._open[uid] = _Open(self._folder.log(uid, start))
            log.file.begin()

    def _add(self, uid: str, text: str, when: float) -> None:
        self._waiting -= len(text)
        if (log := self._open.get(uid)) is None:
            return
        if uid in self._missed:
            self._missed.discard(uid)
            self._write(log)
            log.file.miss()
        if not log.text:
            log.since, log.due = when, time.monotonic() + _PERIOD
        log.text.append(text)
        log.length += len(text)
        if log.length >= _LONGEST:
            self._write(log)

    def _write(self, log: _Open) -> None:
        if not log.text:
            return
        text, log.text, log.length = "".join(log.text), [], 0
        before = log.file.size
        log.file.add(text, log.since)
        self._failure = ""
        if self._folder is not None:
            self._folder.grown(log.file, before)

    def _end(self, uid: str) -> None:
        if (log := self._open.pop(uid, None)) is not None:
            with contextlib.ExitStack() as finally_:
                finally_.callback(log.file.end)
                self._write(log)

    def _drop(self, before: float) -> None:
        if self._folder is not None:
            self._folder.drop(before)

    def _find(self, uid: str) -> str | None:
        if (log := self._open.get(uid)) is not None:
            self._try(partial(self._write, log))
        path = None if self._folder is None else self._folder.find(uid)
        return None if path is None else str(path)
