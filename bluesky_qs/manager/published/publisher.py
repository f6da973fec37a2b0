"""The messages that the manager publishes: status, events, documents and progress, each under its topic."""

import zmq

from bluesky_qs.ipc.reports import InfoReport
from bluesky_qs.wire.codec import Encoded, Encoding, encode
from bluesky_qs.wire.info import DOCUMENT, EVENT, INFO, PROGRESS, event_payload, info_payload, status_payload


class Publisher:
    """Sends publications to a socket and never waits.

    Parameters
    ----------
    socket
        A PUSH socket to the supervisor, which owns the info socket, or a PUB socket.
    """

    def __init__(self, socket: "zmq.Socket[bytes]", encoding: Encoding) -> None:
        self._encoding: Encoding = encoding
        self._socket = socket

    def status(self, status: Encoded) -> None:
        """Publish the status."""
        self._publish(INFO, status_payload(status, self._encoding))

    def document(self, payload: bytes) -> None:
        """Publish a document of the running plan (its payload as JSON text)."""
        self._publish(DOCUMENT, payload if self._encoding == "json" else encode(Encoded(payload), self._encoding))

    def progress(self, payload: bytes) -> None:
        """Publish the devices that the running plan waits for (the payload as JSON text)."""
        self._publish(PROGRESS, payload if self._encoding == "json" else encode(Encoded(payload), self._encoding))

    def info(self, report: InfoReport) -> None:
        """Publish messages about the running plan in the form of ``bluesky-queueserver``."""
        for message in report.messages:
            self._publish(INFO, info_payload(Encoded(message), self._encoding))

    def event(self, event: bytes) -> None:
        """Publish an event (JSON text)."""
        self._publish(EVENT, event_payload(Encoded(event), self._encoding))

    def _publish(self, topic: bytes, payload: bytes) -> None:
        """Send a publication. Drop it if the socket's queue is full because the other end is too slow."""
        if self._socket.closed:  # the manager is ending, and its last steps also change its state
            return
        try:
            self._socket.send_multipart([topic, payload], zmq.NOBLOCK)
        except zmq.Again:
            return
