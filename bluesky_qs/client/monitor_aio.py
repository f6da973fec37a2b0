"""Published messages, collected by the asyncio client: console output, status, documents."""

# ruff: noqa: ASYNC109 - a monitor takes the same parameters as its blocking twin

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from bluesky_qs.client.documents import Subscribers
from bluesky_qs.client.failures import RequestTimeoutError
from bluesky_qs.client.following import SILENCE
from bluesky_qs.client.monitor import Screen
from bluesky_qs.client.transport import RESUMED, AsyncFeed
from bluesky_qs.wire.info import CONSOLE, DOCUMENT, INFO

Subscribe = Callable[[bytes], AsyncFeed]


class Monitor:
    """Collects messages of one topic after `enable`; if there are too many, the oldest are dropped."""

    topic = INFO

    def __init__(self, subscribe: Subscribe, *, max_messages: int = 10_000) -> None:
        self._subscribe = subscribe
        self._messages: deque[dict[str, Any]] = deque(maxlen=max_messages)
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def enabled(self) -> bool:
        """Whether messages are collected."""
        return self._task is not None and not self._task.done()

    def enable(self) -> None:
        """Collect messages from now on, in the running loop."""
        if not self.enabled:
            self._task = asyncio.get_running_loop().create_task(self._collect())

    def disable(self) -> None:
        """Stop collecting soon. Collected messages are kept."""
        if self._task is not None:
            self._task.cancel()

    async def disable_wait(self, timeout: float | None = None) -> None:
        """Stop collecting, and return when that is done or after ``timeout`` seconds."""
        self.disable()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout)
            self._task = None

    def clear(self) -> None:
        """Discard the collected messages."""
        self._messages.clear()

    async def next_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """Take the oldest message; if there is none, wait up to ``timeout`` seconds for one (None: do not wait).

        Raises
        ------
        RequestTimeoutError
            No message arrived in time.
        """
        try:
            async with asyncio.timeout(timeout or 0):
                while not self._messages:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise RequestTimeoutError(f"No message within {timeout or 0} s") from None
        return self._messages.popleft()

    def on_message(self, message: dict[str, Any]) -> None:
        """Called for each message as it arrives."""

    async def _collect(self) -> None:
        async with self._subscribe(self.topic) as feed:
            while True:
                message = await feed.next(SILENCE)
                if message is not None and message.topic != RESUMED:
                    self._messages.append(message.payload)
                    self.on_message(message.payload)
                    self._arrived.set()


class ConsoleMonitor(Monitor):
    """Console output of the service: messages ``{"time": …, "msg": text, "seq": n}``, and the text."""

    topic = CONSOLE

    def __init__(self, subscribe: Subscribe, *, max_messages: int = 10_000, max_lines: int = 1000) -> None:
        super().__init__(subscribe, max_messages=max_messages)
        self._screen = Screen(max_lines)
        #: Changes whenever the text changes.
        self.text_uid = str(uuid.uuid4())

    @property
    def text_max_lines(self) -> int:
        """The number of lines of text that are kept."""
        return self._screen.max_lines

    @text_max_lines.setter
    def text_max_lines(self, max_lines: int) -> None:
        self._screen = self._screen.resized(max_lines)

    async def text(self, nlines: int | None = None) -> str:
        """Return the last ``nlines`` lines (None: all that are kept) as a terminal would show them."""
        return self._screen.text(nlines)

    def clear(self) -> None:
        """Discard the messages and the text."""
        super().clear()
        self._screen = Screen(self._screen.max_lines)
        self.text_uid = str(uuid.uuid4())

    def on_message(self, message: dict[str, Any]) -> None:
        """Add the message to the text."""
        self._screen.write(message["msg"])
        self.text_uid = str(uuid.uuid4())


class DocumentMonitor(Subscribers, Monitor):
    """Documents of running plans as they are published: ``{"time": …, "item_uid": …, "name": …, "doc": {…}}``."""

    topic = DOCUMENT

    def enable(self) -> None:
        """Collect documents from now on, in the running loop."""
        Monitor.enable(self)

    def disable(self) -> None:
        """Stop collecting soon. Collected documents are kept."""
        Monitor.disable(self)

    def on_message(self, message: dict[str, Any]) -> None:
        """Hand the document to the callbacks."""
        self.hand_over(message)
