"""Documents of running plans for callbacks, and for who waits."""

import asyncio
import logging
import queue

import pytest

from bluesky_qs.client.aio import REManagerAPI as AsyncClient
from bluesky_qs.client.info import StatusFeed

RUN = [
    ("start", {"uid": "r1", "scan_id": 7}),
    ("descriptor", {"uid": "d1", "run_start": "r1"}),
    ("event", {"uid": "e1", "descriptor": "d1", "seq_num": 1}),
    ("stop", {"uid": "s1", "run_start": "r1"}),
]


def message(name, doc):
    return {"time": 1.0, "item_uid": "i1", "name": name, "doc": doc}


@pytest.fixture
def heard():
    return queue.Queue()


@pytest.fixture
def subscribe(RM, qs_manager, heard):
    def to(name="all", callback=None):
        token = RM.documents.subscribe(callback or (lambda *shown: heard.put(shown)), name)
        qs_manager.wait_subscribed()
        return token

    yield to
    RM.close()


def publish(qs_manager, *documents):
    for name, doc in documents:
        qs_manager.publish(b"QS_Document", message(name, doc))


def test_a_callback_gets_the_documents_of_a_run(qs_manager, subscribe, heard):
    subscribe()
    publish(qs_manager, *RUN)
    assert [heard.get(timeout=10) for _ in RUN] == RUN


def test_a_callback_gets_values_that_json_has_no_number_for(qs_manager, subscribe, heard):
    subscribe("event")
    publish(qs_manager, *RUN[:2])
    name, doc = RUN[2]
    event = message(name, {**doc, "data": {"det": None}})
    qs_manager.publish(b"QS_Document", {**event, "not_finite": {"det": "inf"}})
    assert heard.get(timeout=10)[1]["data"] == {"det": float("inf")}


def test_a_run_that_was_under_way_is_left_out(qs_manager, subscribe, heard):
    subscribe()
    publish(qs_manager, *RUN[1:], RUN[0])
    assert heard.get(timeout=10) == RUN[0]


def test_a_callback_may_be_for_one_kind_of_document(qs_manager, subscribe, heard):
    subscribe("stop")
    publish(qs_manager, *RUN)
    assert heard.get(timeout=10) == RUN[3]


def test_a_callback_that_fails_is_logged_and_called_again(qs_manager, subscribe, heard, caplog):
    def fail(name, doc):
        heard.put((name, doc))
        raise ValueError("no")

    with caplog.at_level(logging.ERROR):
        subscribe(callback=fail)
        publish(qs_manager, *RUN)
        assert [heard.get(timeout=10) for _ in RUN] == RUN
    assert "A subscriber to documents failed" in caplog.text


def test_nothing_is_collected_without_a_subscriber(RM, subscribe):
    RM.documents.unsubscribe(subscribe())
    assert not RM.documents.enabled


def test_who_waits_gets_documents_and_those_from_before_the_subscription(RM, qs_manager):
    shown = []
    qs_manager.answers["documents_get"] = {"success": True, "msg": "", "documents": [message(*RUN[0])]}
    with StatusFeed(RM, lambda message, asked: shown.append((message["name"], asked))) as feed:
        qs_manager.wait_subscribed(b"QS_Document")
        qs_manager.wait_subscribed(b"QS_Info")
        publish(qs_manager, *RUN[1:3])
        qs_manager.add("count", ["det1"])
        while not (status := feed.next_status(10)) or not status["items_in_queue"]:
            pass
    assert shown == [("start", True), ("descriptor", False), ("event", False)]


def test_messages_about_devices_are_not_taken_for_the_status(RM, qs_manager):
    with StatusFeed(RM, None) as feed:
        qs_manager.wait_subscribed(b"QS_Info")
        for n in range(3):
            qs_manager.publish(b"QS_Info", {"time": 1.0, "msg": {"device_progress": {"name": "motor", "current": n}}})
        qs_manager.add("count", ["det1"])
        while not (status := feed.next_status(10)) or not status["items_in_queue"]:
            pass
    assert status["items_in_queue"] == 1


def test_if_nothing_is_published_documents_are_requested(RM, qs_manager):
    qs_manager.answers["documents_get"] = {"success": True, "msg": "", "documents": [message(*each) for each in RUN]}
    shown = []
    with StatusFeed(RM, lambda message, asked: shown.append((message["name"], asked))) as feed:
        assert feed.next_status(10)["manager_state"] == "idle"
    assert shown == [(name, True) for name, _ in RUN]


def test_a_service_without_documents_can_be_waited_for(RM, qs_manager):
    qs_manager.answers["documents_get"] = {"success": False, "msg": "Unknown method 'documents_get'"}
    with StatusFeed(RM, lambda *_: None) as feed:
        assert feed.next_status(10)["manager_state"] == "idle"


async def test_the_asyncio_client_calls_back_in_the_loop(qs_manager, clean_environment):
    heard = asyncio.Queue()
    async with AsyncClient(qs_manager.control, zmq_info_addr=qs_manager.info) as manager:
        manager.documents.subscribe(lambda *shown: heard.put_nowait(shown))
        await asyncio.to_thread(qs_manager.wait_subscribed)
        publish(qs_manager, *RUN)
        async with asyncio.timeout(10):
            assert [await heard.get() for _ in RUN] == RUN
