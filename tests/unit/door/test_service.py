"""A door before services that are down, slow, frozen, encrypted or of another encoding."""

import asyncio
import time

import msgspec
import pytest
import zmq

from bluesky_qs.config.schema import Settings
from bluesky_qs.door.service import Service
from bluesky_qs.door.settings import ServiceSettings
from bluesky_qs.testing import AsyncManager
from bluesky_qs.wire.control import generate_keys

PLAN = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 1}}


@pytest.fixture
def with_network():
    """Settings of a manager with these network settings."""
    return lambda **network: msgspec.structs.replace(
        Settings(), network=msgspec.structs.replace(Settings().network, **network)
    )


def service_before(manager, **options):
    return ServiceSettings(control_addr=manager.control, info_addr=manager.info, **options)


async def until_up(service):
    """Wait until the service is connected."""
    connected = asyncio.Event()
    service.on_change.append(lambda: service.reachable and connected.set())
    if not service.reachable:
        async with asyncio.timeout(30):
            await connected.wait()


async def test_a_service_that_is_down_is_503_at_once_with_retry_after(new_door, free_ports):
    (port,) = free_ports(1)
    door = await new_door(
        services=(ServiceSettings(control_addr=f"tcp://127.0.0.1:{port}", timeout=1000),), connects=False
    )
    response = await door.http.get("/api/status")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert "is down" in response.json()["detail"]


async def test_the_manager_that_starts_beside_the_door_is_awaited(free_ports):
    control, info = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    beside, elsewhere = (
        Service(ServiceSettings(control_addr=control, info_addr=info, is_beside=is_beside))
        for is_beside in (True, False)
    )
    with zmq.Context() as context:
        await beside.open(context)
        connected = asyncio.create_task(beside.connected(30))
        await elsewhere.open(context)
        assert not await elsewhere.connected(30)
        assert not connected.done()
        with zmq.Context() as other, other.socket(zmq.ROUTER) as manager:
            manager.bind(control)
            assert await connected
        await beside.close()
        await elsewhere.close()


async def test_a_manager_that_does_not_answer_is_408_and_delays_nobody_else(new_door, manager):
    door = await new_door(services=(service_before(manager, timeout=0.2),))
    manager.answers["queue_get"] = None
    slow = asyncio.create_task(door.http.get("/api/queue/get"))
    assert (await door.get("/status"))["manager_state"] == "idle"
    response = await slow
    assert response.status_code == 408
    assert "did not answer 'queue_get' within 0.2 s" in response.json()["detail"]


async def test_a_write_without_an_answer_has_an_audit_line(new_door, manager, caplog):
    caplog.set_level("INFO", "bluesky_qs.door.audit")
    door = await new_door(services=(service_before(manager, timeout=0.1),))
    manager.answers["queue_start"] = None
    assert (await door.http.post("/api/queue/start")).status_code == 408
    assert '"result":"no answer (408)"' in caplog.text


async def test_a_late_answer_is_not_taken_for_that_of_the_next_request(new_door, manager):
    door = await new_door(services=(service_before(manager, timeout=0.1),))
    manager.answers["queue_get"] = None
    assert (await door.http.get("/api/queue/get")).status_code == 408
    del manager.answers["queue_get"]
    assert (await door.get("/queue/get"))["items"] == []
    assert "manager_state" in await door.get("/status")


async def test_whoever_waits_when_the_service_goes_away_gets_503_at_once(new_door, manager):
    door = await new_door(services=(service_before(manager, timeout=1000),))
    manager.answers["queue_get"] = None
    waiting = asyncio.create_task(door.http.get("/api/queue/get"))
    await manager.until(lambda _: "queue_get" in [method for method, _ in manager.requests])
    await manager.stop()
    assert (await waiting).status_code == 503
    assert (await door.http.get("/api/status")).status_code == 503


async def test_a_door_serves_again_as_soon_as_the_service_does(new_door, manager):
    door = await new_door()
    await manager.stop()
    assert (await door.http.get("/api/status")).status_code == 503
    await manager.start()
    await until_up(door.door.default)
    assert (await door.get("/status"))["manager_state"] == "idle"


async def test_nothing_is_kept_for_a_service_that_is_down(new_door, manager):
    door = await new_door()
    await manager.stop()
    assert (await door.http.post("/api/queue/item/add", json={"item": PLAN})).status_code == 503
    await manager.start()
    await until_up(door.door.default)
    assert (await door.get("/queue/get"))["items"] == []


async def test_a_door_speaks_msgpack_and_encryption_with_its_service(new_door, with_network):
    public, private = generate_keys()
    async with AsyncManager(settings=with_network(zmq_encoding="msgpack", zmq_private_key=private)) as manager:
        door = await new_door(services=(service_before(manager, encoding="msgpack", public_key=public),))
        reply = await door.post("/queue/item/add", item=PLAN)
        assert reply["success"], reply
        assert len((await door.get("/queue/get"))["items"]) == 1


async def test_a_service_that_encrypts_is_down_for_a_door_without_its_key(new_door, with_network):
    _, private = generate_keys()
    async with AsyncManager(settings=with_network(zmq_private_key=private)) as manager:
        door = await new_door(services=(service_before(manager),), connects=False)
        assert (await door.http.get("/api/status")).status_code == 503


async def test_each_instrument_has_its_own_paths_and_one_that_is_down_or_slow_delays_no_other(
    new_door, manager, free_ports
):
    (port,) = free_ports(1)
    async with AsyncManager() as other:
        door = await new_door(
            services=(
                service_before(manager, name="first"),
                service_before(other, name="second", timeout=0.5),
                ServiceSettings(name="third", control_addr=f"tcp://127.0.0.1:{port}", timeout=1000),
            )
        )
        await door.door.services["second"].connected(30)
        other.answers["queue_get"] = None
        slow = asyncio.create_task(door.http.get("/api/instruments/second/queue/get"))
        item = (await door.post("/instruments/second/queue/item/add", item=PLAN))["item"]
        assert (await door.get(f"/instruments/second/queue/item/{item['item_uid']}"))["item"] == item
        assert (
            (await door.get("/instruments/first/queue/get"))["items"] == (await door.get("/queue/get"))["items"] == []
        )
        assert (await door.http.get("/api/instruments/third/status")).status_code == 503
        response = await door.http.get("/api/instruments/fourth/status")
        assert response.status_code == 404
        assert "There are: first, second, third" in response.json()["detail"]
        states = {each["name"]: each["state"] for each in (await door.get("/instruments"))["instruments"]}
        assert states == {"first": "idle", "second": "idle", "third": "down"}
        assert (await slow).status_code == 408


async def test_a_service_that_has_been_silent_for_long_is_slow(door):
    await door.get("/status")
    door.door.default.heard = time.monotonic() - 10
    (glance,) = (await door.get("/instruments"))["instruments"]
    assert glance["state"] == "slow"
    assert glance["last_message_age"] >= 10
