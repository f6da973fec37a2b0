"""The HTTP protocol of a connection, with a size limit for request headers, which uvicorn does not have."""

import asyncio
import socket
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class LimitedProtocol(HttpToolsProtocol):
    """Closes a connection if the headers of a request are too long."""

    head_limit = 64 * 1024
    #: Bytes of an unfinished head after its first part; None between the heads of two requests.
    _unfinished: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A client has connected."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            # The head and the body of a response are sent one after the other. The event loop sets TCP_NODELAY only for
            # sockets that were created with the protocol number of TCP; without it, the body waits 40 ms for the
            # client's acknowledgment.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = transport
        self.transport = _HeadWithBody(transport, self.loop)  # pyright: ignore[reportAttributeAccessIssue]

    def handle_websocket_upgrade(self) -> None:
        """The connection becomes a websocket, which sends no response heads."""
        self.transport = self._connection
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Parse the data that has arrived."""
        continued = self._unfinished is not None
        super().data_received(data)
        if continued and self._unfinished is not None:
            self._unfinished += len(data)
            if self._unfinished > self.head_limit:
                self._refuse()

    def on_message_begin(self) -> None:
        """The head of a request begins."""
        self._unfinished = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._unfinished = None
        super().on_headers_complete()

    def drop_unanswered(self) -> bool:
        """Close the connection if it waits for a response or for the rest of one; return whether it did."""
        unanswered = self.cycle is not None and not self.cycle.response_complete
        if unanswered:
            self.transport.abort()
        return unanswered

    def _refuse(self) -> None:
        body = b'{"detail":"The request head is larger than %d bytes"}' % self.head_limit
        self.transport.write(
            b"HTTP/1.1 413 Content Too Large\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(body), body)
        )
        self.transport.close()


class _HeadWithBody:
    """A transport that sends the head of a response together with the first bytes of its body.

    uvicorn writes them one after the other. Two system calls would cost a tenth of the time that a short request takes,
    and would wake the client twice. A head without a body is sent in the next turn of the event loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send data, or keep it for a moment if it is a head."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        elif data.startswith(b"HTTP/1."):
            self._head = data
            self._loop.call_soon(self._send_head)
        else:
            self._transport.write(data)

    def _send_head(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        """Close the connection after everything is sent."""
        self._send_head()
        self._transport.close()


def limited_protocol(head_limit: int) -> type[LimitedProtocol]:
    """The protocol with this limit, in bytes."""
    return type("LimitedProtocol", (LimitedProtocol,), {"head_limit": head_limit})
