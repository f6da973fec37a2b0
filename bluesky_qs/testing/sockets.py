"""The sockets of a manager in a test: real sockets that also record requests and published messages."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import zmq

from bluesky_qs.wire.codec import DecodeError, Encoding, decode, encode
from bluesky_qs.wire.info import INFO

#: Identity of the kit's own sockets, whose requests are not recorded.
OWN = b"bluesky_qs.testing"


class ControlSocket:
    """A ROUTER socket that records requests and can answer them instead of the manager.

    Parameters
    ----------
    answers
        Replies to send instead of the manager's, by method name: a reply, a function of the parameters that returns
        one, or None for no reply.
    requested
        Called with the method and the parameters of each request.
    """

    def __init__(
        self,
        socket: "zmq.Socket[bytes]",
        encoding: Encoding,
        answers: Mapping[str, Any],
        requested: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._socket = socket
        self._encoding: Encoding = encoding
        self._answers = answers
        self._requested = requested

    def getsockopt(self, option: int) -> Any:
        return self._socket.getsockopt(option)

    def close(self) -> None:
        """Close the socket. Replies that were already sent still go out."""
        self._socket.close(linger=500)

    def send_multipart(self, frames: list[bytes], flags: int = 0) -> None:
        self._socket.send_multipart(frames, flags)

    def recv_multipart(self, flags: int = 0) -> list[bytes]:
        """The next request for the manager."""
        while True:
            frames = self._socket.recv_multipart(flags)
            if frames[0].startswith(OWN) or not self._answered(frames):
                return frames

    def _answered(self, frames: list[bytes]) -> bool:
        """Record a request. Return True if the manager must not receive it."""
        try:
            request = decode(frames[-1], self._encoding)
            method, params = request["method"], request.get("params") or {}
        except (DecodeError, KeyError, TypeError, AttributeError):  # the manager refuses the request with the reason
            return False
        self._requested(method, params)
        if method not in self._answers:
            return False
        reply = self._answers[method]
        reply = reply(params) if callable(reply) else reply
        if reply is not None:
            self._socket.send_multipart([*frames[:-1], encode(reply, self._encoding)])
        return True


class ControlLease:
    """A control socket that one manager uses.

    When this manager closes it, the socket stays open for the next manager.
    """

    def __init__(self, socket: ControlSocket) -> None:
        self._socket = socket
        self.closed = False
        self.getsockopt = socket.getsockopt
        self.recv_multipart = socket.recv_multipart

    def send_multipart(self, frames: list[bytes], flags: int = 0) -> None:
        self._socket.send_multipart(frames, flags)

    def close(self, linger: int | None = None) -> None:  # noqa: ARG002 - the signature of a socket
        self.closed = True


class InfoSocket:
    """An XPUB socket that records published messages and subscriptions.

    Parameters
    ----------
    changed
        Called after each published message and each subscription.
    """

    def __init__(self, socket: "zmq.Socket[bytes]", encoding: Encoding, changed: Callable[[], None]) -> None:
        self._socket = socket
        self._encoding: Encoding = encoding
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._fd: Any = socket.getsockopt(zmq.FD)
        self._loop.add_reader(self._fd, self._receive)
        #: The status that was published last.
        self.status: dict[str, Any] = {}
        #: Topics and payloads, except for the status, oldest first.
        self.published: list[tuple[bytes, bytes]] = []
        #: Number of subscribers by topic.
        self.subscribed: Counter[bytes] = Counter()

    def send_multipart(self, frames: list[bytes], flags: int = 0) -> None:
        """Publish."""
        topic, payload = frames
        if topic == INFO and (status := decode(payload, self._encoding)["msg"].get("status")):
            self.status = status
        else:
            self.published.append((topic, payload))
        self._socket.send_multipart(frames, flags)
        self._receive()
        self._changed()

    def close(self) -> None:
        """Close the socket. Messages that were already published still go out."""
        if not self._socket.closed:
            self._loop.remove_reader(self._fd)
            self._socket.close(linger=500)

    def _receive(self) -> None:
        """Count subscribers."""
        while not self._socket.closed:
            try:
                message = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            self.subscribed[message[1:]] += 1 if message[0] else -1
            self._changed()


class InfoLease:
    """An info socket that one manager uses. When this manager closes it, the socket stays open for the next manager."""

    def __init__(self, socket: InfoSocket) -> None:
        self.closed = False
        self.send_multipart = socket.send_multipart

    def close(self) -> None:
        self.closed = True
