"""The server side of websockets, with a faster path for messages to many readers."""

import logging
from typing import Any, cast

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from bluesky_qs.door.streams.frame import READY, WRITE

_logger = logging.getLogger("uvicorn.error.websockets")
_logger.setLevel(logging.WARNING)  # its line for each websocket contains the query, which may contain a key
# Client errors are not logged, because anyone could fill the log with them.
_logger.addFilter(lambda record: "Invalid UTF-8" not in record.msg)


class SharedFrames(WebSocketsSansIOProtocol):
    """Writes the encoded bytes of a message, if it has any, instead of encoding it again for each reader."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _logger

    async def run_asgi(self) -> None:
        scope = cast("dict[str, Any]", self.scope)
        scope["extensions"][WRITE] = self.write
        await super().run_asgi()

    def write(self, ready: bytes) -> bool:
        """Write encoded bytes, unless the write would have to wait; return whether they were written."""
        if not (self._takes_ready and self.writable.is_set()) or self.transport.is_closing():
            return False
        self.transport.write(ready)
        return True

    @property
    def _takes_ready(self) -> bool:
        return self.handshake_complete and not self.close_sent and not self.conn.extensions

    async def send(self, message: Any) -> None:
        ready = message.get(READY)
        if ready is None or not self._takes_ready:
            await super().send(message)
            if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
                self.handshake_complete = True  # uvicorn would report the refusal as an error in our code
            return
        if not self.writable.is_set():
            await self.writable.wait()
        if self.close_sent or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(ready)
