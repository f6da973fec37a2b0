"""The pipes for console output: one for the manager, the supervisor and the door, and one for each worker."""

import codecs
import os
from collections import deque
from collections.abc import Callable, Iterator
from secrets import token_hex

from bluesky_qs.ipc.item_marks import Begin, MarkReader, Marks, OutputEnd, Printed, Sent
from bluesky_qs.supervisor.item_logs import ItemLogs

#: Maximum number of items that the manager has sent and the worker has not started. There is at most one unless a
#: worker is lost.
_SENT_KEPT = 10


class Pipe:
    """The reading end of a pipe.

    Attributes
    ----------
    reader
        Its file descriptor.
    is_open
        Whether any process can still write to the pipe.
    """

    def __init__(self, reader: int) -> None:
        os.set_blocking(reader, False)
        self.reader = reader
        self.is_open = True
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self, size: int) -> bytes:
        """Read at most this many bytes of output; empty if there is none."""
        try:
            data = os.read(self.reader, size)
        except BlockingIOError:
            return b""
        self.is_open = bool(data)
        return data

    def understood(self, data: bytes, when: float) -> Iterator[tuple[bytes, str]]:  # noqa: ARG002 - workers need the time
        """Yield the pieces of output in these bytes, which were read at this time (epoch seconds).

        Show each piece before you take the next one.
        """
        yield data, self._decoder.decode(data)

    def end(self) -> tuple[bytes, str]:
        """Return the incomplete rest when no more output follows."""
        return b"", self._decoder.decode(b"", final=True)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.reader)


class ManagerPipe(Pipe):
    """The pipe for the manager, the supervisor and the door.

    The manager writes a mark when it sends an item to a worker.

    Attributes
    ----------
    token
        The token for the manager's marks.
    """

    def __init__(self, reader: int) -> None:
        super().__init__(reader)
        self.token = token_hex(8)
        self._writer = Marks(self.token)
        self._marks = MarkReader(self.token)
        self._sent: deque[str] = deque(maxlen=_SENT_KEPT)
        self._held = b""

    def read(self, size: int) -> bytes:
        held, self._held = self._held, b""
        return held or super().read(size)

    def read_until_sent(self, uid: str, size: int) -> bytes:
        """Read the output from before the manager sent this item, if it has not been read yet.

        The next `read` returns the output after that. ``size`` is the number of bytes in a full pipe.
        """
        if uid in self._sent:
            self._sent.remove(uid)
            return b""
        data = self._held + super().read(size)
        mark = self._writer.sent(uid)
        found = data.find(mark)
        end = 0 if found < 0 else found + len(mark)
        self._held = data[end:]
        return data[:end]

    def understood(self, data: bytes, when: float) -> Iterator[tuple[bytes, str]]:
        for part in self._marks.read(data):
            match part:
                case Sent(uid):
                    self._sent.append(uid)
                case Printed(_, printed):
                    yield from super().understood(printed, when)
                case _:  # a worker's marks, which the manager never writes
                    pass


class WorkerPipe(Pipe):
    """The pipe for a worker, which writes marks where the output of its items begins and ends.

    ``before_item`` is called with an item's uid before the output of the item is shown.
    """

    def __init__(self, reader: int, token: str, logs: ItemLogs, before_item: Callable[[str], None]) -> None:
        super().__init__(reader)
        self._marks = MarkReader(token)
        self._logs = logs
        self._before_item = before_item

    def understood(self, data: bytes, when: float) -> Iterator[tuple[bytes, str]]:
        shown: list[bytes] = []
        texts: list[str] = []
        for part in self._marks.read(data):
            match part:
                case Begin(uid, start):
                    yield b"".join(shown), "".join(texts)
                    shown, texts = [], []
                    self._before_item(uid)
                    self._logs.begin(uid, start)
                case OutputEnd(uid):
                    self._logs.end(uid)
                case Printed(uid, printed, whole):
                    text = printed.decode(errors="replace") if whole else self._decoder.decode(printed)
                    shown.append(printed)
                    texts.append(text)
                    if uid is not None:
                        self._logs.add(uid, text, when)
                case Sent():  # one of the manager's marks
                    pass
        yield b"".join(shown), "".join(texts)

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
        The token for the worker's marks.
    """

    def __init__(self, logs: ItemLogs, enlarge: Callable[[int], bool], before_item: Callable[[str], None]) -> None:
        reader, self.writer = os.pipe()
        enlarge(self.writer)
        self.token = token_hex(8)
        self.pipe = WorkerPipe(reader, self.token, logs, before_item)
