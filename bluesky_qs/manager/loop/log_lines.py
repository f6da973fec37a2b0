"""The manager's log. All lines of one turn of the event loop are written together, to save system calls."""

import asyncio
import logging
import select
from typing import TextIO

from bluesky_qs.ipc.item_marks import Marks

#: The key in ``extra`` for the uid of an item, in the log line about its start.
SENDS = "sends_item"


class TurnHandler(logging.Handler):
    """Writes a warning or an error immediately, with the lines before it, and other lines at the end of the turn.

    Outside the event loop it writes every line immediately. A line about the start of an item is written immediately,
    too, with a mark of `ipc.item_marks` after it: the worker may print at once.
    """

    def __init__(self, stream: TextIO, marks: Marks | None = None) -> None:
        super().__init__()
        self._stream = stream
        self._marks = marks
        self._records: list[logging.LogRecord] = []
        self._flush_is_due = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep this record, and write its line now or soon."""
        try:
            # Now, because the arguments may change. The rest of the line waits until the reply has left.
            record.msg, record.args = record.getMessage(), None
            self._records.append(record)
            if record.levelno >= logging.WARNING or hasattr(record, SENDS) or not self._flush_soon():
                self.flush()
        except (OSError, ValueError, TypeError):  # a line that cannot be formatted or written must not stop the manager
            self.handleError(record)

    def flush(self) -> None:
        """Write all lines that are waiting."""
        self.acquire()
        try:
            records, self._records = self._records, []
            for text in _pieces([self._line(record) for record in records]):
                self._stream.write(text)
                self._stream.flush()
        finally:
            self.release()

    def _line(self, record: logging.LogRecord) -> str:
        sent: str | None = getattr(record, SENDS, None)
        mark = "" if sent is None or self._marks is None else self._marks.sent(sent).decode()
        return f"{self.format(record)}\n{mark}"

    def _flush_soon(self) -> bool:
        """Make sure that the lines are written at the end of this turn. Return False outside the event loop."""
        if not self._flush_is_due:
            try:
                asyncio.get_running_loop().call_soon(self._end_of_turn)
            except RuntimeError:
                return False
            self._flush_is_due = True
        return True

    def _end_of_turn(self) -> None:
        self._flush_is_due = False
        self.flush()


def _pieces(lines: list[str]) -> list[str]:
    """Return the lines in pieces small enough for one write to a pipe: no other process can print inside a piece."""
    pieces: list[str] = []
    for line in lines:
        if pieces and len((pieces[-1] + line).encode(errors="replace")) <= select.PIPE_BUF:
            pieces[-1] += line
        else:
            pieces.append(line)
    return pieces
