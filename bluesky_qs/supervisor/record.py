"""Console output as numbered messages, split at line ends. The latest messages are kept."""

import itertools
import threading
from collections import deque

import msgspec

from bluesky_qs.ipc.supervision import ConsolePage
from bluesky_qs.supervisor.pace import Pace
from bluesky_qs.wire.info import ConsoleMessage, console_payload

#: Average number of seconds per message. A subscriber's queue holds 1000 messages, and a plan can print that many lines
#: in a moment.
PERIOD = 0.010
#: Number of messages that are sent without delay after a pause. After that, all output within a period becomes one
#: message.
BURST = 50
#: Approximate number of characters in a message. This amount is published without waiting.
SIZE = 64 * 1024
#: Bytes of messages that are kept for later requests.
KEPT = 4 * 1024 * 1024


class Batcher:
    """Turns text into messages: each line immediately, unless there are too many. The caller passes the time."""

    def __init__(self) -> None:
        self._text = ""
        self._due: float | None = None
        self._pace = Pace(PERIOD, BURST)

    @property
    def due(self) -> float | None:
        """Time of the next message; None if there is no output."""
        return self._due

    def add(self, text: str, now: float) -> None:
        """Add output. An unfinished line waits for one period, because the rest of it usually follows immediately."""
        if not text:
            return
        self._text += text
        due = max(self._pace.next, now if _has_end(text) else now + PERIOD)
        self._due = due if self._due is None else min(self._due, due)

    def take(self, now: float, *, everything: bool = False) -> str:
        """Return the text of the next message; empty if it is not due yet."""
        if not everything and (self._due is None or (now < self._due and len(self._text) < SIZE)):
            return ""
        end = len(self._text)
        if not everything:
            # Text without a line end has waited long enough, or is too long.
            end = max(self._text.rfind("\n"), self._text.rfind("\r")) + 1 or end
        taken, self._text = self._text[:end], self._text[end:]
        if taken:
            self._pace.count(now)
        self._due = max(self._pace.next, now + PERIOD) if self._text else None
        return taken


def _has_end(text: str) -> bool:
    return "\n" in text or "\r" in text


class Record:
    """The latest messages. Threads may share it."""

    def __init__(self, kept: int = KEPT) -> None:
        self._limit = kept
        self._lock = threading.Lock()
        self._messages: deque[bytes] = deque()
        self._size = 0
        self._last = 0

    def add(self, text: str, when: float) -> ConsoleMessage:
        """Number a message and keep it. Drop the oldest messages. ``when`` is in epoch seconds."""
        with self._lock:
            self._last += 1
            message = ConsoleMessage(when, text, self._last)
            self._messages.append(console_payload(message))
            self._size += len(self._messages[-1])
            while self._size > self._limit and len(self._messages) > 1:
                self._size -= len(self._messages.popleft())
        return message

    def page(self, since: int | None, limit: int) -> ConsolePage:
        """Return at most ``limit`` messages after number ``since``, or the latest messages."""
        with self._lock:
            count = len(self._messages)
            begin = count - limit if since is None else count - (self._last - since)
            begin = min(max(begin, 0), count)
            return ConsolePage(list(itertools.islice(self._messages, begin, begin + max(limit, 0))), self._last)

    def text(self, limit: int = 4096) -> str:
        """Return the latest text, at most ``limit`` characters."""
        with self._lock:
            messages = [msgspec.json.decode(message, type=ConsoleMessage).msg for message in self._messages]
        return "".join(messages)[-limit:]
