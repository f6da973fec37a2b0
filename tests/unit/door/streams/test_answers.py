"""The streams as answers that do not end, and console output for those who ask."""

import contextlib
import json

import pytest

from bluesky_qs.door.streams import hub


@pytest.fixture
async def stream(door):
    """Opens an endless answer; returns a function that gives its next line that is not empty."""
    async with contextlib.AsyncExitStack() as stack:

        async def opened(path, **options):
            response = await stack.enter_async_context(door.http.stream("GET", f"/api{path}", **options))
            assert response.status_code == 200
            lines = None

            async def following():
                nonlocal lines
                lines = lines or response.aiter_lines()
                while not (line := await anext(lines)):
                    pass
                return line

            return response, following

        yield opened


async def told(following):
    """The next Server-Sent Event that is not a heartbeat: number and data."""
    number = None
    while True:
        line = await following()
        if line == "event: heartbeat":
            await following()
        elif line.startswith("id: "):
            number = int(line.removeprefix("id: "))
        elif line.startswith("data: "):
            return number, json.loads(line.removeprefix("data: "))


async def switch(manager, *modes):
    for loop in modes:
        await manager.do("queue_mode_set", mode={"loop": loop})


# ----------------------------------------------------------------------------------------------------------- streams
async def test_console_output_comes_in_lines_of_json(door, manager, stream):
    response, following = await stream("/stream_console_output")
    await manager.until(lambda _: b"QS_Console" in manager.subscribed)

    manager.say("a\nb\n")
    manager.say("c\n")

    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    lines = [json.loads(await following()) for _ in range(2)]
    assert [line["msg"] for line in lines] == ["a\nb\n", "c\n"]
    assert lines[0].keys() == {"time", "msg"}


async def test_events_are_server_sent_with_their_numbers(door, manager, stream):
    response, following = await stream("/events/stream")
    await switch(manager, True, False)

    (first, event), (second, _) = [await told(following) for _ in range(2)]

    assert response.headers["content-type"].startswith("text/event-stream")
    assert event["seq"] == first == second - 1


async def test_a_browser_resumes_after_the_last_event_that_it_has(manager, stream):
    await switch(manager, True, False, True)
    last = (await manager.do("events_get"))["last"]

    _, following = await stream("/events/stream?after=1", headers={"Last-Event-ID": str(last - 1)})

    assert (await told(following))[0] == last


async def test_heartbeats_are_events_of_their_own_name(manager, stream):
    _, following = await stream("/progress/stream")
    manager.clock.advance(hub.PERIOD)

    assert await following() == "retry: 1000"
    assert await following() == "event: heartbeat"
    assert json.loads((await following()).removeprefix("data: "))["type"] == "heartbeat"


async def test_an_answer_ends_when_the_door_closes(door, stream):
    response, _ = await stream("/documents/stream")

    await door.door.streams.end()

    await response.aread()
    assert response.is_closed


async def test_who_asks_for_the_head_only_gets_no_stream(door):
    response = await door.http.head("/api/events/stream")

    assert (response.status_code, response.content) == (200, b"")
    assert not len(door.door.streams.readers)


@pytest.mark.parametrize("path", ["/events/stream", "/documents/stream", "/progress/stream", "/stream_console_output"])
async def test_a_stream_needs_credentials(door, path):
    async with door.client() as stranger:
        response = await stranger.get(f"/api{path}")

    assert response.status_code == 401


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "٣", "9" * 30])
async def test_a_number_that_no_event_can_have_is_refused(door, number):
    response = await door.http.get("/api/events/stream", params={"after": number})

    assert response.status_code == 400
    assert "after" in response.json()["detail"]


# ------------------------------------------------------------------------------------------------------ for who asks
async def say(door, manager, *texts):
    """Print, and wait until the door has it."""
    await manager.until(lambda _: b"QS_Console" in manager.subscribed)
    for text in texts:
        manager.say(text)
    console = door.door.default.feed.console
    while not console.update("ALL")["console_output_msgs"] or not console.text(1).endswith(texts[-1]):
        await door.get("/ping")


async def test_the_last_lines_of_the_console(door, manager):
    await say(door, manager, "a\nb\n", "c\n")

    assert await door.get("/console_output", params={"nlines": 2}) == {"success": True, "msg": "", "text": "b\nc\n"}
    assert (await door.get("/console_output"))["text"] == "a\nb\nc\n"
    response = await door.http.request("GET", "/api/console_output", json={"nlines": 1})
    assert response.json()["text"] == "c\n"


async def test_new_console_output_by_the_uid_of_the_last_message(door, manager):
    await say(door, manager, "a\n", "b\n")
    everything = await door.get("/console_output_update", params={"last_msg_uid": "ALL"})
    assert [message["msg"] for message in everything["console_output_msgs"]] == ["a\n", "b\n"]

    await say(door, manager, "c\n")
    known = {"last_msg_uid": everything["last_msg_uid"]}
    update = (await door.http.request("GET", "/api/console_output_update", json=known)).json()

    assert [message["msg"] for message in update["console_output_msgs"]] == ["c\n"]
    assert (await door.get("/console_output/uid"))["console_output_uid"] == update["last_msg_uid"]


async def test_console_output_is_there_even_if_it_is_not_published(door, manager):
    manager._console.add("unheard\n", manager.clock.time())

    assert (await door.get("/console_output"))["text"] == "unheard\n"


async def test_a_reader_gets_console_output_that_is_not_published(door, manager, stream):
    _, following = await stream("/stream_console_output")
    manager._console.add("unheard\n", manager.clock.time())
    manager.clock.advance(hub.PERIOD)

    assert json.loads(await following())["msg"] == "unheard\n"


async def test_an_update_needs_a_uid(door):
    response = await door.http.get("/api/console_output_update")

    assert response.status_code == 422


@pytest.mark.parametrize(
    "body", ['{"last_msg_uid": 1}', '{"last_msg_uid": "ALL", "other": 1}', "{", "[]", '"ALL"', b"\xff\xff"]
)
async def test_wrong_parameters_are_refused(door, body):
    response = await door.http.request("GET", "/api/console_output_update", content=body)

    assert response.status_code == 400


async def test_the_console_of_a_service_that_is_down_is_what_is_known(door, manager):
    await say(door, manager, "last words\n")
    await manager.stop()

    assert (await door.get("/console_output"))["text"].endswith("last words\n")
