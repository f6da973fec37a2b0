"""Output to the terminal and to the log file, without waiting for them."""

import contextlib
import os
import select
import threading
from collections import deque
from collections.abc import Callable

from bluesky_qs.supervisor.log_file import LogFile

#: Bytes kept for a terminal that does not accept output; further output is omitted.
LIMIT = 4 * 1024 * 1024
_CHUNK = 64 * 1024


class OutputWriter:
    """A thread that writes as fast as it can. ``send`` writes some bytes and returns how many."""

    def __init__(self, send: Callable[[memoryview], int], name: str, limit: int = LIMIT) -> None:
        self._send = send
        self._name = name
        self._limit = limit
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._left_out = 0
        self._broken = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Queue output.

        If too much output is already waiting, omit this output. Later, a note gives the number of omitted bytes.
        """
        with self._changed:
            if self._broken:
                return
            # After the first omission, everything is omitted until there is room again, so that there is one gap
            # instead of many.
            if self._left_out or self._size + len(data) > self._limit:
                self._left_out += len(data)
                return
            self._append(data)
            self._changed.notify()

    def close(self, timeout: float) -> None:
        """Wait until everything is written, at most ``timeout`` seconds."""
        with self._changed:
            self._closing = True
            self._note_gap()
            self._changed.notify()
        self._thread.join(timeout)

    def _note_gap(self) -> None:
        if self._left_out:
            reason = f"because the {self._name} was too slow"
            text = f"\n[{self._left_out} bytes of console output were omitted here, {reason}]\n"
            self._append(text.encode())
            self._left_out = 0

    def _append(self, data: bytes) -> None:
        self._waiting.append(data)
        self._size += len(data)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # the terminal has closed; the service continues without it
            while data := self._next():
                self._write(data)
        with self._changed:
            self._broken = True
            self._waiting.clear()

    def _next(self) -> bytes:
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else b""

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = self._send(view[:_CHUNK])
            view = view[written:]
            with self._changed:
                self._size -= written
                if self._size <= self._limit // 2:
                    self._note_gap()


class TerminalWriter(OutputWriter):
    """Writes to a terminal, or to the file or pipe in its place."""

    def __init__(self, fd: int, limit: int = LIMIT) -> None:
        self._fd = fd
        self.is_terminal = os.isatty(fd)
        super().__init__(self._send_to_terminal, "terminal", limit)

    def _send_to_terminal(self, data: memoryview) -> int:
        while True:
            try:
                return os.write(self._fd, data)
            except BlockingIOError:  # another process made the terminal non-blocking
                select.select([], [self._fd], [])


class FileWriter(OutputWriter):
    """Writes to the log file."""

    def __init__(self, file: LogFile, limit: int = LIMIT) -> None:
        self._file = file
        super().__init__(file.write, "log file", limit)

    def close(self, timeout: float) -> None:
        super().close(timeout)
        if not self._thread.is_alive():
            self._file.close()
