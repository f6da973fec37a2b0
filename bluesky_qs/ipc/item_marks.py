"""Marks in a worker's output: where the output of each item and task begins and ends.

The manager has a pipe of its own. Its output has a mark after the line about the start of an item, so that the reader
of both pipes can show that line before the item's output.

A mark is ``RS token kind uid US``, with control characters at both ends and a random token, so output from user code is
never mistaken for a mark. It is written in one piece and is shorter than ``PIPE_BUF``, so no other output gets into it.
"""

import os
import re
import select
from collections.abc import Iterator
from typing import NamedTuple

#: The variable in which the supervisor gives a child its token. Without it, the child writes no marks.
VARIABLE = "_QSERVER_OUTPUT_MARKS"

#: A background task also has marks for its beginning and its end, and around each piece of its output.
_BEGIN, _END, _TASK_BEGIN, _TASK_END, _ASIDE, _ASIDE_END = b"b", b"e", b"B", b"E", b"(", b")"
#: The manager is about to send an item to the worker.
_SENT = b"s"
_START, _STOP = b"\x1e", b"\x1f"
#: UTF-8 bytes that do not start a character.
_WITHIN_CHARACTER = range(0x80, 0xC0)
#: The longest uid in a mark. The service's own uids have 36 characters.
_LONGEST_UID = 200


class Begin(NamedTuple):
    """The output of an item begins; ``time`` is in epoch seconds."""

    uid: str
    time: float


class Sent(NamedTuple):
    """The manager sends this item to the worker."""

    uid: str


class OutputEnd(NamedTuple):
    """The output of an item has ended."""

    uid: str


class Printed(NamedTuple):
    """Output of an item; ``uid`` is None for output outside of items.

    ``whole`` is true if it does not continue earlier output, because a background task printed it.
    """

    uid: str | None
    data: bytes
    whole: bool = False


Part = Sent | Begin | OutputEnd | Printed


class Marks:
    """Writes marks for one process."""

    def __init__(self, token: str) -> None:
        self._lead = _START + token.encode()

    @classmethod
    def of_process(cls) -> "Marks | None":
        """The marks of this process. The token is removed from the environment variables, to hide it from user code."""
        token = os.environ.pop(VARIABLE, None)
        return None if token is None else cls(token)

    def sent(self, uid: str) -> bytes:
        """The mark after the manager's line about the start of an item."""
        return self._mark(_SENT, uid)

    def begin(self, uid: str, time: float) -> bytes:
        """The mark before the output of an item or task; ``time`` is in epoch seconds."""
        return self._mark(_BEGIN, f"{time:.6f} {uid}")

    def end(self, uid: str) -> bytes:
        """The mark after the output of an item or task."""
        return self._mark(_END, uid)

    def aside_begin(self, uid: str, time: float) -> bytes:
        """The mark for the beginning of a background task."""
        return self._mark(_TASK_BEGIN, f"{time:.6f} {uid}")

    def aside_end(self, uid: str) -> bytes:
        """The mark for the end of a background task."""
        return self._mark(_TASK_END, uid)

    def aside(self, uid: str, text: str) -> list[bytes]:
        """Return a background task's output, in pieces small enough for one write to a pipe."""
        first, last = self._mark(_ASIDE, uid), self._mark(_ASIDE_END, "")
        room = select.PIPE_BUF - len(first) - len(last)
        data = text.encode(errors="backslashreplace")
        return [first + piece + last for piece in _pieces(data, room)]

    def _mark(self, kind: bytes, text: str) -> bytes:
        cleaned = text.encode(errors="replace").replace(_START, b"?").replace(_STOP, b"?")
        return self._lead + kind + cleaned[: _LONGEST_UID + 30] + _STOP


class MarkReader:
    """Finds the marks in the output of one process, which arrives in pieces of any length."""

    def __init__(self, token: str) -> None:
        self._lead = _START + token.encode()
        self._mark = re.compile(re.escape(self._lead) + rb"([beBE()s])([^\x1f]*)\x1f", re.DOTALL)
        self._rest = b""
        self._uid: str | None = None
        self._aside: str | None = None
        self._uids: set[str] = set()

    @property
    def uids(self) -> list[str]:
        """The uids of the items and tasks whose output has begun and not ended."""
        return list(self._uids)

    def read(self, data: bytes) -> Iterator[Part]:
        """Yield the parts of this output. An incomplete mark at its end is kept for the next call."""
        data, self._rest = self._rest + data, b""
        at = 0
        while (found := data.find(_START, at)) >= 0:
            mark = self._mark.match(data, found)
            if mark is None and self._may_become_a_mark(data[found:]):
                break
            end = mark.end() if mark else found + 1
            if mark is None:
                found = end
            if at < found:
                yield self._printed(data[at:found])
            if mark is not None and (part := self._marked(mark[1], mark[2].decode(errors="replace"))) is not None:
                yield part
            at = end
        stop = found if found >= 0 else len(data)
        if at < stop:
            yield self._printed(data[at:stop])
        self._rest = data[stop:]

    def rest(self) -> bytes:
        """Return output that looked like the beginning of a mark but is not, because nothing follows it."""
        rest, self._rest = self._rest, b""
        return rest

    def _printed(self, data: bytes) -> Printed:
        return Printed(self._uid, data) if self._aside is None else Printed(self._aside, data, whole=True)

    def _marked(self, kind: bytes, text: str) -> Part | None:
        if kind in (_ASIDE, _ASIDE_END):
            self._aside = text or None
            return None
        if kind == _SENT:
            return Sent(text)
        if kind in (_END, _TASK_END):
            self._uids.discard(text)
            if self._uid == text:
                self._uid = None
            return OutputEnd(text)
        time, _, uid = text.partition(" ")
        self._uids.add(uid)
        if kind == _BEGIN:
            self._uid = uid
        return Begin(uid, float(time))

    def _may_become_a_mark(self, data: bytes) -> bool:
        beginning = data[: len(self._lead)]
        return self._lead.startswith(beginning) and _STOP not in data and len(data) < select.PIPE_BUF


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    """Yield pieces of at most ``size`` bytes, cut at line ends if possible, otherwise between characters."""
    at = 0
    while len(data) - at > size:
        stop = data.rfind(b"\n", at, at + size) + 1
        if stop <= at:
            stop = at + size
            while stop > at + 1 and data[stop] in _WITHIN_CHARACTER:
                stop -= 1
        yield data[at:stop]
        at = stop
    if at < len(data):
        yield data[at:]
