"""Metrics for Prometheus: the door's own counters, and the current state of each service."""

import contextlib
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Histogram, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from bluesky_qs.addresses import http_place
from bluesky_qs.door.door import Door
from bluesky_qs.door.route import Answer, Call, Route
from bluesky_qs.door.service import Service
from bluesky_qs.errors import ConfigError
from bluesky_qs.metrics.counting import PlanCounts, ServiceState, gauge, histogram, state_metrics
from bluesky_qs.metrics.names import DROPPED, READERS, REQUEST_DURATION

#: Most requests take milliseconds.
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """The metrics of a door."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._registry = CollectorRegistry()
        self._requests = histogram(REQUEST_DURATION, _REQUEST_SECONDS, self._registry)
        #: The labeled histograms by route and status. The library would look them up under a lock.
        self._answers: dict[tuple[str, int], Histogram] = {}
        self._plans = PlanCounts(self._registry)
        self._registry.register(self)
        door.observers.append(self._answered)

    def follow(self, service: Service) -> None:
        """Count a service's events. The service's feed must already be open."""
        service.feed.events.listeners.append(lambda text: self._plans.heard(service.name, text))

    def text(self) -> bytes:
        """All metrics in the format of Prometheus."""
        return generate_latest(self._registry)

    @contextlib.contextmanager
    def listening(self, address: str | None) -> Iterator[None]:
        """Also publish the metrics at a separate address, for anyone who can reach it; with None, do nothing.

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
        services = self._door.services.values()
        dropped = CounterMetricFamily(DROPPED.name, DROPPED.text, labels=DROPPED.labels)
        for service in services:
            if service.feed is not None:
                for stream, count in service.feed.dropped().items():
                    dropped.add_metric([service.name, stream], count)
        readers = gauge(READERS)
        readers.add_metric([], len(self._door.streams.readers))
        states = (ServiceState(each.name, each.status, each.presence == "up", each.connections) for each in services)
        return [*state_metrics(states), readers, dropped]

    def describe(self) -> Iterable[Metric]:
        """Return nothing, because the registry learns the names without values."""
        return ()

    def _answered(self, route: str, status: int, seconds: float) -> None:
        answered = self._answers.get((route, status))
        if answered is None:
            answered = self._answers[route, status] = self._requests.labels(route, status)
        answered.observe(seconds)


def routes() -> list[Route]:
    """The route, which is outside of ``/api``."""
    return [Route("GET", "/metrics", "admin:metrics", metrics, text=metrics.__doc__ or "", gives="text/plain")]


async def metrics(call: Call) -> Answer:
    """Metrics for Prometheus."""
    return Answer(call.door.metrics.text(), content_type=CONTENT_TYPE_PLAIN_0_0_4.encode())
