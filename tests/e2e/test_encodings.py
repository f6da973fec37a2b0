"""The service and its clients in MessagePack: all that can be done in JSON, and a hint for who speaks the other one."""

import math

import msgspec
import pytest

from bluesky_qs import BPlan, REManagerAPI, errors


@pytest.fixture
def packed(new_service, startup_dir):
    """A running service that speaks MessagePack, and publishes its console output."""
    args = ("--startup-dir", str(startup_dir), "--warm-worker", "OFF", "--zmq-publish-console", "ON")
    return new_service(*args, "--zmq-encoding", "msgpack", encoding="msgpack").start()


@pytest.fixture
def client(packed, monkeypatch):
    monkeypatch.delenv("QSERVER_ZMQ_ENCODING", raising=False)
    with REManagerAPI(packed.control, zmq_info_addr=packed.info, zmq_encoding="msgpack", timeout_recv=60) as manager:
        yield manager


def test_our_client_opens_queues_runs_waits_and_listens(client):
    client.console_monitor.enable()
    client.system_info_monitor.enable()
    assert client.system_info_monitor.next_msg(timeout=60)["msg"]["status"]["manager_state"] == "idle"
    client.environment_open()
    client.wait_for_idle(timeout=60)
    plan = BPlan("quick", {"a": [1, -1.5, None, True, "Ö — 試料"], "long": "x" * 100_000})
    item = client.item_add(plan)["item"]
    assert client.queue_get()["items"] == [item]
    assert item["args"] == plan.args
    client.queue_start()
    end = client.wait_for_item(item["item_uid"], timeout=60)
    assert end["state"] == "completed"
    (past,) = client.history_get()["items"]
    assert (past["item_uid"], past["args"]) == (item["item_uid"], plan.args)
    client.wait_for_idle(timeout=60)
    task = client.script_upload("print('is packed'); double = lambda x: 2 * x")["task_uid"]
    client.wait_for_completed_task(task, timeout=60)
    seen = ""
    while "is packed\n" not in seen:
        seen += client.console_monitor.next_msg(timeout=60)["msg"]
    assert "quick" in client.plans_allowed()["plans_allowed"]


def test_numbers_that_only_one_encoding_knows(packed, client):
    client.environment_open()
    client.wait_for_idle(timeout=60)
    item = client.item_add(BPlan("quick", [math.nan, math.inf, 2**64 - 1, -(2**63)]))["item"]
    assert math.isnan(item["args"][0][0])
    assert item["args"][0][1:] == [math.inf, 2**64 - 1, -(2**63)]
    with pytest.raises(errors.BadParams, match="cannot be encoded as msgpack"):
        client.item_add(BPlan("quick", 2**64))
    assert len(packed.queue()) == 1


def test_what_json_cannot_hold_is_refused_by_name(packed):
    packed.open()
    for value in (b"bytes", {b"key": 2}, msgspec.msgpack.Ext(5, b"x")):
        item = {"item_type": "plan", "name": "quick", "args": [value]}
        answer = packed.ask("queue_item_add", item=item, user="tester", user_group="primary")
        assert (answer["success"], answer["qsize"]) == (False, 0), value
        assert answer["msg"], value
    assert packed.queue() == []


def test_the_encoding_is_set_by_a_variable_too(new_service):
    service = new_service(
        "--warm-worker", "OFF", env={"QSERVER_ZMQ_ENCODING_FOR_SERVER": "msgpack"}, encoding="msgpack"
    )
    assert service.start().queue() == []


def test_the_command_line_speaks_it_too(packed):
    assert "'manager_state': 'idle'" in packed.qserver("status", "--zmq-encoding", "msgpack").stdout
    packed.env["QSERVER_ZMQ_ENCODING"] = "msgpack"
    assert packed.qserver("queue", "get").returncode == 0


def test_a_client_with_the_wrong_encoding_gets_an_error_that_names_it(packed):
    ran = packed.qserver("status")
    assert ran.returncode == 1
    assert "Does the service use msgpack" in ran.stderr


def test_garbage_gets_an_answer_in_the_encoding_of_the_service(packed):
    for garbage in (b"\xc1garbage", b"", b'{"method": "status"}', b"\x81\xa6method", b"\x91" * 100_000):
        answer = msgspec.msgpack.decode(packed.raw(garbage))
        assert answer["success"] is False
        assert answer["msg"].startswith(("Failed to decode the request: MSGPACK decode error: ", "Invalid request"))
    assert packed.ask("status")["manager_state"] == "idle"
