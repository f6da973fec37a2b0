"""Published messages, collected in the background: console output and the status."""

import threading
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from bluesky_qs.client.failures import RequestTimeoutError
from bluesky_qs.client.transport import RESUMED, Feed
from bluesky_qs.wire.info import CONSOLE, INFO

#: Seconds between checks whether the monitor was disabled.
_TICK = 0.1
_CURSOR_UP = "\x1b[A"

Subscribe = Callable[[bytes], Feed]


class Monitor:
    """Collects messages of one topic after `enable`; if there are too many, the oldest are dropped.

    There is no subscription and no thread before `enable`.
    """

    topic = b""

    def __init__(self, subscribe: Subscribe, *, max_messages: int = 10_000) -> None:
        self._subscribe = subscribe
        self._arrived = threading.Condition()
        self._messages: deque[dict[str, Any]] = deque(maxlen=max_messages)
        self._thread: threading.Thread | None = None
        self._end = threading.Event()

    @property
    def enabled(self) -> bool:
        """Whether messages are collected."""
        return self._thread is not None and not self._end.is_set()

    def enable(self) -> None:
        """Collect messages from now on."""
        if self.enabled:
            return
        self.disable_wait()
        self._end = threading.Event()
        feed = self._subscribe(self.topic)  # here, so that this call raises the error for a wrong address
        if feed.refusal is not None:
            feed.close()
            raise feed.refusal
        arguments = (feed, self._end)
        self._thread = threading.Thread(target=self._collect, args=arguments, daemon=True, name=type(self).__name__)
        self._thread.start()

    def disable(self) -> None:
        """Stop collecting soon. Collected messages are kept."""
        self._end.set()

    def disable_wait(self, timeout: float | None = None) -> None:
        """Stop collecting, and return when that is done."""
        self._end.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(timeout)

    def clear(self) -> None:
        """Discard the collected messages."""
        with self._arrived:
            self._messages.clear()

    def next_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """Take the oldest message; if there is none, wait up to ``timeout`` seconds for one (None: do not wait).

        Raises
        ------
        RequestTimeoutError
            No message arrived in time.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._messages, timeout or 0):
                raise RequestTimeoutError(f"No message within {timeout or 0} s")
            return self._messages.popleft()

    def on_message(self, message: dict[str, Any]) -> None:
        """Called for each message as it arrives, in the monitor's thread, while the messages are locked."""

    def after_message(self, message: dict[str, Any]) -> None:
        """Called for each message after it is stored, in the monitor's thread."""

    def _collect(self, feed: Feed, end: threading.Event) -> None:
        with feed:
            while not end.is_set():
                message = feed.next(_TICK)
                if message is None or message.topic == RESUMED:
                    continue
                with self._arrived:
                    self._messages.append(message.payload)
                    self.on_message(message.payload)
                    self._arrived.notify_all()
                self.after_message(message.payload)


class StatusMonitor(Monitor):
    """The status, each time it is published: ``{"time": …, "msg": {"status": {…}}}``."""

    topic = INFO


class ConsoleMonitor(Monitor):
    """Console output of the service: messages ``{"time": …, "msg": text, "seq": n}``, and the text."""

    topic = CONSOLE

    def __init__(self, subscribe: Subscribe, *, max_messages: int = 10_000, max_lines: int = 1000) -> None:
        super().__init__(subscribe, max_messages=max_messages)
        self._screen = Screen(max_lines)
        self._text_uid = str(uuid.uuid4())

    @property
    def text_uid(self) -> str:
        """Changes whenever the text changes."""
        return self._text_uid

    @property
    def text_max_lines(self) -> int:
        """The number of lines of text that are kept."""
        return self._screen.max_lines

    @text_max_lines.setter
    def text_max_lines(self, max_lines: int) -> None:
        with self._arrived:
            self._screen = self._screen.resized(max_lines)

    def text(self, nlines: int | None = None) -> str:
        """Return the last ``nlines`` lines (None: all that are kept) as a terminal would show them."""
        with self._arrived:
            return self._screen.text(nlines)

    def clear(self) -> None:
        """Discard the messages and the text."""
        super().clear()
        with self._arrived:
            self._screen = Screen(self._screen.max_lines)
            self._text_uid = str(uuid.uuid4())

    def on_message(self, message: dict[str, Any]) -> None:
        """Add the message to the text."""
        self._screen.write(message["msg"])
        self._text_uid = str(uuid.uuid4())


class Screen:
    """Text as a terminal shows it.

    For example, a progress bar moves the cursor back or up and overwrites earlier text.
    """

    def __init__(self, max_lines: int) -> None:
        self.max_lines = max_lines
        self._lines: deque[str] = deque([""], maxlen=max_lines + 1)  # one more, for the line that has no text yet
        self._up = 0
        self._column = 0

    def write(self, text: str) -> None:
        """Write text at the cursor."""
        for number, piece in enumerate(text.split("\n")):
            if number:
                self._down()
            for part_number, part in enumerate(piece.split("\r")):
                if part_number:
                    self._column = 0
                for step_number, step in enumerate(part.split(_CURSOR_UP)):
                    if step_number:
                        self._up = min(self._up + 1, len(self._lines) - 1)
                    self._put(step)

    def text(self, nlines: int | None = None) -> str:
        """Return the last lines. The text ends with a newline only if the last line is complete."""
        if nlines is not None and nlines <= 0:
            return ""
        lines = list(self._lines)
        shown = nlines if nlines is not None else self.max_lines
        return "\n".join(lines[-(shown + 1) :] if lines[-1] == "" else lines[-shown:])

    def resized(self, max_lines: int) -> "Screen":
        """Return the same text on a screen with a different height."""
        screen = Screen(max_lines)
        screen.write("\n".join(self._lines))
        return screen

    def _down(self) -> None:
        self._column = 0
        if self._up:
            self._up -= 1
        else:
            self._lines.append("")

    def _put(self, text: str) -> None:
        if not text:
            return
        row = len(self._lines) - 1 - self._up
        line = self._lines[row].ljust(self._column)
        self._lines[row] = line[: self._column] + text + line[self._column + len(text) :]
        self._column += len(text)
