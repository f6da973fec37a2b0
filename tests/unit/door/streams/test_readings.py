"""The readings of watched devices, read by a real client."""

import asyncio
import json

import pytest
import websockets

from bluesky_qs.door.refusals import ServiceSlow
from bluesky_qs.door.streams.readings import ReadingsOutlet

PATH = "/readings/ws?names=motor,det1"


async def test_all_watched_devices_come_first_and_then_those_that_change(door, manager, listen):
    await manager.open()
    manager.worker.readings |= {"motor": {"timestamp": 5.0}, "det1": {"timestamp": 5.0}}
    socket = await listen(PATH)
    first = await socket.next()
    assert first.keys() == {"time", "devices", "error"}
    assert {name: each["value"] for name, each in first["devices"].items()} == {"motor": 0.0, "det1": 0.0}
    assert first["error"] == ""

    manager.worker.readings["motor"] = {"value": 2.5, "timestamp": 6.0}

    second = await socket.next()
    assert list(second["devices"]) == ["motor"]
    assert second["devices"]["motor"]["value"] == 2.5


async def test_a_device_that_does_not_answer_has_its_error_beside_the_others(door, manager, listen):
    await manager.open()
    manager.worker.readings["motor"] = {"error": "no answer after 1 s", "last": {"value": 1.0, "timestamp": 5.0}}
    devices = (await (await listen(PATH)).next())["devices"]
    assert devices["motor"]["error"] == "no answer after 1 s"
    assert devices["det1"]["value"] == 0.0


async def test_the_stream_says_why_nothing_can_be_read_and_sends_all_when_it_can_be_read_again(door, manager, listen):
    socket = await listen(PATH)
    message = await socket.next()
    assert message["devices"] == {}
    assert message["error"] == "RE Worker environment does not exist. Open it first."

    await manager.open()

    while (message := await socket.next())["error"]:
        assert message["error"].startswith("RE Worker environment is")
    assert message["devices"].keys() == {"motor", "det1"}


async def test_devices_of_another_group_are_refused_in_the_stream(door, manager, listen):
    await manager.open()
    message = await (await listen("/readings/ws?names=nosuchdevice")).next()
    assert (
        "there is no such device, or you may not use it (your user group is 'primary'): 'nosuchdevice'"
        in message["error"]
    )


async def test_the_stream_has_heartbeats(door, manager, listen):
    await manager.open()
    socket = await listen(PATH)
    while json.loads(await socket.connection.recv()).get("type") != "heartbeat":
        pass


@pytest.mark.parametrize("query", ["", "?names=", "?names=,", "?names=" + ",".join(f"m{n}" for n in range(201))])
async def test_names_are_required_and_not_too_many(door, listen, query):
    with pytest.raises(websockets.InvalidStatus) as refused:
        await listen(f"/readings/ws{query}")
    assert refused.value.response.status_code == 400


async def test_nothing_is_read_after_the_reader_has_left(door, manager, listen):
    await manager.open()
    socket = await listen(PATH)
    await socket.next()
    await socket.connection.close()
    await door.door.streams.readers.are_gone.wait()
    assert door.door.default.feed._watching == set()


class Answers:
    """A service that answers when the test says."""

    def __init__(self):
        self.asked = asyncio.Queue()

    async def __call__(self, method, params):
        answer = asyncio.get_running_loop().create_future()
        await self.asked.put(answer)
        return await answer

    async def next(self):
        return await self.asked.get()


def devices(**values):
    return json.dumps({"success": True, "devices": {name: {"value": value} for name, value in values.items()}}).encode()


async def test_a_slow_service_is_not_asked_again_before_it_has_answered():
    service = Answers()
    outlet = ReadingsOutlet(service, ("motor",), "primary", set())
    first = await service.next()
    outlet.tick()
    outlet.tick()
    assert service.asked.empty()
    first.set_result(devices(motor=1))
    assert json.loads((await outlet.next()).text)["devices"] == {"motor": {"value": 1}}
    outlet.tick()
    (await service.next()).set_exception(ServiceSlow("The RE Manager did not answer"))
    assert json.loads((await outlet.next()).text)["error"] == "The RE Manager did not answer"
    outlet.close()


async def test_a_slow_reader_gets_the_latest_reading_of_each_device():
    service = Answers()
    outlet = ReadingsOutlet(service, ("motor", "det"), "primary", set())
    for values in ({"motor": 1, "det": 5}, {"motor": 2, "det": 5}, {"motor": 3, "det": 5}):
        (await service.next()).set_result(devices(**values))
        await outlet._reading
        outlet.tick()
    assert json.loads((await outlet.next()).text)["devices"] == {"motor": {"value": 3}, "det": {"value": 5}}
    outlet.close()
