"""What the running plan waits for, in the status and in events."""

import asyncio

import pytest

from bluesky_qs.config.schema import Network, Settings
from bluesky_qs.ipc.commands import OpenEnvironment
from bluesky_qs.ipc.reports import Pulse
from bluesky_qs.manager.worker.pulse import SILENCE
from bluesky_qs.testing import Ask, AsyncManager, Clock, Fail, Wait, WaitFor
from bluesky_qs.wire.codec import json_text
from bluesky_qs.wire.info import PROGRESS

MINUS = "\N{MINUS SIGN}"
MOVE = WaitFor("motor", ["motor"], -1.0, 5.0)


@pytest.fixture
async def manager():
    async with AsyncManager(clock=Clock(still=True)) as manager:
        await manager.open()
        yield manager


@pytest.fixture
async def wait(manager):
    async def run(*script):
        """Run a plan until it waits for the test; return what the status says that it waits for."""
        manager.worker.on_plan("count", *script)
        await manager.add("count", ["det1"])
        await manager.do("queue_start")
        return (await manager.until(lambda _: manager.worker.is_waiting))["waiting_for"]

    return run


async def pulse_of(manager, *devices):
    """The worker sends a pulse, and the manager takes it."""
    uid = manager.worker.items[-1]["item_uid"]
    manager.worker.life.server.push(Pulse(uid, json_text(devices)), keep=False)
    for _ in range(5):
        await asyncio.sleep(0)


def device(fraction, left, *, done=False):
    return {"name": "motor", "fraction": fraction, "time_remaining": left, "done": done}


async def test_a_move_is_in_the_status_with_start_target_and_time(manager, wait):
    since = manager.clock.time()
    assert await wait(MOVE, Wait()) == {
        "kind": "motor",
        "text": f"waiting for motor ({MINUS}1.000 → 5.000)",
        "devices": ["motor"],
        "start": -1.0,
        "target": 5.0,
        "since": since,
    }


async def test_a_request_for_the_status_gets_the_latest_part_and_time_to_go(manager, wait):
    await wait(MOVE, Wait())
    await pulse_of(manager, device(0.62, 11.5))
    manager.clock.advance(1)
    text = (await manager.do("status"))["waiting_for"]["text"]
    assert text == f"waiting for motor ({MINUS}1.000 → 5.000, 62 %, 12 s to go)"


async def test_a_sleep_counts_down(manager, wait):
    await wait(WaitFor("sleep", [], 0, 10.0), Wait())
    manager.clock.advance(2)
    assert (await manager.do("status"))["waiting_for"]["text"] == "sleeping, 8 s to go"


async def test_user_code_has_its_time_and_its_line(manager, wait):
    await wait(WaitFor("user_code", place="scan.py, line 12"), Wait())
    manager.clock.advance(40)
    assert (await manager.do("status"))["waiting_for"]["text"] == "busy in user code for 40 s (scan.py, line 12)"


async def test_a_prompt_goes_before_the_message_that_asks(manager):
    manager.worker.on_plan("count", WaitFor("sleep", [], 0, 10.0), Ask("Sample in? "), Wait())
    await manager.add("count", ["det1"])
    await manager.do("queue_start")
    status = await manager.until(lambda status: status["input_pending"])
    assert status["waiting_for"]["text"] == "waiting for an answer: Sample in?"
    await manager.do("input_reply", input_uid=status["input_pending"]["input_uid"], text="y")
    assert (await manager.until(lambda _: manager.worker.is_waiting))["waiting_for"]["kind"] == "sleep"


@pytest.mark.parametrize(("script", "text"), [((MOVE,), "waiting for motor"), ((), "pausing at the next checkpoint")])
async def test_a_pending_pause_is_said_if_there_is_nothing_else(manager, wait, script, text):
    await wait(*script, Wait(), Wait())
    await manager.do("re_pause", option="deferred")
    status = await manager.until(lambda status: status["pause_pending"])
    assert status["waiting_for"]["text"].startswith(text)


async def test_the_end_of_a_plan_ends_its_wait(manager, wait):
    await wait(MOVE, Wait())
    manager.worker.do(Fail("no beam"))
    assert (await manager.until_idle())["waiting_for"] is None


async def test_a_pause_hides_what_the_plan_waited_for(manager, wait):
    await wait(MOVE, Wait())
    await manager.do("re_pause", option="immediate")
    status = await manager.until(lambda status: status["manager_state"] == "paused")
    assert status["waiting_for"]["kind"] == "pause"


async def events(manager):
    found = (await manager.do("events_get", since=0))["events"]
    return [e["waiting_for"] and e["waiting_for"]["kind"] for e in found if e["type"] == "waiting_changed"]


async def test_a_move_is_an_event_after_a_second_and_its_text_makes_no_more(manager, wait):
    await wait(MOVE, Wait(), WaitFor(None), Wait())
    assert await events(manager) == []
    for _ in range(5):
        manager.clock.advance(0.5)
        await pulse_of(manager, device(0.5, 1))
        await manager.do("queue_stop")
    assert await events(manager) == ["motor"]
    manager.worker.proceed()
    await manager.until(lambda status: status["waiting_for"] is None)
    assert await events(manager) == ["motor", None]


async def test_a_short_move_is_no_event(manager, wait):
    await wait(MOVE, WaitFor(None), Wait())
    assert await events(manager) == []


async def fall_silent(manager):
    """Let a pulse be the last one, until the manager has noticed."""
    await pulse_of(manager)
    manager.clock.advance(SILENCE)
    for _ in range(5):
        await asyncio.sleep(0)
    manager.clock.advance(0.1)
    return await manager.until(lambda status: status["waiting_for"])


async def test_a_worker_that_falls_silent_is_busy_in_user_code(manager, wait):
    await wait(Wait())
    since = manager.clock.time()
    waiting = (await fall_silent(manager))["waiting_for"]
    assert (waiting["kind"], waiting["since"]) == ("user_code", since)
    assert waiting["text"] == "busy in user code for 1 s (line unknown)"
    await pulse_of(manager)
    await manager.until(lambda status: status["waiting_for"] is None)


async def test_the_line_that_was_known_before_the_silence_is_kept(manager, wait):
    await wait(WaitFor("user_code", place="scan.py, line 12"), Wait())
    assert "scan.py, line 12" in (await fall_silent(manager))["waiting_for"]["text"]


async def test_no_pulse_is_expected_after_the_plan(manager, wait):
    await wait(Wait())
    await fall_silent(manager)
    manager.worker.proceed()
    assert (await manager.until_idle())["waiting_for"] is None
    assert await wait(Wait()) is None


async def test_positions_are_published_until_the_wait_is_over(manager, wait):
    await wait(MOVE, Wait())
    for devices in ([device(0.5, 3)], [device(0.6, 2)], [], []):
        await pulse_of(manager, *devices)
    uid = manager.worker.items[-1]["item_uid"]
    published = manager.published(PROGRESS)
    assert {each["item_uid"] for each in published} == {uid}
    assert [[d["fraction"] for d in each["devices"]] for each in published] == [[0.5], [0.6], []]


async def test_a_plan_that_ends_while_something_moves_publishes_the_end(manager, wait):
    await wait(MOVE, Wait())
    await pulse_of(manager, device(0.5, 3))
    manager.worker.proceed()
    await manager.until_idle()
    assert manager.published(PROGRESS)[-1]["devices"] == []


@pytest.mark.parametrize("on", [True, False])
async def test_the_worker_is_told_what_to_publish_in_the_communitys_form(on):
    network = Network(zmq_stream_device_progress=on, zmq_stream_re_messages=on)
    async with AsyncManager(settings=Settings(network=network)) as manager:
        await manager.open()
        (opening,) = [each for each in manager.worker.commands if isinstance(each, OpenEnvironment)]
        assert (opening.stream_progress, opening.stream_messages) == (on, on)
