"""Metrics for Prometheus: their names, what they count, and who may read them."""

import asyncio
import re
import socket
import time
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import bluesky_qs
from bluesky_qs.door.signin.keys import new_key
from bluesky_qs.door.signin.provider import Identity
from bluesky_qs.door.signin.settings import read_sign_in
from bluesky_qs.door.streams.frame import Frame
from bluesky_qs.door.streams.outlet import QueueOutlet
from bluesky_qs.errors import ConfigError
from bluesky_qs.metrics.names import METRICS
from bluesky_qs.testing import Fail

DOCS = Path(bluesky_qs.__file__).parents[1] / "docs" / "http-door.md"


def read(text):
    """The samples by name, with their labels but the instrument, as ``{(name, label, …): value}``."""
    return {
        (sample.name, *(value for label, value in sorted(sample.labels.items()) if label != "instrument")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def now(door):
    return read(door.door.metrics.text().decode())


async def test_queue_and_state_of_the_manager(door):
    await door.get("/status")
    await door.post("/queue/item/add", item={"item_type": "plan", "name": "count", "args": [["det1"]]})
    outlet = QueueOutlet(door.door.default.feed.status, tells=False)
    while door.door.default.status["items_in_queue"] != 1:
        await outlet.next()
    outlet.close()
    found = now(door)
    assert found["bluesky_qs_queue_items",] == 1
    assert found["bluesky_qs_history_items",] == 0
    assert found["bluesky_qs_manager_up",] == 1
    assert found["bluesky_qs_manager_state", "idle"] == 1
    assert found["bluesky_qs_manager_state", "paused"] == 0


async def test_plans_are_counted_by_how_they_end_and_how_long_they_take(door):
    ended = asyncio.Queue()
    events = door.door.default.feed.events
    events.listeners.append(lambda text: ended.put_nowait(1) if b'"item_ended"' in text else None)
    door.manager.worker.on_plan("scan", Fail("no light"))
    await door.manager.open()
    await door.manager.add("count", ["det1"])
    await door.manager.add("scan", ["det1"], "motor", -1, 1, 3)
    await door.manager.do("queue_start")
    for _ in range(2):
        await asyncio.wait_for(ended.get(), 10)
    found = now(door)
    assert found["bluesky_qs_plans_total", "completed"] == 1
    assert found["bluesky_qs_plans_total", "failed"] == 1
    assert found["bluesky_qs_plan_duration_seconds_count",] == 2


async def test_requests_are_counted_by_route_and_status_also_those_of_the_sign_in(door):
    await door.get("/status")
    await door.http.get("/api/queue/item/some-uid")
    await door.http.post("/api/queue/autostart")
    await door.http.get("/api/auth/providers")
    found = now(door)
    for route, status in (
        ("/status", "200"),
        ("/queue/item/{uid}", "200"),
        ("/queue/autostart", "422"),
        ("/auth/providers", "200"),
    ):
        assert found["bluesky_qs_http_request_duration_seconds_count", route, status] == 1


async def test_a_restart_of_the_manager_is_seen(door):
    assert now(door)["bluesky_qs_manager_restarts_total",] == 0
    changed = asyncio.Queue()
    door.door.default.on_change.append(lambda: changed.put_nowait(door.door.default.reachable))
    await door.manager.stop()
    await door.manager.start()
    while not await asyncio.wait_for(changed.get(), 10):
        pass
    assert now(door)["bluesky_qs_manager_restarts_total",] == 1


async def test_messages_that_a_slow_reader_has_missed_are_counted_also_after_it_was_told(door):
    channel = door.door.default.feed.documents
    reader = QueueOutlet(channel, tells=True, limit=2)
    for number in range(5):
        channel.put(Frame(str(number)))
    await reader.next()
    reader.close()
    assert now(door)["bluesky_qs_stream_dropped_messages_total", "documents"] == 3


async def test_the_route_needs_its_scope(door):
    async with door.client() as http:
        assert (await http.get("/metrics")).status_code == 401
    response = await door.http.get("/metrics")  # the single user is no administrator
    assert (response.status_code, "admin:metrics" in response.json()["detail"]) == (401, True)


@pytest.fixture
async def administered(new_door, tmp_path):
    """A door with one user, who has the role admin, and the secret of a key that can only read metrics."""
    provider = {"provider": "toy", "authenticator": "dictionary", "args": {"users_to_passwords": {"root": "pw"}}}
    uri = f"sqlite:///{tmp_path / 'users.sqlite3'}"
    sections = {
        "authentication": {"providers": [provider]},
        "access": {"rules": [{"user": "root", "roles": "admin"}]},
        "database": {"uri": uri},
    }
    door = await new_door(sign_in=read_sign_in(sections, {}))
    database = door.door.sign_in.database
    principal, _ = await database.signed_in(Identity("root", "toy"), now=time.time(), expires=time.time() + 1000)
    key = await new_key(database, principal.uuid, ("admin:metrics",), expires=None, note="Prometheus")
    return door, key.secret


async def test_prometheus_reads_them_with_a_key_as_the_documentation_configures_it(administered):
    door, secret = administered
    (text,) = re.findall(r"```yaml\n# prometheus.yml\n(.+?)```", DOCS.read_text(), re.DOTALL)
    (job,) = yaml.safe_load(text)["scrape_configs"]
    assert job["metrics_path"].endswith("/metrics")
    assert job["authorization"].keys() == {"type", "credentials_file"}
    headers = {"Authorization": f"{job['authorization']['type']} {secret}"}  # as Prometheus makes it
    async with door.client(headers=headers) as http:
        response = await http.get("/metrics")
        assert (await http.get("/api/status")).status_code == 401
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    assert {each.name.removesuffix("_total") for each in METRICS} <= families.keys()
    assert families["bluesky_qs_manager_up"].samples[0].labels == {"instrument": "default"}


async def test_a_listener_of_their_own_shows_them_to_anyone(new_door, free_ports):
    (port,) = free_ports(1)
    await new_door(metrics=str(port))
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.get(f"http://127.0.0.1:{port}/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    assert ("bluesky_qs_stream_readers",) in read(response.text)


async def test_the_listener_ends_and_its_address_must_be_free(door):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"--metrics {port}: "), door.door.metrics.listening(str(port)):
            pass
    with door.door.metrics.listening(str(port)):
        socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_the_documentation_lists_each_metric_with_its_labels():
    rows = re.findall(r"^\| `(bluesky_qs_\w+)` \| ([^|]*) \| ([^|]+) \|$", DOCS.read_text(), re.MULTILINE)
    assert rows == [(each.name, ", ".join(f"`{label}`" for label in each.labels), each.text) for each in METRICS]
