"""The connection to a service's control socket: many requests at a time on one DEALER socket.

Each request carries a number in its envelope, which the service sends back with the reply. The event loop watches the
socket directly, because `zmq.asyncio` costs several times as much for each request. The socket's monitor reports
immediately when the service is gone, so no request waits for a reply that cannot arrive. Replies that arrived earlier
are still delivered.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from bluesky_qs.door.settings import ServiceSettings
from bluesky_qs.wire.control import client_socket

logger = logging.getLogger(__name__)

#: Maximum number of replies per turn of the event loop, so that a flood of them does not block everything else.
_PER_TURN = 64
_RECONNECT_MS = 100
_LOST = zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED | zmq.EVENT_MONITOR_STOPPED
_UP = zmq.EVENT_HANDSHAKE_SUCCEEDED
#: A plain number: an operation on the enum costs a microsecond.
_READABLE = int(zmq.POLLIN)


class Disconnected(Exception):
    """There is no connection to the service, or the connection broke before the reply arrived."""


class ControlLink:
    """A connection that repairs itself.

    Parameters
    ----------
    changed
        Called when the connection is made, and when it is lost.

    Attributes
    ----------
    up
        Whether the service is connected. It may still be frozen.
    """

    def __init__(
        self, context: "zmq.Context[Any]", settings: ServiceSettings, changed: Callable[[], None] | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._context = context
        self._settings = settings
        self._changed = changed
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        self._number = 0
        self._socket: Any = None
        self._monitor: Any = None
        self._readers: dict[Any, Callable[[], None]] = {}
        self.up = False
        self._tried, self._answered = asyncio.Event(), asyncio.Event()
        self._open()

    def _open(self) -> None:
        self._socket = client_socket(
            self._context,
            self._settings.control_addr,
            server_key=self._settings.public_key,
            kind=zmq.DEALER,
            reconnect_ivl=_RECONNECT_MS,
            sndhwm=0,
            rcvhwm=0,
            before_connecting=self._attend,
        )
        self._readers = {self._socket.getsockopt(zmq.FD): self._receive, self._monitor.getsockopt(zmq.FD): self._watch}
        for descriptor, read in self._readers.items():
            self._loop.add_reader(descriptor, read)
        self._loop.call_soon(self._watch)

    def _attend(self, socket: Any) -> None:
        self._monitor = socket.get_monitor_socket(_UP | _LOST)

    def _drop(self) -> None:
        for descriptor in self._readers:
            self._loop.remove_reader(descriptor)
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close(linger=0)

    def close(self) -> None:
        """Close the socket. Waiting requests fail with `Disconnected`."""
        if self._socket.closed:
            return
        self._drop()
        self._lose()

    async def connected(self, patience: float, *, keeps_trying: bool = False) -> bool:
        """Wait for the first attempt to connect, and return whether the service is connected.

        Waits at most ``patience`` seconds. With ``keeps_trying``, failed attempts do not end the wait: if the service
        and the door start at the same time, the first attempts fail.
        """
        try:
            await asyncio.wait_for((self._answered if keeps_trying else self._tried).wait(), patience)
        except TimeoutError:
            return False
        return self.up

    async def exchange(self, frame: bytes, timeout: float) -> bytes:  # noqa: ASYNC109 - cheaper than a scope of its own
        """Send a request and return the reply.

        Raises
        ------
        Disconnected
            There is no connection, or the connection broke. In the second case, the service may have carried out the
            request.
        TimeoutError
            No reply within ``timeout`` seconds.
        """
        self._number += 1
        number = self._number.to_bytes(8, "big")
        self._send([number, b"", frame])
        reply: asyncio.Future[bytes] = self._loop.create_future()
        self._waiting[number] = reply
        expiry = self._loop.call_later(timeout, _expire, reply)
        try:
            return await reply
        finally:
            expiry.cancel()
            self._waiting.pop(number, None)

    def _send(self, frames: list[bytes]) -> None:
        if not self.up:
            raise Disconnected
        self._socket.send_multipart(frames, zmq.NOBLOCK)
        # Check again, because sending resets the descriptor's signal for messages that have just arrived.
        if self._has_reply():
            self._loop.call_soon(self._receive)

    def _has_reply(self) -> bool:
        return self._socket.getsockopt(zmq.EVENTS) & _READABLE != 0

    def _receive(self) -> None:
        if self._socket.closed:
            return
        for _ in range(_PER_TURN):
            if not self._has_reply():  # cheaper than the exception of a socket that has none
                return
            self._take_reply()
        # The descriptor signals only new messages, so check for those that have already arrived.
        self._loop.call_soon(self._receive)

    def _take_reply(self) -> bool:
        """Deliver a reply; return whether there was one."""
        try:
            frames = self._socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return False
        reply = self._waiting.get(frames[0])
        if reply is not None and not reply.done():
            reply.set_result(frames[-1])
        return True

    def _watch(self) -> None:
        while not self._monitor.closed:
            try:
                message = parse_monitor_message(self._monitor.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            self._tried.set()
            if message["event"] & _UP:
                self.up = True
                self._answered.set()
                self._tell()
            elif self.up:
                self._replace()
                self._tell()
                return  # this monitor is closed

    def _replace(self) -> None:
        """Start again after the connection is lost: read the replies that have arrived, and drop unsent requests.
        Otherwise the next service would carry them out unexpectedly.
        """
        while self._take_reply():
            pass
        self._drop()
        self._lose()
        self._open()

    def _lose(self) -> None:
        self.up = False
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(Disconnected())

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed()


def _expire(reply: "asyncio.Future[bytes]") -> None:
    if not reply.done():
        reply.set_exception(TimeoutError())
