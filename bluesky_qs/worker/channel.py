"""Messages between the worker, its shadow and the shadow's children, over one pair of sockets.

Messages are split into packets, because the system limits the size of a packet. Each packet begins with its sender and
a mark for the last one, because a child may be killed in the middle of a message.
"""

import json
import os
import select
from typing import Any, Literal

Sender = Literal[b"c", b"s", b"w"]
CHILD: Sender = b"c"
SHADOW: Sender = b"s"
WORKER: Sender = b"w"

_PACKET = 32_000
#: The original function. A dry run replaces `os.write` for user code.
_write = os.write


class Closed(EOFError):
    """The other side has ended."""


class Channel:
    """One end of the pair of sockets.

    It uses only the descriptor, because the shadow refuses sockets. Each message has the number of its request, because
    an answer may arrive late.
    """

    def __init__(self, descriptor: int, sender: Sender, *, request: int = 0) -> None:
        self.descriptor = descriptor
        self.request = request
        self._sender = sender
        self._parts: dict[bytes, list[bytes]] = {}

    def send(self, message: dict[str, Any]) -> None:
        """Send a message. Raise `Closed` if the other side has ended."""
        data = json.dumps({**message, "of": self.request}).encode()
        try:
            while data:
                packet, data = data[:_PACKET], data[_PACKET:]
                _write(self.descriptor, self._sender + (b"+" if data else b".") + packet)
        except OSError as error:
            raise Closed(str(error)) from error

    def receive(self, timeout: float | None = None) -> dict[str, Any]:
        """Return the next message.

        Raises
        ------
        TimeoutError
            No message arrived within ``timeout`` seconds.
        Closed
            The other side has ended.
        """
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        while True:
            if timeout is not None and not poll.poll(timeout * 1000):
                raise TimeoutError
            try:
                packet = os.read(self.descriptor, _PACKET + 2)
            except OSError as error:
                raise Closed(str(error)) from error
            if not packet:
                raise Closed("the other side has ended")
            sender, last, data = packet[:1], packet[1:2], packet[2:]
            parts = self._parts.setdefault(sender, [])
            parts.append(data)
            if last == b".":
                self._parts.clear()
                return json.loads(b"".join(parts))

    def close(self) -> None:
        """Close this end."""
        os.close(self.descriptor)
