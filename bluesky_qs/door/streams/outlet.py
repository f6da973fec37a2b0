"""The messages for one reader. The number of waiting messages is limited, no matter how slow the reader is."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from bluesky_qs.door.streams.frame import Frame, dropped

#: Maximum number of messages that wait for a slow reader.
LIMIT = 1000
#: Maximum number of characters that wait for a slow reader. Readers share the memory for the same messages.
SIZE = 8 * 1024 * 1024


class StreamEnd(NamedTuple):
    """The reason why a stream ends: a websocket close code and a sentence."""

    code: int
    reason: str


class StreamEnded(Exception):
    """The door ends the stream."""

    def __init__(self, end: StreamEnd) -> None:
        super().__init__(end.reason)
        self.end = end


class Outlet(ABC):
    """The messages for one reader.

    Heartbeats do not delay messages: only the latest one is kept, and sent if nothing else is waiting.

    Attributes
    ----------
    write
        Writes the ready bytes of a message to the reader at once, or returns False; None if that is not possible.
    """

    write: Callable[[bytes], bool] | None = None

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        self._end: StreamEnd | None = None
        self._heartbeat: Frame | None = None

    async def next(self) -> Frame:
        """Return the next message; wait for one if there is none.

        Raises
        ------
        StreamEnded
            The stream ends here, even if messages are left.
        """
        while True:
            if self._end is not None:
                raise StreamEnded(self._end)
            if (frame := self.take()) is not None:
                return frame
            frame, self._heartbeat = self._heartbeat, None
            if frame is not None:
                return frame
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    @abstractmethod
    def take(self) -> Frame | None:
        """Return the next message that is not a heartbeat, or None."""

    def _is_written(self, frame: Frame) -> bool:
        """Write a message if the reader is waiting and all other messages have been sent; return whether it was
        written.
        """
        waits = self._waiter is not None and self._end is None
        return waits and self.write is not None and self.write(frame.ready)

    def beat(self, frame: Frame) -> None:
        """Replace the heartbeat."""
        self._heartbeat = frame
        self.wake()

    @property
    def is_ended(self) -> bool:
        """Whether the stream ends."""
        return self._end is not None

    def end(self, end: StreamEnd) -> None:
        """End the stream. The first reason counts."""
        self._end = self._end or end
        self.wake()

    def wake(self) -> None:
        """Make the reader check again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @abstractmethod
    def close(self) -> None:
        """Release the messages, because the reader has left."""


class Channel:
    """The readers of one kind of message."""

    def __init__(self) -> None:
        self.outlets: set[QueueOutlet] = set()
        #: Number of messages that slow readers have missed since the door was opened.
        self.dropped = 0

    def put(self, frame: Frame) -> None:
        """Pass a message to all readers."""
        for outlet in self.outlets:
            outlet.put(frame)


class QueueOutlet(Outlet):
    """The latest messages of a channel; if the reader is too slow, the oldest are dropped.

    Parameters
    ----------
    tells
        Whether to report the number of missed messages before the next one.
    """

    def __init__(self, channel: Channel, *, tells: bool, limit: int = LIMIT, size: int = SIZE) -> None:
        super().__init__()
        self._channel = channel
        self._tells = tells
        self._limit = limit
        self._max_size = size
        self._frames: deque[Frame] = deque()
        self._size = 0
        #: Number of messages that were dropped since the last notice to the reader.
        self.dropped = 0
        channel.outlets.add(self)

    def put(self, frame: Frame) -> None:
        """Add a message, or write it directly if the reader is waiting."""
        frames = self._frames
        if not frames and self._is_written(frame):
            return
        frames.append(frame)
        self._size += len(frame.text)
        while len(frames) > self._limit or (self._size > self._max_size and len(frames) > 1):
            self._size -= len(frames.popleft().text)
            self.dropped += 1
            self._channel.dropped += 1
        if self._waiter is not None:
            self.wake()

    def take(self) -> Frame | None:
        if self.dropped and self._tells:
            count, self.dropped = self.dropped, 0
            return dropped(count)
        if not self._frames:
            return None
        frame = self._frames.popleft()
        self._size -= len(frame.text)
        return frame

    def close(self) -> None:
        self._channel.outlets.discard(self)
        self._frames.clear()
