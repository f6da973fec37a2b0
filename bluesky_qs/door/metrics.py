"""Metrics for Prometheus: the door's own counters, and the current state of each service."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from bluesky_qs.addresses import http_place
from bluesky_qs.api.values import ManagerStateName
from bluesky_qs.door.door import Door
from bluesky_qs.door.route import Answer, Call, Route
from bluesky_qs.door.service import Service
from bluesky_qs.errors import ConfigError

#: Most requests take milliseconds, most plans seconds to hours.
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_PLAN_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
_STATES: tuple[str, ...] = ManagerStateName.__args__


class Described(NamedTuple):
    """A metric, as in the documentation."""

    name: str
    labels: tuple[str, ...]
    text: str


_QUEUE = Described("bluesky_qs_queue_items", ("instrument",), "Items in the queue")
_HISTORY = Described("bluesky_qs_history_items", ("instrument",), "Items in the history")
_STATE = Described(
    "bluesky_qs_manager_state", ("instrument", "state"), "1 for the state of the manager, 0 for the others"
)
_UP = Described("bluesky_qs_manager_up", ("instrument",), "1 if the manager can be used, 0 if it is down or slow")
_RESTARTS = Described(
    "bluesky_qs_manager_restarts_total",
    ("instrument",),
    "Number of reconnections to the manager, after a restart or a network interruption",
)
_DROPPED = Described(
    "bluesky_qs_stream_dropped_messages_total",
    ("instrument", "stream"),
    "Messages that slow readers of streams missed",
)
_READERS = Described("bluesky_qs_stream_readers", (), "Open streams")
_PLANS = Described(
    "bluesky_qs_plans_total",
    ("instrument", "exit_status"),
    "Plans that have ended; `exit_status` is completed, failed, stopped, …",
)
_PLAN_DURATION = Described("bluesky_qs_plan_duration_seconds", ("instrument",), "Duration of plans (histogram)")
_REQUEST_DURATION = Described(
    "bluesky_qs_http_request_duration_seconds",
    ("route", "status"),
    "Time until a request was answered (histogram); `_count` is the number of requests",
)
#: Every metric, in the order of the documentation.
METRICS = (
    _QUEUE,
    _HISTORY,
    _STATE,
    _UP,
    _RESTARTS,
    _PLANS,
    _PLAN_DURATION,
    _REQUEST_DURATION,
    _READERS,
    _DROPPED,
)


class _Event(msgspec.Struct):
    type: str
    time: float
    item_uid: str = ""
    exit_status: str = ""


class Metrics:
    """The metrics of a door."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._registry = CollectorRegistry()
        self._requests = self._histogram(_REQUEST_DURATION, _REQUEST_SECONDS)
        #: Its parts by route and status, which the library would look up under a lock.
        self._answers: dict[tuple[str, int], Histogram] = {}
        self._plans = self._histogram(_PLAN_DURATION, _PLAN_SECONDS)
        self._ended = Counter(_PLANS.name, _PLANS.text, _PLANS.labels, registry=self._registry)
        #: The start times of the running items, by service.
        self._started: dict[str, tuple[str, float]] = {}
        self._registry.register(self)
        door.observers.append(self._answered)

    def _histogram(self, described: Described, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(described.name, described.text, described.labels, buckets=buckets, registry=self._registry)

    def follow(self, service: Service) -> None:
        """Count the events of a service. Its feed is open."""
        service.feed.events.listeners.append(lambda text: self._heard(service.name, text))

    def text(self) -> bytes:
        """All metrics in the format of Prometheus."""
        return generate_latest(self._registry)

    @contextlib.contextmanager
    def listening(self, address: str | None) -> Iterator[None]:
        """Also publish the metrics at a separate address, for anyone who can reach it; None disables this.

        Raises
        ------
        ConfigError
            The address cannot be used.
        """
        if address is None:
            yield
            return
        host, port = http_place(address)
        try:
            server, thread = start_http_server(port, host or "::", registry=self._registry)
        except OSError as error:
            raise ConfigError(f"--metrics {address}: {error.strerror or error}. Choose another address") from None
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def collect(self) -> Iterable[Metric]:
        """The current state of the services, for the registry."""
        gauges = {each: GaugeMetricFamily(each.name, each.text, labels=each.labels) for each in _GAUGES}
        restarts = CounterMetricFamily(_RESTARTS.name, _RESTARTS.text, labels=_RESTARTS.labels)
        dropped = CounterMetricFamily(_DROPPED.name, _DROPPED.text, labels=_DROPPED.labels)
        for service in self._door.services.values():
            name, status, is_up = service.name, service.status, service.presence == "up"
            gauges[_UP].add_metric([name], is_up)
            restarts.add_metric([name], max(0, service.connections - 1))
            if status is not None:
                gauges[_QUEUE].add_metric([name], status["items_in_queue"])
                gauges[_HISTORY].add_metric([name], status["items_in_history"])
            for state in _STATES:
                is_it = is_up and status is not None and status["manager_state"] == state
                gauges[_STATE].add_metric([name, state], is_it)
            if service.feed is not None:
                for stream, count in service.feed.dropped().items():
                    dropped.add_metric([name, stream], count)
        gauges[_READERS].add_metric([], len(self._door.streams.readers))
        return [*gauges.values(), restarts, dropped]

    def describe(self) -> Iterable[Metric]:
        """Return nothing, because the registry learns the names without values."""
        return ()

    def _answered(self, route: str, status: int, seconds: float) -> None:
        answered = self._answers.get((route, status))
        if answered is None:
            answered = self._answers[route, status] = self._requests.labels(route, status)
        answered.observe(seconds)

    def _heard(self, instrument: str, text: bytes) -> None:
        if b'"item_' not in text:
            return
        event = msgspec.json.decode(text, type=_Event)
        if event.type == "item_started":
            self._started[instrument] = event.item_uid, event.time
        elif event.type == "item_ended":
            self._ended.labels(instrument, event.exit_status).inc()
            uid, began = self._started.pop(instrument, ("", 0.0))
            if uid == event.item_uid:
                self._plans.labels(instrument).observe(max(0.0, event.time - began))


_GAUGES = (_QUEUE, _HISTORY, _STATE, _UP, _READERS)


def routes() -> list[Route]:
    """The route, which is outside of ``/api``."""
    return [Route("GET", "/metrics", "admin:metrics", metrics, text=metrics.__doc__ or "", gives="text/plain")]


async def metrics(call: Call) -> Answer:
    """Metrics for Prometheus."""
    return Answer(call.door.metrics.text(), content_type=CONTENT_TYPE_PLAIN_0_0_4.encode())
