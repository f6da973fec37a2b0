"""A link whose two ends are in one event loop: messages are encoded and decoded as ever, and no socket carries them."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from bluesky_qs.errors import WorkerLost
from bluesky_qs.ipc.link import Link
from bluesky_qs.ipc.server import AnsweringEnd


class InProcessServer(AnsweringEnd):
    """The answering end, in the place of `bluesky_qs.ipc.server.ServerEnd`.

    Parameters
    ----------
    commands
        Union of the command types that the other end may send.
    handle
        Called with each command; returns its answer, or raises `QSError` to refuse it.
    held
        Called when a command has come in that is not answered, because it hangs.
    """

    def __init__(self, commands: Any, handle: Callable[[Any], Any], held: Callable[[], None] = lambda: None) -> None:
        super().__init__(commands, handle)
        self._numbers_of_links = itertools.count(1)
        self._links: dict[bytes, InProcessLink] = {}
        self._waiting: list[tuple[bytes, bytes]] | None = None
        self._closed = False
        self._held = held

    def connect(self, reports: Any) -> "InProcessLink":
        """A new asking end; ``reports`` is the union of the report types that it takes."""
        name = str(next(self._numbers_of_links)).encode()
        self._links[name] = InProcessLink(self, name, reports)
        return self._links[name]

    def hang(self) -> None:
        """Answer nothing from now on, as a process whose code holds the interpreter."""
        if self._waiting is None:
            self._waiting = []

    def recover(self) -> None:
        """Answer again, first of all what came in meanwhile."""
        waiting, self._waiting = self._waiting or [], None
        for name, frame in waiting:
            self._serve(name, frame)

    @property
    def hangs(self) -> bool:
        """Whether it answers nothing."""
        return self._waiting is not None

    @property
    def unheard(self) -> list[Any]:
        """The commands that came in since it hangs."""
        requests: list[Any] = [self._decoder.decode(frame) for _, frame in self._waiting or []]
        return [request.command for request in requests if request.command is not None]

    def close(self) -> None:
        """Say and hear nothing any more; what was sent still arrives."""
        self._closed = True

    def hear(self, name: bytes, frame: bytes) -> None:
        """Take a message of an asking end."""
        if self._closed:
            return
        if self._waiting is not None:
            self._waiting.append((name, frame))
            self._held()
        else:
            self._serve(name, frame)

    def _transmit(self, peer: bytes, frame: bytes) -> None:
        if not self._closed:
            self._links[peer].hear(frame)


class InProcessLink(Link):
    """The asking end, in the place of `bluesky_qs.ipc.link.ClientEnd`; `InProcessServer.connect` makes it."""

    def __init__(self, server: InProcessServer, name: bytes, reports: Any) -> None:
        super().__init__(reports)
        self._server = server
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()
        self._closed = False

    def hear(self, frame: bytes) -> None:
        """Take a message of the answering end."""
        if not self._closed:
            self._frames.put_nowait(frame)

    async def hear_out(self) -> None:
        while not self._frames.empty():  # noqa: ASYNC110 - who empties it is the reader, in its own turns
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    def close(self) -> None:
        """Hear nothing more; requests that still wait fail."""
        super().close()
        self._closed = True

    async def _send(self, frame: bytes) -> None:
        if self._closed:
            raise WorkerLost("The link is closed")
        # In a turn of its own, as a message of another process: whoever sends it goes on first.
        self._loop.call_soon(self._server.hear, self._name, frame)

    async def _receive(self) -> bytes:
        return await self._frames.get()
