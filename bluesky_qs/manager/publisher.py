"""What the manager tells everybody on the info socket, which the supervisor owns."""

from typing import Any

import zmq

from bluesky_qs.wire.codec import Encoded, Encoding, encode
from bluesky_qs.wire.info import DOCUMENT, EVENT, INFO, event_payload, status_payload


class Publisher:
    """Hands publications to the supervisor; never waits for anybody."""

    def __init__(self, context: "zmq.Context[Any]", address: str, encoding: Encoding) -> None:
        self._encoding: Encoding = encoding
        self._socket: zmq.Socket[bytes] = zmq.Context(context).socket(zmq.PUSH)
        self._socket.linger = 500
        self._socket.connect(address)

    def status(self, status: Encoded) -> None:
        """Publish the status."""
        self._publish(INFO, status_payload(status, self._encoding))

    def document(self, payload: bytes) -> None:
        """Publish a document of the running plan (its payload as JSON text)."""
        self._publish(DOCUMENT, payload if self._encoding == "json" else encode(Encoded(payload), self._encoding))

    def event(self, event: bytes) -> None:
        """Publish an event (JSON text)."""
        self._publish(EVENT, event_payload(Encoded(event), self._encoding))

    def _publish(self, topic: bytes, payload: bytes) -> None:
        """Hand it over; dropped if the supervisor is so far behind that the queue to it is full."""
        if self._socket.closed:  # the manager is ending, and what it does last changes its state too
            return
        try:
            self._socket.send_multipart([topic, payload], zmq.NOBLOCK)
        except zmq.Again:
            return

    def close(self) -> None:
        """Close the socket when what was published is out."""
        self._socket.close()
