"""The pipes from which the console is read: one of the manager and the supervisor, and one of each worker."""

import codecs
import os
from collections.abc import Callable
from secrets import token_hex

from bluesky_qs.ipc.item_marks import Begin, End, MarkReader, Printed
from bluesky_qs.supervisor.item_logs import ItemLogs


class Pipe:
    """The reading end of a pipe.

    Attributes
    ----------
    reader
        Its file descriptor.
    is_open
        False when no process can write into it any longer.
    """

    def __init__(self, reader: int) -> None:
        os.set_blocking(reader, False)
        self.reader = reader
        self.is_open = True
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self, size: int) -> bytes:
        """Read what was printed, at most this many bytes; nothing if there is nothing."""
        try:
            data = os.read(self.reader, size)
        except BlockingIOError:
            return b""
        self.is_open = bool(data)
        return data

    def understood(self, data: bytes, when: float) -> tuple[bytes, str]:  # noqa: ARG002 - workers need the time
        """What these bytes show, also as text; read at this time (epoch seconds)."""
        return data, self._decoder.decode(data)

    def end(self) -> tuple[bytes, str]:
        """What is still incomplete when nothing follows."""
        return b"", self._decoder.decode(b"", final=True)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.reader)


class WorkerPipe(Pipe):
    """The pipe of a worker, which marks in it where the output of its items begins and ends."""

    def __init__(self, reader: int, token: str, logs: ItemLogs) -> None:
        super().__init__(reader)
        self._marks = MarkReader(token)
        self._logs = logs

    def understood(self, data: bytes, when: float) -> tuple[bytes, str]:
        shown: list[bytes] = []
        texts: list[str] = []
        for part in self._marks.read(data):
            match part:
                case Begin(uid, start):
                    self._logs.begin(uid, start)
                case End(uid):
                    self._logs.end(uid)
                case Printed(uid, printed, whole):
                    text = printed.decode(errors="replace") if whole else self._decoder.decode(printed)
                    shown.append(printed)
                    texts.append(text)
                    if uid is not None:
                        self._logs.add(uid, text, when)
        return b"".join(shown), "".join(texts)

    def end(self) -> tuple[bytes, str]:
        rest = self._marks.rest()
        text = self._decoder.decode(rest, final=True)
        for uid in self._marks.uids:  # the worker was killed
            self._logs.end(uid)
        return rest, text


class WorkerOutput:
    """The writing end of a worker's pipe, for its process.

    Attributes
    ----------
    writer
        File descriptor. Close it when the process has been started.
    token
        What the worker needs for its marks.
    """

    def __init__(self, logs: ItemLogs, enlarge: Callable[[int], bool]) -> None:
        reader, self.writer = os.pipe()
        enlarge(self.writer)
        self.token = token_hex(8)
        self.pipe = WorkerPipe(reader, self.token, logs)
