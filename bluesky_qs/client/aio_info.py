"""The info channel as an asyncio client uses it: messages, the status in spite of silence, waits, monitors."""

# ruff: noqa: ASYNC109 - a wait takes the same parameters as its blocking twin

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import zmq
import zmq.asyncio

from bluesky_qs.client.documents import Subscribers
from bluesky_qs.client.failures import RequestFailedError, RequestTimeoutError
from bluesky_qs.client.info import GONE, POLL, SILENCE, subscribed
from bluesky_qs.client.monitor import Screen
from bluesky_qs.client.settings import Settings
from bluesky_qs.client.wait import (
    ENDED,
    MOVES,
    TIMEOUT,
    Condition,
    WaitMonitor,
    ended_tasks,
    has_no_item_status,
    idle,
    idle_or_paused,
    idle_or_running,
    is_settling,
    place,
    task_uids,
    unknown_item,
)
from bluesky_qs.wire.codec import DecodeError, Encoding, decode
from bluesky_qs.wire.info import CONSOLE, DOCUMENT, INFO

if TYPE_CHECKING:
    from bluesky_qs.client.aio import REManagerAPI

T = TypeVar("T")


class InfoSocket:
    """A subscription to topics of the info channel."""

    def __init__(self, settings: Settings, *topics: bytes) -> None:
        self._encoding: Encoding = settings.encoding
        self._context = zmq.asyncio.Context()
        self._socket = subscribed(self._context, settings, topics)

    async def next(self, timeout: float) -> Any:
        """The payload of the next message; None if none came in ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) >= 0 and await self._socket.poll(int(left * 1000) + 1):
            frames = await self._socket.recv_multipart()
            try:
                return decode(frames[-1], self._encoding)
            except DecodeError:
                continue  # of another encoding: as good as silent
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close(linger=0)
        self._context.term()


class StatusFeed(InfoSocket):
    """The status whenever it is published, and asked for where nothing is."""

    def __init__(self, manager: "REManagerAPI") -> None:
        super().__init__(manager.settings, INFO)
        self._manager = manager
        self._answered = time.monotonic()
        self._due = self._answered + SILENCE

    async def next_status(self, timeout: float) -> Mapping[str, Any] | None:
        """A status, which may be the same again; None if there is none within ``timeout`` seconds."""
        patience = max(0.0, self._due - time.monotonic())
        message = await self.next(min(timeout, patience))
        if message is not None:
            self._answered = time.monotonic()
            self._due = self._answered + SILENCE
            return message["msg"]["status"]
        if timeout < patience:
            return None
        status = await self.patiently(self._manager.status())
        self._due = time.monotonic() + POLL
        return status

    async def patiently(self, asked: Awaitable[T]) -> T | None:
        """The answer to a question; None if there is none now, because the service may be restarting."""
        try:
            answer = await asked
        except RequestTimeoutError:
            if time.monotonic() - self._answered > GONE:
                raise
            return None
        self._answered = time.monotonic()
        return answer


class Waiting:
    """The waits of an asyncio client; see those of the blocking one."""

    async def wait_for_idle(self, *, timeout: float | None = TIMEOUT, monitor: WaitMonitor | None = None) -> None:
        """Wait until the manager is idle.

        ``timeout`` in seconds, None to wait for ever. Cancelling the task ends the wait, never the plan.

        Raises
        ------
        WaitTimeoutError, WaitCancelError
            It was not idle in time; ``monitor`` was cancelled.
        """
        await _until(self, idle, "the manager to be idle", timeout, monitor)

    async def wait_for_idle_or_paused(
        self,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until the manager is idle or a plan is paused; for the rest see `wait_for_idle`."""
        await _until(self, idle_or_paused, "the manager to be idle or paused", timeout, monitor)

    async def wait_for_idle_or_running(
        self,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until the manager is idle or runs the queue; for the rest see `wait_for_idle`."""
        await _until(self, idle_or_running, "the manager to be idle or running", timeout, monitor)

    async def wait_for_condition(
        self,
        condition: Condition,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> None:
        """Wait until ``condition(status)`` is true; for the rest see `wait_for_idle`."""
        await _until(self, condition, "the condition", timeout, monitor)

    async def wait_for_completed_task(
        self,
        task_uid: str | Iterable[str],
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
        treat_not_found_as_completed: bool = True,
    ) -> dict[str, str]:
        """Wait until a task, or one of several, is completed; return the status of those that are, by uid.

        Results are forgotten after a while, hence the last parameter.
        """
        uids = task_uids(task_uid)
        monitor, what = _started(timeout, monitor), f"task {', '.join(uids)}"
        async with StatusFeed(_client(self)) as feed:
            while True:
                answer = await feed.patiently(_client(self).task_status(uids))
                if answer and (ended := ended_tasks(answer, forgotten=treat_not_found_as_completed)):
                    return ended
                await _next(feed, monitor, what)

    async def wait_for_item(
        self,
        item_uid: str,
        *,
        timeout: float | None = TIMEOUT,
        monitor: WaitMonitor | None = None,
    ) -> dict[str, Any]:
        """Wait until an item has run or has left the queue, and return what `item_status` tells of it.

        ``state`` is one of ``completed``, ``failed``, ``stopped``, ``aborted``, ``halted``, ``unknown``,
        ``removed``; ``result`` is there if it ran.

        Raises
        ------
        NotFound
            The service does not know the item.
        WaitTimeoutError, WaitCancelError
            See `wait_for_idle`.
        """
        manager, monitor, what = _client(self), _started(timeout, monitor), f"item {item_uid}"
        async with StatusFeed(manager) as feed:
            status: Mapping[str, Any] = await manager.status()
            while True:
                seen = [status.get(part) for part in MOVES]
                if where := await feed.patiently(whereabouts(manager, item_uid)):
                    if where["state"] == "not_found":
                        raise unknown_item(item_uid)
                    if where["state"] in ENDED:
                        return where
                status = await _next(feed, monitor, what)
                while where and [status.get(part) for part in MOVES] == seen:
                    status = await _next(feed, monitor, what)


async def whereabouts(manager: "REManagerAPI", item_uid: str) -> dict[str, Any]:
    """Where an item is; see the blocking one."""
    where = await _whereabouts(manager, item_uid)
    return {"state": "running"} if where["state"] in ENDED and is_settling(await manager.status()) else where


async def _whereabouts(manager: "REManagerAPI", item_uid: str) -> dict[str, Any]:
    try:
        answer = await manager.item_status(item_uid)
    except RequestFailedError as error:
        answer = cast("Any", error.response)
        if not has_no_item_status(answer):
            raise
    if has_no_item_status(answer):
        return place(item_uid, await manager.queue_get(), await manager.history_get())
    return answer["status"]


class Monitor:
    """Messages of one topic, kept from `enable` on, oldest dropped."""

    topic = INFO

    def __init__(self, settings: Settings, *, max_messages: int = 10_000) -> None:
        self._settings = settings
        self._messages: deque[dict[str, Any]] = deque(maxlen=max_messages)
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def enabled(self) -> bool:
        """Whether messages are collected."""
        return self._task is not None and not self._task.done()

    def enable(self) -> None:
        """Collect messages from now on, in the loop that runs."""
        if not self.enabled:
            self._task = asyncio.get_running_loop().create_task(self._collect())

    def disable(self) -> None:
        """Collect no more, soon. What was collected stays."""
        if self._task is not None:
            self._task.cancel()

    async def disable_wait(self, timeout: float | None = None) -> None:
        """Collect no more, and return when that is so, or after ``timeout`` seconds."""
        self.disable()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout)
            self._task = None

    def clear(self) -> None:
        """Forget what was collected."""
        self._messages.clear()

    async def next_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """Take the oldest message; where there is none, wait for one for ``timeout`` seconds, None: not at all.

        Raises
        ------
        RequestTimeoutError
            None came in time.
        """
        try:
            async with asyncio.timeout(timeout or 0):
                while not self._messages:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise RequestTimeoutError(f"No message within {timeout or 0} s") from None
        return self._messages.popleft()

    def took(self, message: dict[str, Any]) -> None:
        """Called for each message as it comes."""

    async def _collect(self) -> None:
        async with InfoSocket(self._settings, self.topic) as socket:
            while True:
                if (message := await socket.next(SILENCE)) is not None:
                    self._messages.append(message)
                    self.took(message)
                    self._arrived.set()


class ConsoleMonitor(Monitor):
    """Console output of the service: ``{"time": …, "msg": text, "seq": n}``, and as text."""

    topic = CONSOLE

    def __init__(self, settings: Settings, *, max_messages: int = 10_000, max_lines: int = 1000) -> None:
        super().__init__(settings, max_messages=max_messages)
        self._screen = Screen(max_lines)
        #: Changes with every change of the text.
        self.text_uid = str(uuid.uuid4())

    @property
    def text_max_lines(self) -> int:
        """How many lines of text are kept."""
        return self._screen.max_lines

    @text_max_lines.setter
    def text_max_lines(self, max_lines: int) -> None:
        self._screen = self._screen.resized(max_lines)

    async def text(self, nlines: int | None = None) -> str:
        """The latest ``nlines`` lines (all that are kept) as a terminal would show them."""
        return self._screen.text(nlines)

    def clear(self) -> None:
        """Forget messages and text."""
        super().clear()
        self._screen = Screen(self._screen.max_lines)
        self.text_uid = str(uuid.uuid4())

    def took(self, message: dict[str, Any]) -> None:
        """Show the message's text."""
        self._screen.write(message["msg"])
        self.text_uid = str(uuid.uuid4())


class DocumentMonitor(Subscribers, Monitor):
    """Documents of running plans as they are published: ``{"time": …, "item_uid": …, "name": …, "doc": {…}}``."""

    topic = DOCUMENT

    def enable(self) -> None:
        """Collect documents from now on, in the loop that runs."""
        Monitor.enable(self)

    def disable(self) -> None:
        """Collect no more, soon. What was collected stays."""
        Monitor.disable(self)

    def took(self, message: dict[str, Any]) -> None:
        """Hand the document over."""
        self.tell(message)


async def _until(
    waiting: Waiting,
    condition: Condition,
    what: str,
    timeout: float | None,
    monitor: WaitMonitor | None,
) -> None:
    monitor = _started(timeout, monitor)
    async with StatusFeed(_client(waiting)) as feed:
        # The subscription stands before the first look, so that no change falls between the two.
        status: Mapping[str, Any] = await _client(waiting).status()
        while not condition(status):
            status = await _next(feed, monitor, what)


async def _next(feed: StatusFeed, monitor: WaitMonitor, what: str) -> Mapping[str, Any]:
    while (status := await feed.next_status(monitor.remaining(what))) is None:
        pass
    return status


def _started(timeout: float | None, monitor: WaitMonitor | None) -> WaitMonitor:
    monitor = monitor or WaitMonitor()
    monitor.start(timeout)
    return monitor


def _client(waiting: Waiting) -> "REManagerAPI":
    return cast("REManagerAPI", waiting)
