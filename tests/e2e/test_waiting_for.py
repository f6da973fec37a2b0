"""What a plan waits for, in a whole service with devices that take time."""

import json

import pytest
import zmq

BUSY = """
import ctypes
import bluesky.plan_stubs as bps

def hold(seconds):
    yield from bps.checkpoint()
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))  # which keeps the interpreter
    yield from bps.null()
"""


@pytest.fixture
def beamline(new_service):
    service = new_service(
        "--warm-worker", "OFF", "--zmq-stream-device-progress", "ON", "--zmq-stream-re-messages", "ON"
    ).start()
    service.open()
    return service


@pytest.fixture
def listen(beamline):
    with beamline._context.socket(zmq.SUB) as socket:
        socket.connect(beamline.info)
        socket.subscribe(b"QS_Info")
        socket.subscribe(b"QS_Progress")
        assert socket.poll(60_000)

        def until(topic, matches):
            """The messages about something under this topic, up to the one that matches."""
            found = []
            while not found or not matches(found[-1]):
                assert socket.poll(60_000)
                name, payload = socket.recv_multipart()
                message = json.loads(payload)
                if name == topic and "status" not in message.get("msg", {}):
                    found.append(message)
            return found

        yield until


@pytest.mark.in_both_modes
def test_a_move_is_in_the_status_and_its_positions_are_published(beamline, listen):
    item = beamline.add("mv", "slow_motor1", 1)
    beamline.do("queue_start")
    status = beamline.wait(lambda status: (status["waiting_for"] or {}).get("kind") == "motor", "it moves")
    assert status["waiting_for"]["devices"] == ["slow_motor1"]
    assert status["waiting_for"]["text"].startswith("waiting for slow_motor1 (0.000 → 1.000 mm")
    published = listen(b"QS_Progress", lambda message: not message["devices"])
    parts = [message["devices"][0]["fraction"] for message in published[:-1]]
    assert parts == sorted(parts)
    assert published[0]["item_uid"] == item["item_uid"]
    beamline.wait_idle()


@pytest.mark.in_both_modes
def test_progress_and_messages_are_published_in_the_communitys_form(beamline, listen):
    beamline.add("mv", "slow_motor1", 1)
    beamline.do("queue_start")
    bodies = [m["msg"] for m in listen(b"QS_Info", lambda m: m["msg"].get("device_progress") == {"completed": True})]
    progress = [body["device_progress"] for body in bodies if "device_progress" in body]
    assert (progress[0]["name"], progress[0]["target"], progress[0]["unit"]) == ("slow_motor1", 1, "mm")
    assert (progress[-2]["current"], progress[-2]["done"]) == (1, True)
    commands = [body["re_message"]["command"] for body in bodies if "re_message" in body]
    assert commands == ["set", "wait"]
    beamline.wait_idle()


@pytest.mark.in_both_modes
def test_code_that_keeps_the_interpreter_is_reported_by_the_manager(new_service, startup_dir):
    (startup_dir / "20-busy.py").write_text(BUSY)
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()
    service.open()
    service.add("hold", 5)
    service.do("queue_start")
    status = service.wait(lambda status: (status["waiting_for"] or {}).get("kind") == "user_code", "it is busy")
    assert "(line unknown)" in status["waiting_for"]["text"]
    service.wait_idle()
    assert service.do("history_get")["items"][-1]["result"]["exit_status"] == "completed"
