"""All readers of the door's streams, and the ways in which their streams end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import msgspec

from bluesky_qs.door.caller import Caller
from bluesky_qs.door.streams.outlet import Outlet, StreamEnd, StreamEnded

#: Seconds for a reader to receive its last messages when the stream ends.
GRACE = 1.0
#: Seconds between unexpected messages from a client.
BREATH = 0.01

CLOSING = StreamEnd(1001, "The server is closing")
REVOKED = StreamEnd(4001, "The credentials are no longer valid")
LEFT = StreamEnd(1000, "The reader has left")

Receive = Callable[[], Awaitable[dict[str, object]]]


class Reader:
    """One reader: the outlet, and the task that sends its messages."""

    def __init__(self, caller: Caller, outlet: Outlet) -> None:
        self.caller = caller
        self._outlet = outlet
        self._task = asyncio.current_task()
        self._cut_off: asyncio.TimerHandle | None = None
        self._is_cut_off = False

    async def run(self, receive: Receive, send_next: Callable[[Outlet], Awaitable[None]]) -> StreamEnd:
        """Send messages until the stream ends or the connection breaks; return the reason."""
        watch = asyncio.get_running_loop().create_task(self._watch(receive))
        try:
            while True:
                await send_next(self._outlet)
        except StreamEnded as ended:
            return ended.end
        except OSError:  # how the server says that the connection is broken
            return LEFT
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._is_cut_off or task is None:
                raise
            task.uncancel()
            return LEFT
        finally:
            watch.cancel()
            if self._cut_off is not None:
                self._cut_off.cancel()

    def leave(self, end: StreamEnd) -> None:
        """End the stream; cut it off if the reader no longer receives messages."""
        self._outlet.end(end)
        if self._cut_off is None:
            self._cut_off = asyncio.get_running_loop().call_later(GRACE, self._cancel)

    async def _watch(self, receive: Receive) -> None:
        """Wait until the reader leaves. Ignore its messages."""
        while (await receive())["type"] not in ("websocket.disconnect", "http.disconnect"):  # noqa: ASYNC110 - a limit
            await asyncio.sleep(BREATH)  # the server stops reading during this time
        self.leave(LEFT)

    def _cancel(self) -> None:
        self._is_cut_off = True
        if self._task is not None:
            self._task.cancel()


class Readers:
    """All readers."""

    def __init__(self) -> None:
        self._readers: set[Reader] = set()
        #: Set while there are no readers.
        self.are_gone = asyncio.Event()
        self.are_gone.set()
        self._is_closing = False

    def __len__(self) -> int:
        return len(self._readers)

    @contextmanager
    def enter(self, caller: Caller, needed: str, outlet: Outlet) -> Iterator[Reader]:
        """Count the current task as a reader, and release the outlet afterwards.

        The stream continues as long as the caller has the scope ``needed``, even if the caller loses other scopes.
        """
        reader = Reader(msgspec.structs.replace(caller, scopes=frozenset({needed})), outlet)
        self._readers.add(reader)
        self.are_gone.clear()
        if self._is_closing:
            reader.leave(CLOSING)
        try:
            yield reader
        finally:
            outlet.close()
            self._readers.discard(reader)
            if not self._readers:
                self.are_gone.set()

    def end_revoked(self, holds: Callable[[Caller], bool]) -> None:
        """End the streams of callers whose credentials are no longer valid."""
        for reader in self._readers:
            if not holds(reader.caller):
                reader.leave(REVOKED)

    async def end_all(self) -> None:
        """End all streams, including those that begin later; return when all readers have left."""
        self._is_closing = True
        for reader in self._readers:
            reader.leave(CLOSING)
        await self.are_gone.wait()
