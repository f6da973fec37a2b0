"""Metrics of a service without an HTTP door, read as Prometheus reads them."""

import os
import re
import signal
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bluesky_qs.metrics.names import OF_SERVICES
from bluesky_qs.wire.control import generate_keys

MANAGER, METRICS = "bluesky_qs.manager", "bluesky_qs.metrics"
#: Not through a proxy of this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Metered:
    """A service with metrics."""

    def __init__(self, service):
        self.service = service
        service.wait(lambda _: "The metrics server is open" in service.output(), "the metrics server")
        self.url = re.search(r"Metrics at '(http://127\.0\.0\.1:\d+/metrics)'", service.output())[1]

    def read(self):
        """The samples, as ``{(name, label, …): value}`` without the instrument."""
        text = OPENER.open(self.url, timeout=60).read().decode()
        return {
            (each.name, *(value for label, value in sorted(each.labels.items()) if label != "instrument")): each.value
            for family in text_string_to_metric_families(text)
            for each in family.samples
        }

    def until(self, key, value):
        self.service.wait(lambda _: self.read().get(key) == value, f"{key} is {value}")


@pytest.fixture
def metered(new_service):
    def start(*options, **settings):
        return Metered(new_service("--metrics", "0", "--warm-worker", "OFF", *options, **settings).start())

    return start


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_queue_plans_and_state_are_published_without_a_door(metered, encoding):
    metrics = metered("--zmq-encoding", encoding, encoding=encoding)
    service = metrics.service
    service.open()
    service.add("count", ["det1"])
    metrics.until(("bluesky_qs_queue_items",), 1)
    metrics.until(("bluesky_qs_manager_up",), 1)
    service.do("queue_start")
    metrics.until(("bluesky_qs_plans_total", "completed"), 1)
    metrics.until(("bluesky_qs_history_items",), 1)
    metrics.until(("bluesky_qs_manager_state", "idle"), 1)
    found = metrics.read()
    assert found["bluesky_qs_plan_duration_seconds_count",] == 1
    assert found["bluesky_qs_manager_restarts_total",] == 0
    text = OPENER.open(metrics.url).read().decode()
    families = {family.name for family in text_string_to_metric_families(text)}
    assert {each.name.removesuffix("_total") for each in OF_SERVICES} <= families


def test_a_restart_of_the_manager_is_counted(metered):
    metrics = metered()
    metrics.until(("bluesky_qs_manager_up",), 1)
    os.kill(metrics.service.find(MANAGER).pid, signal.SIGKILL)
    metrics.until(("bluesky_qs_manager_restarts_total",), 1)
    metrics.until(("bluesky_qs_manager_up",), 1)


def test_the_manager_is_seen_through_encryption_and_counted_once(metered):
    public, private = generate_keys()
    metrics = metered(env={"QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER": private}, server_key=public)
    metrics.until(("bluesky_qs_manager_up",), 1)
    assert metrics.read()["bluesky_qs_manager_restarts_total",] == 0


def test_the_server_of_metrics_is_replaced_and_the_service_is_not_affected(metered):
    metrics = metered()
    service = metrics.service
    before, manager = service.find(METRICS).pid, service.find(MANAGER).pid
    os.kill(before, signal.SIGKILL)
    service.wait(lambda _: service.output().count("The metrics server is open") == 2, "the next one")
    assert "The metrics server ended unexpectedly (killed by SIGKILL)" in service.output()
    metrics.until(("bluesky_qs_manager_up",), 1)
    assert service.find(METRICS).pid != before
    assert service.find(MANAGER).pid == manager
    assert service.stop() == 0
    assert service.processes() == []
