"""What concerns the service itself: status, events, console, bad requests, stopping; on real sockets."""

import asyncio
import json

import pytest
import zmq
import zmq.asyncio

from bluesky_qs.api import METHODS
from bluesky_qs.config.schema import Network, Settings
from bluesky_qs.errors import AddressInUse
from bluesky_qs.manager.requests.dispatch import HANDLERS
from bluesky_qs.testing import AsyncManager, Print, Wait
from bluesky_qs.wire.control import generate_keys
from bluesky_qs.wire.info import EVENT


async def raw(manager, frame):
    return json.loads(await manager.ask_raw(frame))


def test_every_method_has_a_handler():
    assert set(HANDLERS) | {"ping", "status"} == set(METHODS)


async def test_ping_and_status_say_the_same(manager):
    assert await manager.do("ping") == await manager.do("status")


async def test_a_status_has_a_uid_that_changes_with_it(manager):
    before = await manager.do("status")
    assert (await manager.do("status"))["status_uid"] == before["status_uid"]
    await manager.add("count", ["det1"])
    assert (await manager.do("status"))["status_uid"] != before["status_uid"]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b"{", "Failed to decode the request"),
        (b"[1]", "the request is not an object"),
        (b"{}", "method is not specified"),
        (b'{"method": "status", "extra": 1}', "unsupported keys: 'extra'"),
        (b'{"method": 5}', "method is not a string"),
        (b'{"method": "queue_get", "params": 3}', "params is not an object"),
        (b'{"method": "queue_gte"}', "queue_gte"),
        (b'{"method": "queue_get", "params": {"foo": 1}}', "foo"),
        (b'{"method": "queue_item_get", "params": {"uid": "\\ud800"}}', "lone surrogate"),
    ],
)
async def test_a_bad_request_is_refused_in_words(manager, frame, words):
    answer = await raw(manager, frame)
    assert not answer["success"]
    assert words in answer["msg"]


async def test_a_request_whose_parameters_are_no_object_has_the_keys_of_its_method(manager):
    answer = await raw(manager, b'{"method": "queue_get", "params": [1]}')
    assert (answer["items"], answer["running_item"], answer["plan_queue_uid"]) == ([], {}, "")


async def test_a_wrong_option_of_the_stop_is_refused_with_the_right_ones(manager):
    answer = await manager.ask("manager_stop", option="safe")
    assert answer["msg"] == "Option 'safe' is not supported. Supported options: 'safe_on', 'safe_off'"


async def test_a_message_that_its_request_made_long_is_cut(manager):
    answer = await manager.ask("queue_item_get", uid="x" * 100_000)
    assert len(answer["msg"]) < 11_000


async def test_an_error_of_ours_is_an_answer_too(manager, monkeypatch, caplog):
    def broken(ctx):
        raise ZeroDivisionError("by zero")

    monkeypatch.setitem(HANDLERS, "queue_get", broken)
    answer = await manager.ask("queue_get")
    assert answer["msg"].startswith("Unexpected error in the manager: ZeroDivisionError")
    assert "Traceback" in caplog.text


async def test_requests_are_answered_while_another_one_waits(opened):
    opened.worker.hang()
    slow = opened.loop.create_task(opened.ask("environment_close"))
    await opened.until(lambda _: opened.worker.unheard)
    assert (await opened.do("queue_get"))["items"] == []
    opened.worker.recover()
    assert (await slow)["success"]


async def test_many_clients_ask_at_once(manager):
    answers = await asyncio.gather(*(manager.ask("queue_get") for _ in range(100)))
    assert all(answer["success"] for answer in answers)


async def test_messagepack_is_spoken_if_the_settings_say_so():
    async with AsyncManager(settings=Settings(network=Network(zmq_encoding="msgpack"))) as manager:
        await manager.open()
        item = await manager.add("count", ["det1"])
        assert (await manager.do("queue_get"))["items"] == [item]
        assert manager.published(EVENT)


async def test_an_encrypted_socket_answers_who_has_the_key():
    _, private = generate_keys()
    async with AsyncManager(settings=Settings(network=Network(zmq_private_key=private))) as manager:
        assert (await manager.do("status"))["manager_state"] == "idle"


async def test_an_address_that_is_in_use_is_an_error_of_the_start(manager):
    other = AsyncManager()
    other.control = manager.control
    with pytest.raises(AddressInUse):
        await other.start()


async def test_the_status_is_published_when_it_changes_and_once_a_second(manager):
    with zmq.asyncio.Context() as context, context.socket(zmq.SUB) as news:
        news.linger = 0
        news.connect(manager.info)
        news.subscribe(b"QS_Info")
        await manager.until(lambda _: b"QS_Info" in manager.subscribed)
        await manager.do("queue_mode_set", mode={"ignore_failures": True})
        _, payload = await news.recv_multipart()
        assert json.loads(payload)["msg"]["status"]["plan_queue_mode"]["ignore_failures"] is True
        manager.clock.advance(1)
        _, again = await news.recv_multipart()
        assert json.loads(again)["msg"] == json.loads(payload)["msg"]


async def test_events_are_numbered_published_and_kept(opened):
    item = await opened.add("count", ["det1"])
    await opened.do("queue_start")
    await opened.until(lambda status: status["items_in_history"] == 1 and status["manager_state"] == "idle")
    answer = await opened.do("events_get", since=0)
    events = answer["events"]
    assert [event["seq"] for event in events] == list(range(answer["first"], answer["last"] + 1))
    about = [event["type"] for event in events if event.get("item_uid") == item["item_uid"]]
    assert about == ["item_started", "item_ended"]
    assert {"environment_changed", "queue_changed"} <= {event["type"] for event in events}
    assert opened.published(EVENT) == events


async def test_the_console_is_read_by_page(opened):
    opened.worker.on_script(Print("hello\n"), Print("world\n"))
    await opened.do("script_upload", script="x")
    await opened.until_idle()
    answer = await opened.do("console_get")
    assert [message["msg"] for message in answer["messages"]] == ["hello\n", "world\n"]
    later = await opened.do("console_get", since=answer["last"] - 1, limit=10)
    assert [message["msg"] for message in later["messages"]] == ["world\n"]


async def test_a_manager_that_is_busy_is_not_stopped_unless_forced(opened, running, refused):
    await running()
    assert "must be in idle state" in await refused("manager_stop")
    await opened.do("manager_stop", option="safe_off")
    await opened.ended()


async def test_a_killed_manager_is_replaced_and_the_plan_keeps_running(opened, running):
    (item,) = await running()
    asked = opened.loop.create_task(opened.ask("manager_kill"))
    status = await opened.until(lambda status: status["manager_state"] == "executing_queue" and opened.replaced == 1)
    assert status["running_item_uid"] == item["item_uid"]
    asked.cancel()
    opened.worker.proceed()
    await opened.until(lambda status: status["items_in_history"] == 1)


async def test_a_question_to_a_service_that_has_stopped_is_an_error(manager):
    await manager.do("manager_stop")
    await manager.ended()
    with pytest.raises(RuntimeError, match="not running"):
        await manager.ask("status")


async def test_a_client_that_goes_away_without_its_answer_harms_nobody(opened):
    opened.worker.on_script(Wait())
    with zmq.Context() as context, context.socket(zmq.DEALER) as client:
        client.connect(opened.control)
        client.send_multipart([b"", json.dumps({"method": "script_upload", "params": {"script": "x"}}).encode()])
    await opened.until(lambda _: opened.worker.is_waiting)
    assert (await opened.do("status"))["worker_environment_exists"]
