"""The link between the manager and the process at its other end: 0MQ, or (`bluesky_qs.testing`) the same process.

`ServerEnd` belongs to the worker or the supervisor and lives in one thread, which calls it when its socket is readable.
`ClientEnd` belongs to the manager and lives in its event loop. Reports are numbered and kept by the server until the
client acknowledges them, so a manager that dies loses none.
"""

import asyncio
import itertools
import logging
import typing
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec
import zmq
import zmq.asyncio
from zmq.utils.monitor import recv_monitor_message

from bluesky_qs.errors import QSError, WorkerError, by_code
from bluesky_qs.ipc import tracing
from bluesky_qs.ipc.encoding import encode
from bluesky_qs.ipc.frames import Command, CommandFrame, FromServer, Refusal, ReplyFrame, Report
from bluesky_qs.ipc.server import ServerEnd

__all__ = ["ClientEnd", "Link", "ServerEnd"]

R = TypeVar("R")

logger = logging.getLogger(__name__)


#: Seconds that the operating system may take to close the connection of a process that has ended.
_DISCONNECTING = 2.0
#: Maximum number of event loop turns that a message takes from the socket to its reader.
_TURNS = 3


class Link(ABC):
    """The requesting end of a link, in the manager's event loop. A subclass sends and receives the messages.

    Parameters
    ----------
    reports
        Union of the report types that the other end may push.
    """

    def __init__(self, reports: Any) -> None:
        self._reports = msgspec.msgpack.Decoder(reports)
        self._messages = msgspec.msgpack.Decoder(FromServer)
        self._waiting: dict[int, tuple[asyncio.Future[Any], Any]] = {}
        self._numbers = itertools.count(1)
        self._last_seq = 0
        self._ack = 0
        self._failure: QSError | None = None

    @abstractmethod
    async def _send(self, frame: bytes) -> None:
        """Send a message to the other end."""

    @abstractmethod
    async def _receive(self) -> bytes:
        """Return the next message from the other end."""

    @abstractmethod
    async def drain(self) -> None:
        """Return when `reports` has yielded everything that the other end sent.

        Call it after the process at the other end has ended.
        """

    async def request(self, command: Command[R]) -> R:
        """Send a command and wait for its reply.

        Raises
        ------
        QSError
            The other end refused the command (with the class of the refusal); `WorkerLost` or the error given to `fail`
            if the other end died in the meantime.
        """
        if self._failure:
            raise self._failure
        number = next(self._numbers)
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (future, answer_type(type(command)))
        try:
            await self._send(encode(CommandFrame(number, self._ack, command, tracing.context())))
            return await future
        finally:
            self._waiting.pop(number, None)

    def acknowledge(self, seq: int) -> None:
        """Acknowledge a report. The acknowledgement is sent with the next request, or with `flush`."""
        self._ack = max(self._ack, seq)

    async def flush(self) -> None:
        """Send the acknowledgement now, without a request."""
        await self._send(encode(CommandFrame(0, self._ack, None)))

    async def reports(self) -> AsyncIterator[tuple[int, Any]]:
        """Yield each report once, with its sequence number, and hand replies to their requests.

        Keep iterating as long as requests are made.
        """
        while True:
            message = self._messages.decode(await self._receive())
            match message:
                case ReplyFrame(number, value):
                    self._settle(number, value)
                case Refusal(number, code, text):
                    if (waiting := self._waiting.get(number)) and not waiting[0].done():
                        waiting[0].set_exception(by_code(code)(text))
                case Report(seq, body):
                    if seq and seq <= self._last_seq:
                        continue
                    self._last_seq = max(seq, self._last_seq)
                    yield seq, self._reports.decode(body)

    def fail(self, error: QSError) -> None:
        """The other end has ended: fail all current and future requests with this error."""
        self._failure = error
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(error)

    def close(self) -> None:
        """Close the link. Requests that are still waiting fail."""
        self.fail(WorkerError("The link is closed"))

    def _settle(self, number: int, value: msgspec.Raw) -> None:
        if (waiting := self._waiting.get(number)) and not waiting[0].done():
            future, kind = waiting
            future.set_result(msgspec.msgpack.decode(value, type=kind))


class ClientEnd(Link):
    """The requesting end of a link over 0MQ.

    Parameters
    ----------
    address
        Address of the server end, which may bind later.
    reports
        As in `Link`.
    """

    def __init__(self, context: zmq.asyncio.Context, address: str, reports: Any) -> None:
        super().__init__(reports)
        self._socket = context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.sndhwm = self._socket.rcvhwm = 0
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._has_received = False
        self._socket.connect(address)

    async def _send(self, frame: bytes) -> None:
        await self._socket.send(frame)

    async def _receive(self) -> bytes:
        frame = await self._socket.recv()
        self._has_received = True
        return frame

    async def drain(self) -> None:
        if not self._has_received:
            return
        try:
            async with asyncio.timeout(_DISCONNECTING):
                # The end of a connection is reported after its last message.
                await recv_monitor_message(self._monitor)
        except TimeoutError:
            logger.warning("The connection did not close within %g s", _DISCONNECTING)
        while await self._socket.poll(0):  # noqa: ASYNC110 - the reader empties it in its own turns
            await asyncio.sleep(0)
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def close(self) -> None:
        """Close the socket. Requests that are still waiting fail."""
        super().close()
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close(linger=0)


def answer_type(command: type[Command[R]]) -> Any:
    """Return the ``R`` of a subclass of ``Command[R]``."""
    for base in command.__orig_bases__:  # type: ignore[attr-defined]
        if typing.get_origin(base) is Command:
            return typing.get_args(base)[0]
    raise TypeError(command)
