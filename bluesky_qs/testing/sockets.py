"""The sockets of a manager in a test: real ones, which note what comes and goes."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import zmq

from bluesky_qs.wire.codec import DecodeError, Encoding, decode, encode
from bluesky_qs.wire.info import INFO

#: Identity of the sockets over which the kit itself asks: these requests are not noted.
OWN = b"bluesky_qs.testing"


class ControlSocket:
    """A ROUTER that notes requests, and answers some of them itself.

    Parameters
    ----------
    answers
        By method name: an answer to give in place of the manager's; a function of the parameters that makes it; or
        None for no answer at all.
    asked
        Called with the method and the parameters of each request.
    """

    def __init__(
        self,
        socket: "zmq.Socket[bytes]",
        encoding: Encoding,
        answers: Mapping[str, Any],
        asked: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._socket = socket
        self._encoding: Encoding = encoding
        self._answers = answers
        self._asked = asked

    def getsockopt(self, option: int) -> Any:
        return self._socket.getsockopt(option)

    def close(self) -> None:
        """Close the socket; answers that were given still go out."""
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
        """Note a request; True if it was answered in place of the manager, or is not to be answered."""
        try:
            request = decode(frames[-1], self._encoding)
            method, params = request["method"], request.get("params") or {}
        except (DecodeError, KeyError, TypeError, AttributeError):  # the manager says what is wrong with it
            return False
        self._asked(method, params)
        if method not in self._answers:
            return False
        answer = self._answers[method]
        answer = answer(params) if callable(answer) else answer
        if answer is not None:
            self._socket.send_multipart([*frames[:-1], encode(answer, self._encoding)])
        return True


class ControlLease:
    """A control socket as one manager sees it. When the manager closes it, it stays open for the next one."""

    def __init__(self, socket: ControlSocket) -> None:
        self._socket = socket
        self.closed = False
        self.getsockopt = socket.getsockopt
        self.recv_multipart = socket.recv_multipart

    def send_multipart(self, frames: list[bytes], flags: int = 0) -> None:
        self._socket.send_multipart(frames, flags)

    def close(self, linger: int | None = None) -> None:  # noqa: ARG002 - as of a socket
        self.closed = True


class InfoSocket:
    """An XPUB that remembers what was published, and knows whether somebody listens.

    Parameters
    ----------
    changed
        Called when something was published, and when somebody has subscribed.
    """

    def __init__(self, socket: "zmq.Socket[bytes]", encoding: Encoding, changed: Callable[[], None]) -> None:
        self._socket = socket
        self._encoding: Encoding = encoding
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._fd: Any = socket.getsockopt(zmq.FD)
        self._loop.add_reader(self._fd, self._hear)
        #: The status that was published last.
        self.status: dict[str, Any] = {}
        #: Topics and payloads but for those of the status, oldest first.
        self.published: list[tuple[bytes, bytes]] = []
        #: How many listen to which topic.
        self.subscribed: Counter[bytes] = Counter()

    def send_multipart(self, frames: list[bytes], flags: int = 0) -> None:
        """Publish."""
        topic, payload = frames
        if topic == INFO:
            self.status = decode(payload, self._encoding)["msg"]["status"]
        else:
            self.published.append((topic, payload))
        self._socket.send_multipart(frames, flags)
        self._hear()
        self._changed()

    def close(self) -> None:
        """Close the socket; what was published still goes out."""
        if not self._socket.closed:
            self._loop.remove_reader(self._fd)
            self._socket.close(linger=500)

    def _hear(self) -> None:
        """Take note of who listens."""
        while not self._socket.closed:
            try:
                message = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            self.subscribed[message[1:]] += 1 if message[0] else -1
            self._changed()


class InfoLease:
    """An info socket as one manager sees it. When the manager closes it, it stays open for the next one."""

    def __init__(self, socket: InfoSocket) -> None:
        self.closed = False
        self.send_multipart = socket.send_multipart

    def close(self) -> None:
        self.closed = True
