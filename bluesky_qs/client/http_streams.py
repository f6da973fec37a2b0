"""Reads the streams of an HTTP server: one websocket for each topic, reopened after a restart of the server or the
service.
"""

import asyncio
import itertools
import logging
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.http11 import Response

from bluesky_qs.api.paths import PREFIX
from bluesky_qs.client import http_failures
from bluesky_qs.client.authorization import Authorization
from bluesky_qs.client.http_settings import HTTPSettings
from bluesky_qs.client.tls_probe import wants_tls_async
from bluesky_qs.client.transport import RESUMED, Message
from bluesky_qs.errors import QSError
from bluesky_qs.wire.codec import DecodeError, decode
from bluesky_qs.wire.info import CONSOLE, DOCUMENT, EVENT, INFO

log = logging.getLogger(__name__)

#: The stream of each topic.
PATHS = {
    INFO: "/status/ws",
    CONSOLE: "/console_output/ws",
    EVENT: "/events/ws",
    DOCUMENT: "/documents/ws",
}
#: The key that all messages of a topic have, unlike the server's own messages, such as heartbeats.
_KEYS = {INFO: "msg", CONSOLE: "msg", EVENT: "seq", DOCUMENT: "doc"}
#: Seconds before each attempt to reconnect; the last value is repeated.
_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
#: Seconds between pings, and seconds after which a server that does not answer counts as lost.
_PING = 10.0
#: Seconds for the closing handshake of a stream.
_FAREWELL = 0.5
_UNAUTHORIZED, _FORBIDDEN = 401, 403
#: A subscription as errors show it.
_SUBSCRIBE = {"method": "subscribe"}
_LARGEST = 256 * 1024 * 1024
#: The codes with which a server ends a stream if there is no valid sign-in.
_NOT_SIGNED_IN = (4001, 4401, 1008)


class Reach(Protocol):
    """The part of the client's transport that streams need."""

    @property
    def authorization(self) -> Authorization:
        """The credentials of requests."""
        ...

    async def refresh(self, used: str | None) -> None:
        """Get new tokens in place of the one that was ``used``."""
        ...

    async def last_event(self) -> int | None:
        """The number of the latest event; None if it is not known."""
        ...


class Streams:
    """The messages of some topics.

    Parameters
    ----------
    deliver
        Called with each message.
    tls
        The certificates to trust; None without encryption.

    Attributes
    ----------
    refusal
        The reason why the server refuses a stream, or None. A refused stream is not tried again.
    """

    def __init__(
        self,
        settings: HTTPSettings,
        reach: Reach,
        topics: tuple[bytes, ...],
        *,
        deliver: Callable[[Message], None],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._settings = settings
        self._authorization = reach.authorization
        self._topics = topics
        self._deliver = deliver
        self._reach = reach
        self._tls = tls
        #: The latest event that has arrived.
        self._after: int | None = None
        self.refusal: QSError | None = None

    async def run(self, begun: Callable[[], None]) -> None:
        """Read until canceled. ``begun`` is called after the first attempt to connect each of the streams."""
        tried = {topic: asyncio.Event() for topic in self._topics}
        async with asyncio.TaskGroup() as group:
            for topic in self._topics:
                group.create_task(self._follow(topic, tried[topic]))
            for event in tried.values():
                await event.wait()
            begun()

    async def _follow(self, topic: bytes, tried: asyncio.Event) -> None:
        """Read one stream, and connect again after each loss."""
        if topic == EVENT:
            self._after = await self._reach.last_event()
        pauses = _pauses()
        was_connected = False
        while self.refusal is None:
            used = self._authorization.keys.token
            try:
                async with self._connected(topic) as connection:
                    if was_connected and topic != EVENT:  # events resume by number
                        self._deliver(Message(RESUMED, None))
                    was_connected = True
                    tried.set()
                    pauses = _pauses()
                    await self._read(topic, connection)
            except InvalidStatus as error:
                await self._refused(error.response, used)
            except ConnectionClosed as closed:
                self._ended(closed)
            except (OSError, InvalidHandshake, InvalidURI) as error:  # TimeoutError and ssl.SSLError are OSErrors
                log.debug("No stream from %s: %s", self._settings.server_uri, error)
                if not was_connected and isinstance(error, InvalidHandshake | ConnectionResetError):
                    await self._check_encryption()
            tried.set()
            if self.refusal is None:
                await asyncio.sleep(next(pauses))

    @asynccontextmanager
    async def _connected(self, topic: bytes) -> AsyncGenerator[ClientConnection]:
        settings = self._settings
        resumes = f"?after={self._after}" if topic == EVENT and self._after is not None else ""
        header = self._authorization.keys.header
        async with connect(
            f"{settings.stream_uri}{PREFIX}{PATHS[topic]}{resumes}",
            additional_headers={"Authorization": header} if header else None,
            ssl=self._tls,
            proxy=None if settings.is_loopback else True,
            open_timeout=settings.timeout or None,
            ping_interval=_PING,
            ping_timeout=_PING,
            close_timeout=_FAREWELL,
            max_size=_LARGEST,
        ) as connection:
            yield connection

    async def _read(self, topic: bytes, connection: ClientConnection) -> None:
        while True:
            frame = await connection.recv(decode=False)
            try:
                payload = decode(frame)
            except DecodeError:
                continue  # as over 0MQ, the channel counts as silent
            if isinstance(payload, dict):
                self._take(topic, cast("dict[str, Any]", payload))

    def _take(self, topic: bytes, payload: Mapping[str, Any]) -> None:
        if topic == EVENT and payload.get("type") == "gap":
            self._after = payload["first"] - 1
            self._deliver(Message(topic, payload))
        elif _KEYS[topic] in payload:
            if topic == EVENT:
                self._after = payload["seq"]
            self._deliver(Message(topic, payload))
        elif payload.get("type") == "dropped":  # this reader was too slow
            self._deliver(Message(RESUMED, None))

    async def _refused(self, response: Response, used: str | None) -> None:
        """Handle a refused stream: refresh an expired session, or wait for a restart."""
        answer = _Answer(response)
        if http_failures.is_expired(answer) and self._authorization.keys.refresh_token:
            try:
                await self._reach.refresh(used)
            except http_failures.HTTPClientError as error:
                self.refusal = error
            except http_failures.HTTPError as error:
                log.debug("The session was not refreshed: %s", error)
            return
        if http_failures.wants_tls(answer):
            self._refused_in_clear()
            return
        error = http_failures.refusal(answer, self._settings, _SUBSCRIBE, self._authorization.user)
        if isinstance(error, http_failures.HTTPClientError):
            self.refusal = error
        log.debug("No stream from %s: %s", self._settings.server_uri, error)

    async def _check_encryption(self) -> None:
        """Check whether a server that closed the connection requires TLS.

        If so, the key must not be sent unencrypted again.
        """
        if await wants_tls_async(self._settings):
            self._refused_in_clear()

    def _refused_in_clear(self) -> None:
        was_signed = self._authorization.keys.header is not None
        self._authorization.forget()
        self.refusal = http_failures.not_encrypted(self._settings, _SUBSCRIBE, key_was_sent=was_signed)

    def _ended(self, closed: ConnectionClosed) -> None:
        """Handle a stream that the server ended because the sign-in is not valid."""
        end = closed.rcvd
        if end is not None and end.code in _NOT_SIGNED_IN:
            self.refusal = http_failures.NotSignedInError(
                f"The HTTP server at {self._settings.server_uri} ended the stream: {end.reason or 'sign in again'}."
            )


class _Answer:
    """The refusal of a websocket, in the form that errors need."""

    def __init__(self, response: Response) -> None:
        self._response = response
        #: A websocket server refuses with 403 for any reason; over HTTP it would be 401.
        self.status_code = _UNAUTHORIZED if response.status_code == _FORBIDDEN else response.status_code
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.raw_items()}

    @property
    def text(self) -> str:
        return bytes(self._response.body or b"").decode(errors="replace")

    def json(self) -> Any:
        return decode(bytes(self._response.body or b""))


def _pauses() -> "itertools.chain[float]":
    return itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1]))
