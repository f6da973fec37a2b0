"""Health and readiness, for those who keep the door running."""

import asyncio

from bluesky_qs.door.service import Service
from bluesky_qs.door.settings import ServiceSettings


async def statuses(door):
    async with door.client() as http:
        return [(await http.get(path)).status_code for path in ("/healthz", "/readyz")]


async def test_a_door_before_a_manager_is_healthy_and_ready_and_says_no_more(door):
    await door.get("/status")  # from now on the manager was heard of
    assert await statuses(door) == [200, 200]
    async with door.client() as http:
        for path in ("/healthz", "/readyz"):
            response = await http.get(path)
            assert (response.json(), response.headers["cache-control"]) == ({"status": "ok"}, "no-store")
            assert (await http.post(path)).status_code == 405


async def test_a_door_whose_manager_is_down_is_healthy_but_not_ready(door):
    gone = asyncio.Event()
    door.door.default.on_change.append(gone.set)
    await door.manager.stop()
    await asyncio.wait_for(gone.wait(), 10)
    assert await statuses(door) == [200, 503]
    response = await door.http.get("/readyz")
    assert (response.json(), response.headers["retry-after"]) == ({"status": "down"}, "1")


async def test_a_door_whose_manager_is_silent_is_not_ready(door, monkeypatch):
    await door.get("/status")
    monkeypatch.setattr(Service, "last_message_age", lambda _: 3.1)
    assert (await door.http.get("/readyz")).json() == {"status": "slow"}
    assert await statuses(door) == [200, 503]


def test_a_service_that_was_never_connected_is_down():
    assert Service(ServiceSettings()).presence == "down"
