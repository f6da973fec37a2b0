"""A link with both ends in one event loop. Messages are encoded and decoded as usual, but use no socket."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import msgspec

from bluesky_qs.errors import WorkerLost
from bluesky_qs.ipc.link import Link
from bluesky_qs.ipc.server import AnsweringEnd


class InProcessServer(AnsweringEnd):
    """The answering end; replaces `bluesky_qs.ipc.server.ServerEnd`.

    Parameters
    ----------
    commands
        Union of the command types that the other end may send.
    handle
        Called with each command. Returns the reply, or raises `QSError` to refuse the command.
    held
        Called when a command arrives and gets no reply because the server hangs.
    """

    def __init__(self, commands: Any, handle: Callable[[Any], Any], held: Callable[[], None] = lambda: None) -> None:
        super().__init__(commands, handle, self._push_late)
        self._numbers_of_links = itertools.count(1)
        self._links: dict[bytes, InProcessLink] = {}
        self._waiting: list[tuple[bytes, bytes]] | None = None
        self._late: list[tuple[msgspec.Struct, bool]] | None = None
        self._closed = False
        self._held = held

    def connect(self, reports: Any) -> "InProcessLink":
        """A new requesting end; ``reports`` is the union of the report types that it receives."""
        name = str(next(self._numbers_of_links)).encode()
        self._links[name] = InProcessLink(self, name, reports)
        return self._links[name]

    def hang(self) -> None:
        """Stop answering, like a process whose code holds the interpreter."""
        if self._waiting is None:
            self._waiting = []

    def recover(self) -> None:
        """Answer again, starting with the commands that arrived in the meantime."""
        waiting, self._waiting = self._waiting or [], None
        for name, frame in waiting:
            self._serve(name, frame)

    @property
    def hangs(self) -> bool:
        """Whether this end has stopped answering."""
        return self._waiting is not None

    @property
    def unheard(self) -> list[Any]:
        """The commands that have arrived since this end began to hang."""
        requests: list[Any] = [self._decoder.decode(frame) for _, frame in self._waiting or []]
        return [request.command for request in requests if request.command is not None]

    def hold_reports(self) -> None:
        """Send reports as late as a real process might: just before the next reply."""
        if self._late is None:
            self._late = []

    def send_reports(self) -> None:
        """Go back to sending reports immediately, starting with those that were held."""
        self._push_late()
        self._late = None

    def push(self, report: msgspec.Struct, *, keep: bool = True) -> None:
        """Send a report, or hold it until the next reply."""
        if self._late is None:
            super().push(report, keep=keep)
        else:
            self._late.append((report, keep))

    def _push_late(self) -> None:
        late, self._late = self._late, None if self._late is None else []
        for report, keep in late or ():
            super().push(report, keep=keep)

    def close(self) -> None:
        """Stop sending and receiving. Messages that were already sent still arrive."""
        self.send_reports()
        self._closed = True

    def receive(self, name: bytes, frame: bytes) -> None:
        """Receive a message from a requesting end."""
        if self._closed:
            return
        if self._waiting is not None:
            self._waiting.append((name, frame))
            self._held()
        else:
            self._serve(name, frame)

    def _transmit(self, peer: bytes, frame: bytes) -> None:
        if not self._closed:
            self._links[peer].receive(frame)


class InProcessLink(Link):
    """The requesting end, created by `InProcessServer.connect`; replaces `bluesky_qs.ipc.link.ClientEnd`."""

    def __init__(self, server: InProcessServer, name: bytes, reports: Any) -> None:
        super().__init__(reports)
        self._server = server
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()
        self._closed = False

    def receive(self, frame: bytes) -> None:
        """Receive a message from the answering end."""
        if not self._closed:
            self._frames.put_nowait(frame)

    async def drain(self) -> None:
        while not self._frames.empty():  # noqa: ASYNC110 - the reader empties it in its own turns
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    def close(self) -> None:
        """Stop receiving. Waiting requests fail."""
        super().close()
        self._closed = True

    async def _send(self, frame: bytes) -> None:
        if self._closed:
            raise WorkerLost("The link is closed")
        # In a separate turn of the event loop, because a sender also continues first if the message goes to another
        # process.
        self._loop.call_soon(self._server.receive, self._name, frame)

    async def _receive(self) -> bytes:
        return await self._frames.get()
