"""Marks the parts of this process's output that belong to an item or a task (see `ipc.item_marks`)."""

import contextlib
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, TextIO

from bluesky_qs.ipc.item_marks import Marks

_STDOUT = 1
#: Maximum number of kept streams. There is more than one only if user code replaces `sys.stdout`. The oldest is
#: dropped.
_STREAMS_KEPT = 100


class ItemOutput:
    """Writes the marks. Does nothing if the parent does not read marks."""

    def __init__(self, marks: Marks | None) -> None:
        self._marks = marks
        # User code may redirect standard output; marks always go to the original one.
        self._descriptor = -1 if self._marks is None else os.dup(_STDOUT)
        self._task = threading.local()
        self._lock = threading.Lock()
        self._tasks = 0
        self._divided: Divided | None = None
        # Python's `print` keeps no reference to the stream that it writes to, so a stream must outlive any prints that
        # have begun in other threads (https://github.com/python/cpython/issues/130163): without this, the worker
        # crashes.
        self._kept: deque[Divided] = deque(maxlen=_STREAMS_KEPT)

    @classmethod
    def of_process(cls) -> "ItemOutput":
        """Create the output of this process.

        The token is taken from the environment variables, to hide it from user code.
        """
        return cls(Marks.of_process())

    @property
    def task(self) -> str | None:
        """Return the background task that runs in this thread."""
        return getattr(self._task, "uid", None)

    def begin(self, uid: str, start: float | None = None) -> None:
        """Begin the output of this item. ``start`` is its start in epoch seconds."""
        if self._marks is not None:
            self._mark(self._marks.begin(uid, time.time() if start is None else start))

    def end(self, uid: str) -> None:
        """End the output of the item."""
        if self._marks is not None:
            self._mark(self._marks.end(uid))

    @contextlib.contextmanager
    def of_task(self, uid: str, *, background: bool) -> Iterator[None]:
        """Mark the output in this block as output of this task.

        For a background task, this applies only to this thread's output to `sys.stdout`.
        """
        self.begin_aside(uid) if background else self.begin(uid)
        try:
            yield
        finally:
            self.end_aside(uid) if background else self.end(uid)

    def begin_aside(self, uid: str) -> None:
        """Begin the output of this task: everything that this thread prints to `sys.stdout`."""
        if self._marks is None:
            return
        self._task.uid = uid
        self._write(self._marks.aside_begin(uid, time.time()))
        with self._lock:
            self._tasks += 1
            if self._divided is None:
                # Only during background tasks, because this makes each print a little slower.
                owner, name = _lowest()
                self._divided = self._divide(getattr(owner, name))
                setattr(owner, name, self._divided)

    def end_aside(self, uid: str) -> None:
        """End the output of the task in this thread."""
        if self._marks is None:
            return
        with self._lock:
            self._tasks -= 1
            if self._divided is not None:
                self._divided.flush()
                owner, name = _lowest()
                if self._tasks == 0 and getattr(owner, name) is self._divided:  # user code has not replaced it
                    setattr(owner, name, self._divided.stream)
                    self._divided = None
        self._task.uid = None
        self._write(self._marks.aside_end(uid))

    def _divide(self, stream: TextIO) -> "Divided":
        for divided in self._kept:
            if divided.stream is stream:
                return divided
        self._kept.append(Divided(stream, self))
        return self._kept[-1]

    def print_aside(self, text: str) -> None:
        """Print text of the background task in this thread."""
        uid = self.task
        if self._marks is not None and uid is not None:
            for piece in self._marks.aside(uid, text):
                self._write(piece)

    def _mark(self, mark: bytes) -> None:
        streams: list[Any] = [sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__]
        for stream in streams:
            with contextlib.suppress(Exception):  # user code's streams may raise anything
                # An IPython kernel's stream has already passed everything on to this stream, and its own `flush` takes
                # long.
                (getattr(stream, "echo", None) or stream).flush()
        self._write(mark)

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the supervisor is gone
            os.write(self._descriptor, data)


class Divided:
    """A stream that passes the output of background tasks to `ItemOutput`, line by line."""

    def __init__(self, stream: TextIO, output: ItemOutput) -> None:
        self.stream = stream
        self._output = output
        self._line = threading.local()

    def write(self, text: str) -> int:
        """Print text."""
        if self._output.task is None:
            return self.stream.write(text)
        lines, newline, rest = (getattr(self._line, "text", "") + str(text)).rpartition("\n")
        self._line.text = rest
        if newline:
            self._output.print_aside(lines + newline)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Print several strings."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Print incomplete lines."""
        if self._output.task is None:
            self.stream.flush()
        elif text := getattr(self._line, "text", ""):
            self._line.text = ""
            self._output.print_aside(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class TaskAwareHandler(logging.StreamHandler[TextIO]):
    """Writes the worker's log lines. Lines from a background task become part of the task's output."""

    def __init__(self, output: ItemOutput) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of this record."""
        if self._output.task is None:
            super().emit(record)
            return
        try:
            self._output.print_aside(self.format(record) + self.terminator)
        except (OSError, ValueError, TypeError):  # a line that cannot be formatted must not stop the worker
            self.handleError(record)


def _lowest() -> tuple[Any, str]:
    """Return the owner and the attribute name of the lowest stream.

    An IPython kernel's stream is above it and sends copies to consoles.
    """
    return (sys.stdout, "echo") if getattr(sys.stdout, "echo", None) is not None else (sys, "stdout")
