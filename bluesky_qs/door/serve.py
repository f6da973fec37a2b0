"""Serves a door, with one process and one event loop, until it receives a signal to stop."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.routing import BaseRoute
from uvicorn.protocols.utils import ClientDisconnected

from bluesky_qs.door.app import make_app, opened
from bluesky_qs.door.door import Door
from bluesky_qs.door.logs import guard_loggers
from bluesky_qs.door.protocol import LimitedProtocol, limited_protocol
from bluesky_qs.door.reloading import Read, Reloading
from bluesky_qs.door.streams.protocol import SharedFrames
from bluesky_qs.ipc import open_files
from bluesky_qs.ipc.hangup import ControllingTerminal, EarlyHangup

logger = logging.getLogger(__name__)

#: The largest message from a client on a websocket. Clients send only their credentials.
_LARGEST_MESSAGE = 64 * 1024
#: Seconds to close websockets with the code 1001, and then to finish the last requests.
_CLOSING_TIME, _LAST_REQUESTS = 0.4, 0.6
#: Seconds to wait for canceled requests.
_CANCELING = 0.2
#: Seconds between checks whether the last requests have ended, and between ticks of uvicorn.
_LOOK, _TICK = 0.01, 1.0
#: Seconds after which an idle connection is closed. Clients close idle connections earlier, so no request is sent while
#: the server closes the connection.
_KEEP_ALIVE = 75
#: Seconds between signs of life for the supervisor.
_BEAT_PERIOD = 0.5
#: If fewer open files are allowed, the log has a warning.
_FEW_FILES = 2048


class DoorServer(uvicorn.Server):
    """Opens a door and serves it. Lets its streams end before it closes connections.

    Attributes
    ----------
    beat
        File descriptor to which a byte is written twice a second, as long as the event loop runs.
    reload
        Called when SIGHUP arrives, unless the terminal was closed.
    """

    def __init__(self, config: uvicorn.Config, door: Door, websockets: "_Websockets") -> None:
        self._exit = asyncio.Event()
        super().__init__(config)
        self.beat: int | None = None
        self.reload: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._door = door
        self._reloads: set[asyncio.Task[None]] = set()
        self._terminal = ControllingTerminal()
        self._websockets = websockets

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until it should stop.

        Raises
        ------
        QSError
            The door cannot be opened.
        """
        async with opened(self._door):
            await super().serve(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGTERM or SIGINT, and reload at SIGHUP.

        uvicorn's own method would let the signal kill the process.
        """
        loop = asyncio.get_running_loop()
        # With a supervisor or nohup, the door should outlive the terminal.
        before = signal.getsignal(signal.SIGHUP)
        outlives = self.beat is not None or before is signal.SIG_IGN
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup, outlives)
        if isinstance(before, EarlyHangup) and before.arrived:
            self._on_hangup(outlives)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _on_hangup(self, outlives: bool) -> None:
        if self._terminal.was_closed:
            if not outlives:
                self.handle_exit(signal.SIGHUP, None)
        elif self.reload is not None:
            task = asyncio.create_task(self.reload())
            self._reloads.add(task)
            task.add_done_callback(self._reloads.discard)

    def use_certificate(self, certificate: Path, private_key: Path | None) -> None:
        """Use another certificate for new connections."""
        assert self.config.ssl is not None
        self.config.ssl.load_cert_chain(certificate, private_key)

    @property
    def should_exit(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - uvicorn's, with an event
        """Whether the server should stop. The server stops as soon as this becomes true."""
        return self._exit.is_set()

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        if value:
            self._exit.set()
        else:
            self._exit.clear()

    async def main_loop(self) -> None:
        """Serve requests, and send signs of life. uvicorn's own loop wakes up ten times a second."""
        async with _beating(self.beat):
            while not await self.on_tick(0):  # it renews the header Date
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._exit.wait(), _TICK)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting connections, then end the streams, then the last requests."""
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        self._door.closing.set()
        await self._door.streams.end()
        await self._websockets.wait_ended(_CLOSING_TIME)
        await self._end_connections()

    async def _end_connections(self) -> None:
        """Shut down like uvicorn itself, but without its pauses."""
        state, loop = self.server_state, asyncio.get_running_loop()
        for connection in list(state.connections):
            connection.shutdown()
        end = loop.time() + _LAST_REQUESTS
        while (state.connections or state.tasks) and loop.time() < end:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(_LOOK)
        if state.tasks:
            await self._drop_last_requests(list(state.tasks))

    async def _drop_last_requests(self, tasks: list[asyncio.Task[None]]) -> None:
        """Close the connections of unanswered requests.

        The clients then notice that the outcome of their requests is unknown. Our clients repeat the requests, even to
        the next server.
        """
        http = [each for each in self.server_state.connections if isinstance(each, LimitedProtocol)]
        if dropped := sum(connection.drop_unanswered() for connection in http):
            logger.warning("Stopped before %d requests were answered; closed their connections", dropped)
        await asyncio.sleep(_LOOK)  # wait until uvicorn has noticed the closed connections
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_CANCELING)


def server_of(door: Door, more: Iterable[BaseRoute] = (), **options: Any) -> DoorServer:
    """A server for a door. ``more`` are Starlette routes; ``options`` are those of ``uvicorn.Config``."""
    settings = door.settings
    guard_loggers()
    app = make_app(door, more)
    websockets = _Websockets(_under(settings.root_path, app) if settings.root_path else app)
    config = uvicorn.Config(
        websockets,
        **{
            "host": settings.host,
            "port": settings.port,
            "http": limited_protocol(settings.head_limit),
            "ws": SharedFrames,
            "ws_max_size": _LARGEST_MESSAGE,
            "ws_per_message_deflate": False,  # costs more CPU time than everything else in a stream
            "loop": "uvloop",
            "lifespan": "off",  # the server opens the door itself, so that the error is ours and has no traceback
            "log_config": None,
            "access_log": logging.getLogger("uvicorn.access").isEnabledFor(logging.INFO),
            "server_header": False,
            "proxy_headers": settings.behind_proxy,
            "forwarded_allow_ips": list(settings.proxies),
            "ssl_certfile": settings.certificate,
            "ssl_keyfile": settings.private_key,
            "timeout_keep_alive": _KEEP_ALIVE,
            "timeout_graceful_shutdown": _LAST_REQUESTS,
            **options,
        },
    )
    return DoorServer(config, door, websockets)


def serve(door: Door, listening: socket.socket, *, read: Read, beat: int | None = None) -> None:
    """Run a door on a listening socket until SIGTERM or Ctrl-C; for ``beat``, see `DoorServer`.

    At SIGHUP, ``read`` reads the settings again.

    Raises
    ------
    QSError
        The door cannot be opened.
    """
    raise_file_limit()
    server = server_of(door)
    server.beat = beat
    server.reload = Reloading(door, read, server.use_certificate if door.settings.certificate else None)
    server.run([listening])


def raise_file_limit() -> None:
    """Raise the soft limit of open files to what the system allows, because each connection is an open file."""
    open_files.raise_limit()
    limit = open_files.limit()
    if limit is not None and limit < _FEW_FILES:
        logger.warning("The open-file limit (ulimit -n) allows only about %d connections to the HTTP door", limit - 50)


@contextlib.asynccontextmanager
async def _beating(beat: int | None) -> AsyncIterator[None]:
    if beat is None:
        yield
        return
    task = asyncio.create_task(_beats(beat))
    try:
        yield
    finally:
        task.cancel()


async def _beats(beat: int) -> None:
    while True:
        os.write(beat, b".")
        await asyncio.sleep(_BEAT_PERIOD)


class _Websockets:
    """Counts the open websockets, and suppresses the traceback of requests that the stopping server cancels."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._open = 0
        self._none_is_open = asyncio.Event()
        self._none_is_open.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            # Raised only when the server stops: the connection is closed, and uvicorn would log a traceback.
            with contextlib.suppress(asyncio.CancelledError):
                await self._app(scope, receive, send)
            return
        self._open += 1
        self._none_is_open.clear()
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:  # as above
            raise ClientDisconnected from None
        finally:
            self._open -= 1
            if not self._open:
                self._none_is_open.set()

    async def wait_ended(self, timeout: float) -> None:  # noqa: ASYNC109 - the server then closes those that are still open
        """Wait until all websockets have ended, at most for this number of seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._none_is_open.wait(), timeout)


def _under(root_path: str, app: Any) -> Any:
    """Serve the application under a path prefix, whether or not the proxy removes it from the address."""

    async def prefixed(scope: Any, receive: Any, send: Any) -> None:
        path: str = scope["path"]
        inside = path == root_path or path.startswith(f"{root_path}/")
        scope = {**scope, "root_path": root_path, "path": path if inside else root_path + path}
        await app(scope, receive, send)

    return prefixed
