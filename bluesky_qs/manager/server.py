"""The control socket: requests in, answers out, none waiting behind another's slow one."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import zmq

from bluesky_qs.manager.dispatch import Dispatcher

#: Requests taken in one turn of the event loop, so that a flood of them does not keep the rest of the manager waiting.
_A_TURN = 64


class ControlServer:
    """Answers on a ROUTER socket, which REQ clients cannot tell from REP.

    The socket is watched by the event loop itself: `zmq.asyncio` costs several times as much for each request.
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
        self._fd: Any = socket.getsockopt(zmq.FD)
        self._loop.add_reader(self._fd, self._receive)
        self._loop.call_soon(self._receive)

    def close(self) -> None:
        """Stop listening; answers that were given still go out."""
        self._loop.remove_reader(self._fd)
        self._socket.close(linger=500)

    def _receive(self) -> None:
        if self._socket.closed:
            return
        for _ in range(_A_TURN):
            try:
                *envelope, frame = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            answer = self._dispatcher.answer_now(frame)
            if answer is None:
                self._spawn(self._answer(envelope, frame))
            else:
                self._send(envelope, answer)
        # The descriptor tells of new messages only: look again for those that are there already.
        self._loop.call_soon(self._receive)

    async def _answer(self, envelope: list[bytes], frame: bytes) -> None:
        self._send(envelope, await self._dispatcher.answer(frame))

    def _send(self, envelope: list[bytes], answer: bytes) -> None:
        if self._socket.closed:
            return
        try:
            self._socket.send_multipart([*envelope, answer], zmq.NOBLOCK)
        except zmq.Again:  # that client does not read its answers; others do
            return
        # Sending consumes the descriptor's signal for messages that came in meanwhile.
        events: Any = self._socket.getsockopt(zmq.EVENTS)
        if events & zmq.POLLIN:
            self._loop.call_soon(self._receive)
