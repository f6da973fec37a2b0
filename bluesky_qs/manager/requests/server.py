"""The control socket: it receives requests and sends replies. A slow request does not delay the others."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import zmq

from bluesky_qs.manager.requests.dispatch import Dispatcher

#: Maximum number of requests per turn of the event loop, so that many requests at once do not block the manager.
_PER_TURN = 64


class ControlServer:
    """Answers requests on a ROUTER socket, which REQ clients cannot distinguish from a REP socket.

    The event loop watches the socket directly, because `zmq.asyncio` costs several times as much for each request.
    """

    def __init__(
        self,
        socket: "zmq.Socket[bytes]",
        dispatcher: Dispatcher,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._socket = socket
        self._dispatcher = dispatcher
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self._listens = True
        self._fd: Any = socket.getsockopt(zmq.FD)
        self._loop.add_reader(self._fd, self._receive)
        self._loop.call_soon(self._receive)

    def stop_listening(self) -> None:
        """Stop receiving requests."""
        self._listens = False
        self._loop.remove_reader(self._fd)

    def close(self) -> None:
        """Close the socket. Replies that were already sent still go out."""
        self._socket.close(linger=500)

    def _receive(self) -> None:
        if not self._listens:
            return
        for _ in range(_PER_TURN):
            try:
                *envelope, frame = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            reply = self._dispatcher.answer_now(frame)
            if reply is None:
                self._spawn(self._answer(envelope, frame))
            else:
                self._send(envelope, reply)
        # The descriptor signals only new messages, so look again for messages that have already arrived.
        self._loop.call_soon(self._receive)

    async def _answer(self, envelope: list[bytes], frame: bytes) -> None:
        self._send(envelope, await self._dispatcher.answer(frame))

    def _send(self, envelope: list[bytes], reply: bytes) -> None:
        if self._socket.closed:
            return
        try:
            self._socket.send_multipart([*envelope, reply], zmq.NOBLOCK)
        except zmq.Again:  # this client does not read its replies
            return
        # Look again, because sending consumes the descriptor's signal for messages that arrived meanwhile.
        events: Any = self._socket.getsockopt(zmq.EVENTS)
        if events & zmq.POLLIN:
            self._loop.call_soon(self._receive)
