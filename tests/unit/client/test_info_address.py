"""A client that knows only the control address asks the service for the address of its info socket."""

import pickle
import queue

import pytest

from bluesky_qs.aio import REManagerAPI as AsyncClient
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.wire.info import INFO

UNTOLD = {"success": True, "msg": "", "config": {}}
START = {"time": 1.0, "item_uid": "i1", "name": "start", "doc": {"uid": "r1"}}


@pytest.fixture
def RM(qs_manager, clean_environment):
    with REManagerAPI(qs_manager.control, timeout_recv=5) as manager:
        yield manager


def test_documents_arrive_without_an_info_address(RM, qs_manager):
    heard = queue.Queue()
    RM.documents.subscribe(lambda name, doc: heard.put((name, doc)))
    qs_manager.wait_subscribed()
    qs_manager.publish(b"QS_Document", START)
    assert heard.get(timeout=10) == ("start", {"uid": "r1"})


def test_a_copy_in_another_process_asks_too(RM, qs_manager):
    with pickle.loads(pickle.dumps(RM)) as copy, copy.subscribe(INFO):
        qs_manager.wait_subscribed(INFO)


async def test_an_asyncio_client_asks_too(qs_manager, clean_environment):
    async with AsyncClient(qs_manager.control, timeout_recv=5) as manager, manager.subscribe(INFO) as feed:
        message = await feed.next(10)
        assert message is not None
        assert message.topic == INFO


def test_an_address_of_the_environment_or_of_the_caller_is_not_asked_for(qs_manager, clean_environment, monkeypatch):
    with REManagerAPI(qs_manager.control, zmq_info_addr=qs_manager.info) as manager, manager.subscribe(INFO):
        qs_manager.wait_subscribed(INFO)
    monkeypatch.setenv("QSERVER_ZMQ_INFO_ADDRESS", qs_manager.info)
    with REManagerAPI(qs_manager.control) as manager, manager.subscribe(INFO):
        qs_manager.wait_subscribed(INFO)
    assert "config_get" not in qs_manager.methods


@pytest.mark.parametrize(
    "reply", [UNTOLD, {"success": False, "msg": "Unknown method 'config_get'"}, {**UNTOLD, "zmq_info_addr": 7}]
)
def test_a_service_that_does_not_tell_is_expected_at_the_usual_address(RM, qs_manager, reply):
    qs_manager.answers["config_get"] = reply
    with RM.subscribe(INFO):
        assert qs_manager.methods == ["config_get"]
    assert RM.settings.info_addr == "tcp://localhost:60625"


def test_a_service_that_is_not_there_yet_is_expected_at_the_usual_address(clean_environment):
    with REManagerAPI("tcp://127.0.0.1:9", timeout_recv=0.05) as manager, manager.subscribe(INFO) as feed:
        assert feed.refusal is None
