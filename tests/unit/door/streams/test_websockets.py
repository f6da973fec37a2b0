"""The streams as websockets, read by a real client."""

import json

import pytest
import websockets

from bluesky_qs.door.streams import entrance, hub, readers
from bluesky_qs.wire.info import DOCUMENT, PROGRESS


@pytest.fixture
def key(door):
    return door.http.headers["authorization"].removeprefix("ApiKey ")


# ------------------------------------------------------------------------------------------------------------ messages
async def test_console_output_comes_as_time_and_text(door, manager, listen):
    socket = await listen("/console_output/ws")
    await manager.until(lambda _: b"QS_Console" in manager.subscribed)

    manager.say("hello\n")

    message = await socket.next()
    assert message.keys() == {"time", "msg"}
    assert message["msg"] == "hello\n"


@pytest.mark.parametrize("path", ["/status/ws", "/info/ws"])
async def test_the_status_comes_when_it_changes(door, manager, listen, path):
    socket = await listen(path)

    await manager.do("queue_mode_set", mode={"loop": True})

    while not (message := await socket.next())["msg"]["status"]["plan_queue_mode"]["loop"]:
        pass
    assert message.keys() == {"time", "msg"}
    assert message["msg"].keys() == {"status"}


async def test_all_readers_get_every_line_in_order(door, manager, listen):
    sockets = [await listen("/console_output/ws") for _ in range(20)]
    await manager.until(lambda _: b"QS_Console" in manager.subscribed)

    for number in range(100):
        manager.say(f"{number}\n")

    for socket in sockets:
        assert [message["msg"] for message in await socket.several(100)] == [f"{number}\n" for number in range(100)]


async def test_a_number_that_is_not_defined_is_null(door, listen):
    socket = await listen("/documents/ws")
    door.door.default.feed._handle([DOCUMENT, b'{"name": "event", "doc": {"data": {"x": NaN, "y": [-Infinity]}}}'])
    assert (await socket.next())["doc"] == {"data": {"x": None, "y": [None]}}


async def test_events_are_resumed_by_number(door, manager, listen):
    first = await listen("/events/ws")
    await manager.do("queue_mode_set", mode={"loop": True})
    known = (await first.next())["seq"]
    await first.connection.close()
    for loop in (False, True, False):
        await manager.do("queue_mode_set", mode={"loop": loop})

    second = await listen(f"/events/ws?after={known}")
    await manager.do("queue_mode_set", mode={"loop": True})

    assert [event["seq"] for event in await second.several(4)] == [known + 1, known + 2, known + 3, known + 4]


async def test_events_go_on_after_a_restart_of_the_manager(door, manager, listen):
    socket = await listen("/events/ws")
    await manager.do("queue_mode_set", mode={"loop": True})
    event = await socket.next()

    await manager.restart()
    await manager.do("queue_mode_set", mode={"loop": False})

    while event["type"] != "mode_changed" or event["mode"]["loop"]:
        following = await socket.next()
        assert following["seq"] == event["seq"] + 1
        event = following


async def test_a_number_that_no_event_can_have_is_refused(listen):
    with pytest.raises(websockets.InvalidStatus) as raised:
        await listen("/events/ws?after=-1")

    assert raised.value.response.status_code == 400
    assert b"after" in raised.value.response.body


async def test_documents_pass_through_unchanged(door, manager, listen):
    socket = await listen("/documents/ws")
    await manager.until(lambda _: DOCUMENT in manager.subscribed)

    manager.publish(DOCUMENT, {"time": 1.5, "item_uid": "u", "name": "start", "doc": {"uid": "r"}})

    assert await socket.next() == {"time": 1.5, "item_uid": "u", "name": "start", "doc": {"uid": "r"}}


async def test_progress_and_messages_of_the_engine_pass_through_unchanged(door, manager, listen):
    progress, info = await listen("/progress/ws"), await listen("/info/ws")
    await manager.until(lambda _: {PROGRESS, b"QS_Info"} <= manager.subscribed)
    moving = {"time": 1.5, "item_uid": "u", "devices": [{"name": "motor", "current": 2.0}]}
    message = {"time": 1.5, "msg": {"re_message": {"command": "set", "obj": "motor"}}}

    manager.publish(PROGRESS, moving)
    manager.publish(b"QS_Info", message)

    assert await progress.next() == moving
    while (received := await info.next()) != message:
        assert "status" in received["msg"]


@pytest.mark.parametrize("path", ["/events/ws", "/documents/ws", "/progress/ws"])
async def test_our_streams_have_heartbeats_with_the_age_of_the_managers_last_message(manager, listen, path):
    socket = await listen(path)
    manager.clock.advance(hub.PERIOD)

    heartbeat = json.loads(await socket.connection.recv())
    while heartbeat["type"] != "heartbeat":
        heartbeat = json.loads(await socket.connection.recv())

    assert heartbeat.keys() == {"type", "time", "age"}
    assert heartbeat["age"] >= 0


async def test_a_strange_message_of_the_service_ends_no_stream(door, manager, listen, caplog):
    socket = await listen("/info/ws")
    await manager.until(lambda _: b"QS_Info" in manager.subscribed)
    for topic in (b"QS_Console", b"QS_Event", b"QS_Document", b"QS_Info", b"Other"):
        manager._info._socket.send_multipart([topic, b"\xff{"])

    await manager.do("queue_mode_set", mode={"loop": True})

    while not (await socket.next())["msg"]["status"]["plan_queue_mode"]["loop"]:
        pass
    assert "Ignored a published message" in caplog.text


async def test_a_slow_reader_delays_nobody(door, manager, listen):
    slow = await listen("/console_output/ws")
    slow.connection.transport.pause_reading()
    quick = await listen("/console_output/ws")
    await manager.until(lambda _: b"QS_Console" in manager.subscribed)

    for _ in range(6):  # together, more than the system keeps for a connection
        for number in range(50):
            manager.say(f"{number} {'x' * 60_000}\n")
        assert [message["msg"].split()[0] for message in await quick.several(50)] == [str(n) for n in range(50)]

    slow.connection.transport.resume_reading()


async def test_any_text_arrives_as_it_was_printed(door, manager, listen):
    socket = await listen("/console_output/ws")
    await manager.until(lambda _: b"QS_Console" in manager.subscribed)
    texts = ["", "é\n", "\x00\x1b[31m", "x" * 125, "x" * 126, "x" * 65_536, "\U0001f4a1"]

    for text in texts:
        manager.say(text)

    assert [message["msg"] for message in await socket.several(len(texts))] == texts


# ------------------------------------------------------------------------------------------------------- who gets in
async def test_a_wrong_key_in_the_header_is_refused_at_the_handshake(listen):
    with pytest.raises(websockets.InvalidStatus) as raised:
        await listen("/status/ws", {"Authorization": "ApiKey wrong"})

    assert raised.value.response.status_code == 403


async def test_an_unknown_scheme_in_the_header_is_refused_at_the_handshake(listen):
    with pytest.raises(websockets.InvalidStatus) as raised:
        await listen("/status/ws", {"Authorization": "Basic abc"})

    assert raised.value.response.status_code == 400


async def test_the_key_may_come_in_the_query_and_is_not_logged(manager, listen, key, caplog):
    caplog.set_level("DEBUG")
    socket = await listen(f"/info/ws?api_key={key}", {})

    await manager.do("queue_mode_set", mode={"loop": True})
    assert "status" in (await socket.next())["msg"]
    assert not [record for record in caplog.records if key in record.getMessage() and "client" not in record.name]


async def test_a_wrong_key_in_the_query_is_told_by_a_close_code(listen):
    socket = await listen("/info/ws?api_key=wrong", {})

    assert await socket.closed() == (4001, "Invalid API key")


async def test_the_key_may_come_in_the_first_message(manager, listen, key):
    socket = await listen("/info/ws", {})
    await socket.send({"type": "auth", "api_key": key})

    await manager.do("queue_mode_set", mode={"loop": True})
    assert "status" in (await socket.next())["msg"]


@pytest.mark.parametrize(
    "message",
    [{"type": "auth", "api_key": "wrong"}, {"type": "auth", "access_token": "wrong"}, {"type": "auth"}, {}, [], "text"],
)
async def test_a_wrong_first_message_ends_the_websocket(listen, message):
    socket = await listen("/info/ws", {})
    await socket.send(message)

    assert (await socket.closed())[0] == 4001


async def test_a_websocket_without_credentials_ends_after_a_while(listen, monkeypatch):
    monkeypatch.setattr(entrance, "PATIENCE", 0.1)
    socket = await listen("/info/ws", {})

    assert (await socket.closed())[0] == 4401


async def test_only_so_many_websockets_may_wait_for_credentials(listen, monkeypatch):
    monkeypatch.setattr(entrance, "MOST_WAITING", 2)
    waiting = [await listen("/info/ws", {}) for _ in range(2)]

    with pytest.raises(websockets.InvalidStatus) as raised:
        await listen("/info/ws", {})
    await waiting[0].send({})
    await waiting[0].closed()
    await listen("/info/ws", {})

    assert raised.value.response.status_code == 503


async def test_an_unknown_instrument_has_no_streams(listen):
    with pytest.raises(websockets.InvalidStatus) as raised:
        await listen("/instruments/elsewhere/info/ws")

    assert raised.value.response.status_code == 404


async def test_an_instrument_has_streams_by_its_name(door, manager, listen):
    socket = await listen(f"/instruments/{door.door.default.name}/info/ws")

    await manager.do("queue_mode_set", mode={"loop": True})
    assert "status" in (await socket.next())["msg"]


# ------------------------------------------------------------------------------------------------------------ the end
async def test_streams_end_soon_after_their_credentials_are_revoked(door, manager, listen, monkeypatch):
    assert hub.PERIOD * hub.LOOKS + readers.GRACE < 10
    monkeypatch.setattr(hub, "LOOKS", 1)
    socket = await listen("/console_output/ws")

    monkeypatch.setattr(door.door.sign_in, "holds", lambda caller: False)
    manager.clock.advance(hub.PERIOD)

    assert await socket.closed() == (4001, "The credentials are no longer valid")


async def test_streams_end_with_their_own_code_when_the_door_closes(door, listen):
    sockets = [await listen(path) for path in ("/console_output/ws", "/events/ws", "/progress/ws")]

    await door.door.streams.end()

    assert {(await socket.closed())[0] for socket in sockets} == {1001}


async def test_a_reader_that_takes_nothing_is_cut_off_when_the_door_closes(door, manager, listen):
    slow = await listen("/console_output/ws")
    slow.connection.transport.pause_reading()
    await manager.until(lambda _: b"QS_Console" in manager.subscribed)
    for _ in range(300):
        manager.say("x" * 60_000)

    await door.door.streams.end()

    assert len(door.door.streams.readers) == 0
    slow.connection.transport.resume_reading()


async def test_a_reader_that_leaves_is_forgotten(door, manager, listen):
    socket = await listen("/events/ws")
    assert len(door.door.streams.readers) == 1

    await socket.connection.close()
    await door.door.streams.readers.are_gone.wait()

    assert not door.door.default.feed.events.outlets


async def test_what_readers_say_is_ignored(manager, listen):
    socket = await listen("/info/ws")

    await socket.connection.send("hello")
    await socket.connection.send(b"\x00")

    for loop in (True, False):
        await manager.do("queue_mode_set", mode={"loop": loop})
    await socket.several(2)
