"""Sends streams to readers, as websocket messages, Server-Sent Events or lines."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Route, WebSocketRoute

from bluesky_qs.api.paths import PREFIX
from bluesky_qs.door.caller import Caller
from bluesky_qs.door.door import Door
from bluesky_qs.door.refusals import BadRequest, HTTPRefusal, NoSuchRoute, missing_scopes
from bluesky_qs.door.streams.entrance import Entrance, refuse
from bluesky_qs.door.streams.feed import Feed
from bluesky_qs.door.streams.frame import WRITE, Frame
from bluesky_qs.door.streams.hub import Streams
from bluesky_qs.door.streams.outlet import Outlet
from bluesky_qs.door.streams.readers import GRACE, LEFT
from bluesky_qs.door.streams.table import STREAMS, Stream, Wanted

#: Digits of a number that fits into 64 bits.
_MOST_DIGITS = 18
#: Maximum number of devices that one reader may watch.
_MOST_NAMES = 200

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def routes(door: Door, streams: Streams) -> list[BaseRoute]:
    """The routes of all streams, for the default service and for each service by name."""
    entrance = Entrance(door.sign_in)
    made: list[BaseRoute] = []
    for prefix in (PREFIX, f"{PREFIX}/instruments/{{instrument}}"):
        for stream in STREAMS:
            made.append(WebSocketRoute(prefix + stream.websocket, _WebsocketEnd(door, streams, stream, entrance)))
            for path, form in ((stream.server_sent, _SERVER_SENT), (stream.lines, _LINES)):
                if path:
                    made.append(Route(prefix + path, _HTTPEnd(door, streams, stream, form), methods=["GET"]))
    return made


class _End:
    def __init__(self, door: Door, streams: Streams, stream: Stream) -> None:
        self._door = door
        self._streams = streams
        self._stream = stream

    def _meant(self, connection: HTTPConnection) -> tuple[Feed, Wanted]:
        """The feed, and the reader's wishes.

        Raises
        ------
        HTTPRefusal
            The service does not exist, or the number or the names are not valid.
        """
        name = connection.path_params.get("instrument", self._door.default.name)
        if name not in self._door.services:
            raise NoSuchRoute(f"There is no instrument {name!r}")
        after = _resumed_after(connection) if self._stream.resumes else None
        names = _names(connection) if self._stream.takes_names else ()
        return self._door.services[name].feed, Wanted(after, names)


class _WebsocketEnd(_End):
    """A stream as a websocket."""

    def __init__(self, door: Door, streams: Streams, stream: Stream, entrance: Entrance) -> None:
        super().__init__(door, streams, stream)
        self._entrance = entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(OSError):  # how the server says that the connection is broken
            await receive()  # that the client connects
            try:
                feed, wanted = self._meant(HTTPConnection(scope))
            except HTTPRefusal as refusal:
                await refuse(scope, send, refusal)
                return
            caller = await self._entrance.accept(self._stream.scope, scope, receive, send)
            if caller is not None:
                outlet = self._stream.new_outlet(feed, wanted._replace(user_group=caller.user_group))
                outlet.write = (scope.get("extensions") or {}).get(WRITE)
                await self._serve(caller, outlet, receive, send)

    async def _serve(self, caller: Caller, outlet: Outlet, receive: Receive, send: Send) -> None:
        async def send_next(outlet: Outlet) -> None:
            frame = await outlet.next()
            await send(frame.websocket)

        with self._streams.readers.enter(caller, self._stream.scope, outlet) as reader:
            end = await reader.run(receive, send_next)
            if end is not LEFT:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GRACE):
                        await send({"type": "websocket.close", "code": end.code, "reason": end.reason})


class _HTTPEnd(_End):
    """A stream as an endless response."""

    def __init__(self, door: Door, streams: Streams, stream: Stream, form: "_Form") -> None:
        super().__init__(door, streams, stream)
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        feed, wanted = self._meant(connection)
        caller = await self._door.sign_in.caller(connection)
        if self._stream.scope not in caller.scopes:
            raise missing_scopes([self._stream.scope], caller.scopes)
        with contextlib.suppress(OSError):  # how the server says that the connection is broken
            await send({"type": "http.response.start", "status": 200, "headers": list(self._form.headers)})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                outlet = self._stream.new_outlet(feed, wanted._replace(user_group=caller.user_group))
                await self._serve(caller, outlet, receive, send)

    async def _serve(self, caller: Caller, outlet: Outlet, receive: Receive, send: Send) -> None:
        async def send_next(outlet: Outlet) -> None:
            frame = await outlet.next()
            await send({"type": "http.response.body", "body": self._form.encoded(frame), "more_body": True})

        with self._streams.readers.enter(caller, self._stream.scope, outlet) as reader:
            await send({"type": "http.response.body", "body": self._form.begin, "more_body": True})
            if await reader.run(receive, send_next) is not LEFT:
                await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Form(NamedTuple):
    """The format of a stream in a response."""

    headers: tuple[tuple[bytes, bytes], ...]
    begin: bytes
    encoded: Callable[[Frame], bytes]


_NOT_STORED = (b"cache-control", b"no-store")
#: Proxies should not buffer the stream. Browsers reconnect after a second.
_SERVER_SENT = _Form(
    ((b"content-type", b"text/event-stream; charset=utf-8"), _NOT_STORED, (b"x-accel-buffering", b"no")),
    b"retry: 1000\n\n",
    lambda frame: frame.server_sent,
)
_LINES = _Form(
    ((b"content-type", b"text/plain; charset=utf-8"), _NOT_STORED, (b"x-accel-buffering", b"no")),
    b"",
    lambda frame: frame.line,
)


def _resumed_after(connection: HTTPConnection) -> int | None:
    """The number of the last event that the reader has.

    When a browser reconnects, it repeats the address and adds the header, so the header takes precedence.

    Raises
    ------
    BadRequest
        The text is not an event number.
    """
    text = connection.headers.get("last-event-id") or connection.query_params.get("after")
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return int(text)
    raise BadRequest(f"after: {text[:40]!r} is not an event number")


def _names(connection: HTTPConnection) -> tuple[str, ...]:
    """The device names in the address, each once.

    Raises
    ------
    BadRequest
        There are none, or too many.
    """
    given = ",".join(connection.query_params.getlist("names")).split(",")
    names = tuple(dict.fromkeys(name.strip() for name in given if name.strip()))
    if 0 < len(names) <= _MOST_NAMES:
        return names
    raise BadRequest(f"names: give 1 to {_MOST_NAMES} device names, separated by commas")
