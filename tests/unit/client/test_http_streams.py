"""The streams of a door, as a client reads them: monitors, documents, events; across losses and refusals."""

import asyncio
import contextlib
import json
import threading

import pytest
from websockets.sync.server import serve

import bluesky_qs.aio
from bluesky_qs.client import http_streams
from bluesky_qs.client.items import BPlan
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.client.transport import RESUMED
from bluesky_qs.wire.info import CONSOLE, DOCUMENT, EVENT, INFO

PATIENCE = 30


def events_until(feed, fits):
    """The events up to the first one that fits."""
    found = []
    while (message := feed.next(PATIENCE)) is not None:
        found.append(message.payload)
        if fits(message.payload):
            return found
    raise AssertionError(f"no such event in {found}")


def test_the_status_is_collected(http_RM):
    http_RM.system_info_monitor.enable()
    assert http_RM.system_info_monitor.next_msg(PATIENCE)["msg"]["status"]["manager_state"] == "idle"
    http_RM.system_info_monitor.disable()


def test_the_console_is_collected(http_RM, qs_manager):
    http_RM.console_monitor.enable()
    qs_manager.say("one\n")
    assert http_RM.console_monitor.next_msg(PATIENCE)["msg"] == "one\n"
    assert http_RM.console_monitor.text() == "one\n"


async def test_an_asyncio_client_collects_status_and_console(http_door, qs_manager):
    async with bluesky_qs.aio.REManagerAPI(http_server_uri=http_door.url) as manager:
        manager.set_authorization_key(api_key=http_door.key)
        manager.system_info_monitor.enable()
        manager.console_monitor.enable()
        assert (await manager.system_info_monitor.next_msg(PATIENCE))["msg"]["status"]["manager_state"] == "idle"
        await asyncio.to_thread(qs_manager.say, "one\n")
        assert (await manager.console_monitor.next_msg(PATIENCE))["msg"] == "one\n"


def test_documents_of_a_plan_arrive_in_order(http_RM, qs_manager):
    names, ended = [], threading.Event()

    def take(name, _doc):
        names.append(name)
        if name == "stop":
            ended.set()

    qs_manager.open()
    http_RM.documents.subscribe(take)
    http_RM.item_execute(BPlan("count", ["det1"]))
    assert ended.wait(PATIENCE)
    assert names == ["start", "descriptor", "event", "stop"]


def test_events_resume_by_number_after_a_restart_of_the_door(http_RM, http_door, qs_manager):
    with http_RM.subscribe(EVENT) as feed:
        http_RM.queue_autostart(True)
        (first,) = events_until(feed, lambda event: event["type"] == "autostart_changed")
        http_door.stop()
        qs_manager.do("queue_autostart", enable=False)
        http_door.start()
        (second,) = events_until(feed, lambda event: event["type"] == "autostart_changed")
    assert (second["seq"], second["enabled"]) == (first["seq"] + 1, False)


def test_a_feed_says_that_messages_may_be_missing_after_a_restart_of_the_door(http_RM, http_door):
    with http_RM.subscribe(DOCUMENT, INFO) as feed:
        http_door.stop()
        http_door.start()
        topics = set()
        while RESUMED not in topics:
            message = feed.next(PATIENCE)
            assert message is not None
            topics.add(message.topic)


def test_a_key_that_is_refused_is_an_error_of_the_monitor(http_RM):
    http_RM.set_authorization_key(api_key="wrong")
    with pytest.raises(http_RM.HTTPClientError, match="Invalid API key"):
        http_RM.console_monitor.enable()
    assert not http_RM.console_monitor.enabled


def test_a_wait_polls_where_the_streams_are_refused(http_RM, monkeypatch):
    monkeypatch.setitem(http_streams.PATHS, INFO, "/no/such/ws")
    http_RM.environment_open()
    http_RM.wait_for_idle(timeout=PATIENCE)
    assert http_RM.status()["worker_environment_exists"]


class ScriptedStreams:
    """A server of websockets that does, for each connection, what the next function of the test says."""

    def __init__(self):
        self.scripts = []
        self.paths = []
        self._guard = threading.Lock()
        self._server = serve(self._handle, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def _handle(self, connection):
        with self._guard:
            self.paths.append((connection.request.path, connection.request.headers.get("Authorization")))
            script = self.scripts.pop(0) if self.scripts else None
        if script is not None:
            script(connection)
        else:
            with contextlib.suppress(Exception):  # until the client leaves
                connection.recv()

    def close(self):
        self._server.shutdown()
        self._thread.join()


@pytest.fixture
def streams(clean_environment):
    server = ScriptedStreams()
    yield server
    server.close()


def sending(*messages, code=1001):
    """A script that sends these messages, and then closes."""

    def script(connection):
        for message in messages:
            connection.send(message if isinstance(message, str | bytes) else json.dumps(message))
        connection.close(code, "because")

    return script


def test_what_a_server_adds_to_a_stream_is_left_out(streams):
    heartbeat, document = {"type": "heartbeat", "age": 0.1}, {"name": "start", "doc": {"uid": "u"}, "item_uid": "i"}
    streams.scripts = [sending(heartbeat, "no JSON", [1], b"\xff", {"type": "dropped", "count": 3}, document)]
    with REManagerAPI(http_server_uri=streams.url) as manager, manager.subscribe(DOCUMENT) as feed:
        got = [feed.next(PATIENCE) for _ in range(3)]
    # The first one stands for what was dropped, the last one for the new connection.
    assert [message.topic for message in got] == [RESUMED, DOCUMENT, RESUMED]
    assert got[1].payload == document


def test_events_go_on_after_the_last_one_and_after_a_gap(streams):
    gap = {"type": "gap", "first": 40}
    streams.scripts = [sending({"seq": 7, "type": "x", "time": 1.0}), sending(gap), sending()]
    with REManagerAPI(http_server_uri=streams.url) as manager, manager.subscribe(EVENT) as feed:
        assert [feed.next(PATIENCE).payload["type"] for _ in range(2)] == ["x", "gap"]
        while len(streams.paths) < 3:
            assert feed.next(0.1) is None
    assert [path for path, _ in streams.paths[:3]] == [
        "/api/events/ws",
        "/api/events/ws?after=7",
        "/api/events/ws?after=39",
    ]


@pytest.mark.parametrize("code", [4001, 4401])
def test_a_stream_that_ends_because_of_the_sign_in_is_not_tried_again(streams, code):
    streams.scripts = [sending(code=code)]
    with REManagerAPI(http_server_uri=streams.url) as manager, manager.subscribe(CONSOLE) as feed:
        while feed.refusal is None:
            assert feed.next(0.05) is None
        assert "ended the stream: because" in str(feed.refusal)
    assert len(streams.paths) == 1


def test_a_stream_is_signed_with_the_key_of_that_moment(streams):
    with REManagerAPI(http_server_uri=streams.url) as manager:
        streams.scripts = [sending({"time": 1.0, "msg": "a"})]
        manager.set_authorization_key(api_key="first")
        with manager.subscribe(CONSOLE) as feed:
            assert feed.next(PATIENCE).payload["msg"] == "a"
            manager.set_authorization_key(token="second")
            assert feed.next(PATIENCE).topic == RESUMED
    assert [header for _, header in streams.paths] == ["ApiKey first", "Bearer second"]
