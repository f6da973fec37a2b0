"""The answering end of a link. A separate module, because the supervisor does not import asyncio."""

import itertools
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import zmq

from bluesky_qs.errors import QSError
from bluesky_qs.ipc import tracing
from bluesky_qs.ipc.encoding import encode
from bluesky_qs.ipc.frames import Refusal, ReplyFrame, Report
from bluesky_qs.private import close_socket


class AnsweringEnd(ABC):
    """The answering end of a link. A subclass sends and receives the messages. Use it in one thread only.

    Parameters
    ----------
    commands
        Union of the command types that the other end may send.
    handle
        Called with each command. It returns the reply, or raises `QSError` to refuse.
    push_waiting
        Called before each reply. It pushes pending reports, so that changes made by a command are reported before its
        reply.
    """

    def __init__(
        self, commands: Any, handle: Callable[[Any], Any], push_waiting: Callable[[], object] = lambda: None
    ) -> None:
        self._handle = handle
        self._push_waiting = push_waiting
        fields: list[Any] = [("id", int), ("ack", int), ("command", commands | None), ("trace", str | None, None)]
        self._decoder = msgspec.msgpack.Decoder(msgspec.defstruct("Incoming", fields))
        self._peer: bytes | None = None
        self._sender: bytes = b""
        self._resend = False
        self._first: Sequence[msgspec.Struct] = ()
        self._numbers = itertools.count(1)
        self._kept: deque[tuple[int, bytes]] = deque()

    @abstractmethod
    def _transmit(self, peer: bytes, frame: bytes) -> None:
        """Send a message to a requesting end."""

    def push(self, report: msgspec.Struct, *, keep: bool = True) -> None:
        """Send a report. With ``keep``, it gets a number and is sent to each new peer until it is acknowledged."""
        number = next(self._numbers) if keep else 0
        frame = encode(Report(number, msgspec.Raw(encode(report))))
        if keep:
            self._kept.append((number, frame))
        self._send(frame)

    def adopt(self, first: Sequence[msgspec.Struct] = ()) -> None:
        """Make the sender of the current command the peer. After the reply, it gets ``first``, then the kept reports.

        ``first`` are reports without numbers.
        """
        self._peer = self._sender
        self._resend = True
        self._first = first

    @property
    def unacknowledged(self) -> int:
        """Number of reports that have not been acknowledged."""
        return len(self._kept)

    def _serve(self, peer: bytes, frame: bytes) -> None:
        request: Any = self._decoder.decode(frame)
        self._sender, self._resend = peer, False
        while self._kept and self._kept[0][0] <= request.ack:
            self._kept.popleft()
        if request.id == 0:  # a bare acknowledgement
            return
        try:
            with tracing.continued(type(request.command).__name__, request.trace):
                value = self._handle(request.command)
            reply: Any = ReplyFrame(request.id, msgspec.Raw(encode(value)))
        except QSError as error:
            reply = Refusal(request.id, error.code, error.message)
        if not self._resend:  # a new peer gets the kept reports first, after the reply
            self._push_waiting()
        self._transmit(peer, encode(reply))
        if self._resend:
            first, self._first = self._first, ()
            for report in first:
                self._send(encode(Report(0, msgspec.Raw(encode(report)))))
            for _, kept in self._kept:
                self._send(kept)

    def _send(self, frame: bytes) -> None:
        if self._peer is not None:
            self._transmit(self._peer, frame)


class ServerEnd(AnsweringEnd):
    """The answering end of a link over 0MQ.

    Parameters
    ----------
    address
        Where to bind.
    commands, handle, push_waiting
        As in `AnsweringEnd`.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        address: str,
        commands: Any,
        handle: Callable[[Any], Any],
        push_waiting: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(commands, handle, push_waiting)
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.sndhwm = self.socket.rcvhwm = 0  # reports are never dropped, however slow the peer is
        self.socket.bind(address)
        close_socket(address)

    def receive(self) -> None:
        """Handle every message that has arrived. Call it when the socket is readable."""
        while True:
            try:
                peer, frame = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._serve(peer, frame)

    def close(self) -> None:
        """Close the socket, after giving the last reports 0.5 s to be sent."""
        self.socket.close(linger=500)

    def _transmit(self, peer: bytes, frame: bytes) -> None:
        self.socket.send_multipart([peer, frame])
