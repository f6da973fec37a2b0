"""Documents of a running plan in another process: for bluesky's callbacks, for who comes late, or switched off."""

import queue

import pytest

from bluesky_qs import BPlan, REManagerAPI
from bluesky_qs.wire.info import INFO

PATIENCE = 60


@pytest.fixture
def client_of():
    """A client of a running service with an open environment."""
    clients = []

    def make(service, encoding="json"):
        RM = REManagerAPI(
            service.control, zmq_info_addr=service.info, zmq_encoding=encoding, user_group="primary", timeout_recv=60
        )
        clients.append(RM)
        RM.environment_open()
        RM.wait_for_idle(timeout=PATIENCE)
        return RM

    yield make
    for RM in clients:
        RM.close()


def test_a_client_that_knows_only_the_control_address_finds_the_info_socket(service, monkeypatch):
    monkeypatch.delenv("QSERVER_ZMQ_INFO_ADDRESS", raising=False)
    with REManagerAPI(service.control, timeout_recv=60) as RM, RM.subscribe(INFO) as feed:
        assert feed.next(PATIENCE).topic == INFO


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_a_callback_sees_the_run_that_the_worker_makes(new_service, client_of, encoding):
    service = new_service("--warm-worker", "OFF", env={"QSERVER_ZMQ_ENCODING_FOR_SERVER": encoding})
    service.spawn()
    RM = client_of(service, encoding)
    heard = queue.Queue()
    RM.documents.subscribe(lambda name, doc: heard.put((name, doc)))
    # One run after another until the subscription stands; the first whose beginning is heard is heard to its end.
    names = []
    while names[-1:] != ["stop"]:
        if not names:
            RM.wait_for_item(
                RM.queue_item_execute(BPlan("count", ["det1"], num=3))["item"]["item_uid"], timeout=PATIENCE
            )
        try:
            name, doc = heard.get(timeout=PATIENCE if names else 1)
        except queue.Empty:
            continue
        names.append(name)
        if name == "event":
            assert isinstance(doc["data"]["det1"], float)
    assert names == ["start", "descriptor", "event", "event", "event", "stop"]
    assert [each["name"] for each in RM.documents_get()["documents"]] == names
    assert [each["doc"]["seq_num"] for each in RM.documents_get(limit=1)["documents"] if each["name"] == "event"] == [3]


def test_documents_can_be_switched_off(new_service, client_of):
    service = new_service("--warm-worker", "OFF", "--zmq-publish-documents", "OFF").start()
    RM = client_of(service)
    uid = RM.queue_item_execute(BPlan("count", ["det1"], num=3))["item"]["item_uid"]
    assert RM.wait_for_item(uid, timeout=PATIENCE)["state"] == "completed"
    assert RM.documents_get()["documents"] == []
