"""The metrics of one service at an address of their own: a process that listens to the service like the HTTP door.

It is a process and not a thread, so that no number of readers can slow down the supervisor or the manager.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import zmq
from prometheus_client import CollectorRegistry, MetricsHandler
from prometheus_client.core import Metric
from zmq.utils.monitor import recv_monitor_message

from bluesky_qs.config.schema import Network
from bluesky_qs.ipc.runtime import RuntimeDir
from bluesky_qs.ipc.supervision import BEAT_PERIOD
from bluesky_qs.metrics.counting import PlanCounts, ServiceState, state_metrics
from bluesky_qs.wire.codec import DecodeError, Encoding, decode
from bluesky_qs.wire.control import client_socket, public_key
from bluesky_qs.wire.info import EVENT, INFO

#: The name of a service that is the only one.
_INSTRUMENT = "default"
#: Seconds of silence after which the service counts as slow; it publishes its status every second.
_SLOW_AFTER = 3.0
#: Seconds that a reader has for its request.
_PATIENCE = 10.0
_CONNECTION = zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.DISCONNECTED


class ServiceMetrics:
    """The metrics of the service with this runtime directory.

    Attributes
    ----------
    registry
        For a reader of the metrics, in any thread.
    """

    def __init__(self, rundir: RuntimeDir, network: Network) -> None:
        private_key = network.zmq_private_key
        self._encoding: Encoding = network.zmq_encoding
        self.registry = CollectorRegistry()
        self._plans = PlanCounts(self.registry)
        self.registry.register(self)
        self._status: dict[str, Any] | None = None
        self._heard = float("-inf")
        self._is_connected = False
        self._connections = 0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._feed = self._context.socket(zmq.SUB)
        self._feed.rcvhwm = 0
        for topic in (INFO, EVENT):
            self._feed.subscribe(topic)
        self._feed.connect(rundir.feed)
        self._monitor: Any = None
        # Sends nothing: the connection shows whether there is a manager.
        self._control = client_socket(
            self._context,
            rundir.control,
            server_key=None if private_key is None else public_key(private_key),
            kind=zmq.DEALER,
            before_connecting=self._watch,
        )
        self._poller = zmq.Poller()
        self._poller.register(self._feed, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)

    def listen(self, seconds: float) -> None:
        """Take the messages that the service publishes, for this time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            events = dict(self._poller.poll(int(1000 * left) + 1))
            if self._monitor in events:
                self._connection_changed(recv_monitor_message(self._monitor)["event"])
            if self._feed in events:
                topic, payload = self._feed.recv_multipart()[:2]
                self._published(topic, payload)

    def collect(self) -> Iterable[Metric]:
        """The current state of the service, for the registry."""
        is_up = self._is_connected and time.monotonic() - self._heard < _SLOW_AFTER
        return state_metrics([ServiceState(_INSTRUMENT, self._status, is_up, self._connections)])

    def describe(self) -> Iterable[Metric]:
        """Return nothing, because the registry learns the names without values."""
        return ()

    def close(self) -> None:
        """Close the connections."""
        self._control.disable_monitor()
        self._context.destroy(linger=0)

    def _watch(self, control: Any) -> None:
        self._monitor = control.get_monitor_socket(_CONNECTION)

    def _connection_changed(self, event: int) -> None:
        self._is_connected = event == zmq.Event.HANDSHAKE_SUCCEEDED
        self._connections += self._is_connected

    def _published(self, topic: bytes, payload: bytes) -> None:
        self._heard = time.monotonic()
        if topic == EVENT:
            count = self._plans.heard if self._encoding == "json" else self._plans.heard_msgpack
            count(_INSTRUMENT, payload)
            return
        with contextlib.suppress(DecodeError):
            message = decode(payload, self._encoding).get("msg")
            if isinstance(message, dict) and "status" in message:
                self._status = message["status"]


class _Handler(MetricsHandler):
    timeout = _PATIENCE


@contextlib.contextmanager
def answering(listening: socket.socket, registry: CollectorRegistry) -> Iterator[None]:
    """Answer requests on this socket, in threads of its own."""
    handler: Any = type("Handler", (_Handler,), {"registry": registry})
    server = ThreadingHTTPServer(listening.getsockname()[:2], handler, bind_and_activate=False)
    server.daemon_threads = True
    server.socket.close()
    server.socket = listening
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(rundir: RuntimeDir, listening: socket.socket, beat: int) -> None:
    """Serve the metrics until the process is ended. ``beat`` is the file descriptor for signs of life."""
    metrics = ServiceMetrics(rundir, rundir.load_settings().network)
    with answering(listening, metrics.registry):
        while True:
            os.write(beat, b".")
            metrics.listen(BEAT_PERIOD)
