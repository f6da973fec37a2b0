"""The asyncio client's 0MQ transport."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self

import zmq
import zmq.asyncio

from bluesky_qs.client import failures
from bluesky_qs.client.codec import encode_request
from bluesky_qs.client.over_zmq import WHERE_IS_INFO, connected, decoded, located, subscribed
from bluesky_qs.client.settings import ConnectionSettings
from bluesky_qs.client.transport import EncodedReply, Message, Request, takes
from bluesky_qs.errors import QSError
from bluesky_qs.wire.codec import Encoding


class AsyncZmqTransport:
    """Exchanges requests and replies with the service; implements `transport.AsyncTransport`.

    Tasks that send requests at the same time use separate sockets.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context: zmq.asyncio.Context | None = None
        self._idle: list[Any] = []

    async def exchange(self, request: Request) -> EncodedReply:
        """Send a request and return the reply; see `transport.AsyncTransport`."""
        encoding = self._settings.encoding
        frame = encode_request(request.method, request.params, encoding)
        try:
            return EncodedReply(await self._exchange(frame, takes(request)), encoding)
        except TimeoutError:
            raise failures.no_answer(self._settings, request._asdict()) from None

    def subscribe(self, *topics: bytes) -> "AsyncZmqFeed":
        """Subscribe to topics of the info channel, in the running loop."""
        return AsyncZmqFeed(self._settings, topics, self._located if self._settings.asks_for_info else None)

    def close(self) -> None:
        """Close the sockets and end 0MQ's threads. The next request opens them again."""
        idle, self._idle = self._idle, []
        for socket in idle:
            socket.close(linger=0)
        context, self._context = self._context, None
        if context is not None:
            context.destroy(linger=0)

    async def aclose(self) -> None:
        """Call `close`, which does not wait for anything."""
        self.close()

    async def _located(self) -> ConnectionSettings:
        """The settings with the info address of the service; see `located`."""
        try:
            return located(self._settings, await self.exchange(WHERE_IS_INFO))
        except QSError:  # no answer: a service that starts later is expected at the usual address
            return self._settings

    async def _exchange(self, frame: bytes, longer: float) -> bytes:
        """Send a frame and return the reply. The service may take ``longer`` more seconds than usual."""
        socket = self._take_socket()
        context = self._context
        replied = False
        try:
            await socket.send(frame)
            if longer:
                socket.rcvtimeo = int((self._settings.timeout_recv + longer) * 1000)
            reply = await socket.recv()
            if longer:
                socket.rcvtimeo = int(self._settings.timeout_recv * 1000)
            replied = True
        except zmq.Again:
            raise TimeoutError from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if context is self._context or (task and task.cancelling()):
                raise
            raise failures.ClientClosedError from None  # closing a socket cancels the tasks that wait for it
        finally:
            # If the reply did not arrive, or the task was canceled, the socket would wait for it forever.
            if replied and context is self._context:  # otherwise the client was closed in the meantime
                self._idle.append(socket)
            else:
                socket.close(linger=0)
        return reply

    def _take_socket(self) -> Any:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # a socket belongs to the loop in which it was created
            self.close()
            self._loop = loop
        if self._idle:
            return self._idle.pop()
        if self._context is None:
            self._context = zmq.asyncio.Context()
        return connected(self._context, self._settings)


class AsyncZmqFeed:
    """A subscription to the info channel; implements `transport.AsyncFeed`.

    If the address has to be requested from the service (``locate``), the subscription begins when the feed is
    entered.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        topics: tuple[bytes, ...],
        locate: Callable[[], Awaitable[ConnectionSettings]] | None = None,
    ) -> None:
        self._encoding: Encoding = settings.encoding
        self._topics = topics
        self._locate = locate
        self._context = zmq.asyncio.Context()
        self._socket: Any = None if locate else subscribed(self._context, settings, topics)

    @property
    def refusal(self) -> None:
        """Return None, because all clients that can reach the socket get the messages."""
        return

    async def next(self, timeout: float) -> Message | None:  # noqa: ASYNC109 - None instead of an error
        """Return the next message, or None if none arrives within ``timeout`` seconds."""
        assert self._socket is not None, "the feed was not entered"
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) >= 0 and await self._socket.poll(int(left * 1000) + 1):
            if message := decoded(await self._socket.recv_multipart(), self._encoding):
                return message
        return None

    async def __aenter__(self) -> Self:
        if self._locate is not None:
            self._socket = subscribed(self._context, await self._locate(), self._topics)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._socket is not None:
            self._socket.close(linger=0)
        self._context.term()
