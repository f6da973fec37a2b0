"""Whatever comes in at the control socket gets an answer, and the service goes on."""

import json
import os
import random
import socket

import pytest
import zmq


@pytest.fixture
def idle(new_service, startup_dir):
    return new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()


def test_invalid_requests_get_error_replies_and_the_service_keeps_running(idle):
    rng = random.Random(7)
    frames = [rng.randbytes(rng.randrange(1, 400)) for _ in range(100)]
    frames += [
        b"",
        b"null",
        b"[]",
        b'"status"',
        b"{}",
        b'{"method": null}',
        b'{"method": "status", "params": 5, "x": 1}',
    ]
    frames += [json.dumps({"method": "x" * 10_000_000}).encode(), b"[" * 1_000_000, b'{"method": "queue_get"' * 1000]
    frames += [json.dumps({"method": "queue_item_add", "params": {"item": "y" * 10_000_000}}).encode()]
    for frame in frames:
        answer = json.loads(idle.raw(frame))
        assert answer["success"] is False
        assert answer["msg"]
        assert len(answer["msg"]) < 2000
    assert idle.ask("status")["manager_state"] == "idle"


def test_frames_that_no_client_sends_do_not_stop_the_service(idle):
    with idle._context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect(idle.control)
        dealer.send(b'{"method": "status"}')  # without the empty frame of REQ
        dealer.send_multipart([b"", b"a", b"b", b"c"])
        dealer.send_multipart([b""])
        assert dealer.poll(60_000)
    assert idle.ask("status")["manager_state"] == "idle"


def test_a_port_scan_does_not_disturb(idle):
    host, port = idle.control.removeprefix("tcp://").split(":")
    for _ in range(20):
        with socket.create_connection((host, int(port)), 5) as scan:
            scan.sendall(os.urandom(64) + b"GET / HTTP/1.0\r\n\r\n")
    assert idle.ask("status")["manager_state"] == "idle"


REFUSED = (
    ({"name": "quick"}, "'item_type' key is not found"),
    ({"item_type": "dance", "name": "quick"}, "unsupported 'item_type' value: 'dance'"),
    ({"item_type": "plan", "name": "no_such"}, "Plan 'no_such' is not in the list of allowed plans"),
    ({"item_type": "plan", "name": "quick", "args": 5}, "args"),
    ({"item_type": "plan", "name": "quick", "kwargs": {"no_such": 5}}, "no_such"),
    ({"item_type": "plan"}, "name"),
    ({"item_type": "instruction", "name": "dance"}, "'dance'"),
)


def test_an_item_that_cannot_be_run_is_refused_with_what_is_wrong(idle):
    idle.open()
    for item, sentence in REFUSED:
        answer = idle.ask("queue_item_add", item=item, user="tester", user_group="primary")
        assert answer["success"] is False
        assert answer["msg"].startswith("Failed to add an item: ")
        assert sentence in answer["msg"]
        shown = answer["item"]
        assert shown == {**item, "item_uid": shown["item_uid"], "user": "tester", "user_group": "primary"}
        assert answer["qsize"] == 0


def test_what_names_nothing_known_is_refused_with_what_is_wrong(idle):
    for uid, sentence in (
        ({"item_uid": "x"}, "Failed to replace item: Item with UID 'x' is not in the queue"),
        ({}, "Failed to replace item: The item has no 'item_uid'"),
    ):
        item = {"item_type": "instruction", "name": "queue_stop", **uid}
        answer = idle.ask("queue_item_update", item=item, user="tester", user_group="primary")
        assert (answer["success"], answer["qsize"], answer["item"]) == (False, 0, item)
        assert answer["msg"].startswith(sentence)
    answer = idle.ask("queue_item_add", item={"item_type": "plan", "name": "quick"}, user="x", user_group="nobody")
    assert "Unknown user group: 'nobody'" in answer["msg"]


def test_a_batch_reports_on_each_item_and_once_on_an_unknown_group(idle):
    stop = {"item_type": "instruction", "name": "queue_stop"}
    items = [stop, "dance", None]
    answer = idle.ask("queue_item_add_batch", items=items, user="tester", user_group="primary")
    assert answer["msg"].startswith(
        "Failed to add all items: validation of 2 out of 3 submitted items failed: item 1: "
    )
    assert [result["success"] for result in answer["results"]] == [True, False, False]
    assert "an item must be an object, not 'dance'" in answer["results"][1]["msg"]
    assert (answer["items"], answer["qsize"], idle.queue()) == (items, 0, [])
    for items in ([], [stop] * 3):
        answer = idle.ask("queue_item_add_batch", items=items, user="tester", user_group="nobody")
        assert answer["msg"] == "Failed to add all items: Unknown user group: 'nobody'"
        assert (answer["success"], answer["items"], len(answer["results"])) == (False, items, len(items))
        assert not any(result["success"] for result in answer["results"])


def test_numbers_that_only_python_knows_come_back_as_they_were_sent(idle):
    idle.open()
    frame = (
        b'{"method": "queue_item_add", "params": {"user": "x", "user_group": "primary", "item": {"item_type": "plan", '
    )
    frame += b'"name": "quick", "args": [[NaN, Infinity, 123456789012345678901234567890, 1e-310]]}}}'
    assert json.loads(idle.raw(frame))["success"]
    assert b"[[NaN, Infinity, 123456789012345678901234567890, 1e-310]]" in idle.raw(b'{"method": "queue_get"}')
    idle.do("queue_start")
    assert idle.wait_idle()["items_in_history"] == 1
    assert idle.history()[0]["result"]["exit_status"] == "completed"


def test_a_second_service_on_the_same_port_ends_with_one_clear_line(idle, new_service):
    second = new_service("--startup-profile", "sim")
    second.control = idle.control
    assert second.spawn().wait(60) == 1
    assert f"Cannot bind to {idle.control}: Address already in use: is another RE Manager running?" in second.output()
    assert "Traceback" not in second.output()
