"""Counts the plans of services from their events, and shows the current state of each service."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from bluesky_qs.metrics.names import HISTORY, PLAN_DURATION, PLANS, QUEUE, RESTARTS, STATE, STATES, UP, Described

#: Plans take seconds to hours.
_PLAN_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)


class _Event(msgspec.Struct):
    type: str
    time: float
    item_uid: str = ""
    exit_status: str = ""


class PlanCounts:
    """The plans that have ended, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._durations = histogram(PLAN_DURATION, _PLAN_SECONDS, registry)
        self._ended = Counter(PLANS.name, PLANS.text, PLANS.labels, registry=registry)
        #: The start times of the running items, by instrument.
        self._started: dict[str, tuple[str, float]] = {}

    def heard(self, instrument: str, event: bytes) -> None:
        """Count an event of a service, as JSON text."""
        if b'"item_' in event:
            self._count(instrument, msgspec.json.decode(event, type=_Event))

    def heard_msgpack(self, instrument: str, event: bytes) -> None:
        """Count an event of a service, in MessagePack."""
        if b"item_" in event:
            self._count(instrument, msgspec.msgpack.decode(event, type=_Event))

    def _count(self, instrument: str, event: _Event) -> None:
        if event.type == "item_started":
            self._started[instrument] = event.item_uid, event.time
        elif event.type == "item_ended":
            self._ended.labels(instrument, event.exit_status).inc()
            uid, began = self._started.pop(instrument, ("", 0.0))
            if uid == event.item_uid:
                self._durations.labels(instrument).observe(max(0.0, event.time - began))


class ServiceState(NamedTuple):
    """What is known about a service.

    Attributes
    ----------
    status
        Its latest status, or None.
    is_up
        Whether it can be used: it is connected, and not silent.
    connections
        Number of times that its manager has been connected.
    """

    instrument: str
    status: Mapping[str, Any] | None
    is_up: bool
    connections: int


def state_metrics(states: Iterable[ServiceState]) -> list[Metric]:
    """The metrics of the current state of services."""
    queue, history, state, up = (gauge(each) for each in (QUEUE, HISTORY, STATE, UP))
    restarts = CounterMetricFamily(RESTARTS.name, RESTARTS.text, labels=RESTARTS.labels)
    for name, status, is_up, connections in states:
        up.add_metric([name], is_up)
        restarts.add_metric([name], max(0, connections - 1))
        if status is not None:
            queue.add_metric([name], status["items_in_queue"])
            history.add_metric([name], status["items_in_history"])
        for each in STATES:
            state.add_metric([name, each], is_up and status is not None and status["manager_state"] == each)
    return [queue, history, state, up, restarts]


def gauge(described: Described) -> GaugeMetricFamily:
    """A gauge without values."""
    return GaugeMetricFamily(described.name, described.text, labels=described.labels)


def histogram(described: Described, buckets: tuple[float, ...], registry: CollectorRegistry) -> Histogram:
    """A histogram in this registry."""
    return Histogram(described.name, described.text, described.labels, buckets=buckets, registry=registry)
