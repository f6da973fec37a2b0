"""The user's tutorials, command by command: start, environment, running the queue, interacting with the RunEngine."""

import ast
import re
import signal

import pytest

COUNT = '{"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 10, "delay": 60}}'
SLOW = '{"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 6, "delay": 60}}'
#: Plans wait at their first delay until the test opens a gate; behind it no delay takes time.
HELD = """
import asyncio, pathlib

async def held(msg):
    while not pathlib.Path({gate!r}).exists():
        await asyncio.sleep(0.01)

RE.register_command("sleep", held)
"""


@pytest.fixture
def service(service_of_tutorials):
    return service_of_tutorials


@pytest.fixture
def open_held(service, tmp_path):
    """Opens an environment whose plans wait; returns what lets them go."""

    def open_environment():
        service.open()
        service.do("script_upload", script=HELD.format(gate=str(tmp_path / "gate")))
        service.wait_idle()
        return (tmp_path / "gate").touch

    return open_environment


def say(service, words, code=0):
    """Run a `qserver` command; the printed message as the value that it shows."""
    done = service.qserver(*words)
    assert done.returncode == code, done.stdout + done.stderr
    head, _, shown = done.stdout.partition("MESSAGE:\n")
    assert re.fullmatch(r"\d\d:\d\d:\d\d - ", head), done.stdout
    return ast.literal_eval(shown)


def refused(service, words):
    return say(service, words, code=2)


@pytest.mark.over_http_too
def test_status_shows_what_the_tutorial_shows(service):
    status = say(service, ["status"])
    expected = {
        "items_in_history": 0,
        "items_in_queue": 0,
        "manager_state": "idle",
        "pause_pending": False,
        "queue_stop_pending": False,
        "re_state": None,
        "running_item_uid": None,
        "worker_background_tasks": 0,
        "worker_environment_exists": False,
        "worker_environment_state": "closed",
    }
    assert {key: status[key] for key in expected} == expected
    assert status["msg"].startswith("RE Manager")
    assert status["plan_queue_mode"]["loop"] is False
    things = ["devices_allowed", "devices_existing", "plans_allowed", "plans_existing"]
    for thing in [*things, "plan_history", "plan_queue", "run_list", "task_results"]:
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", status[f"{thing}_uid"]), thing


def test_ctrl_c_stops_the_service(service):
    assert service.stop(signal.SIGINT) == 0
    assert service.processes() == []


def test_the_log_has_the_address_of_the_control_socket(service):
    service.wait_shown(f"ZeroMQ server is waiting on {service.control}", "ZMQ control channels: encryption disabled")


@pytest.mark.over_http_too
@pytest.mark.in_both_modes
def test_the_environment_is_opened_closed_and_destroyed(service):
    accepted = {"msg": "", "success": True}
    assert say(service, ["environment", "open"]) == accepted
    status = service.wait_idle()
    assert (status["worker_environment_exists"], status["worker_environment_state"]) == (True, "idle")
    assert refused(service, ["environment", "open"]) == {
        "msg": "RE Worker environment already exists.",
        "success": False,
    }
    assert say(service, ["environment", "close"]) == accepted
    status = service.wait_idle()
    assert (status["worker_environment_exists"], status["worker_environment_state"]) == (False, "closed")
    assert refused(service, ["environment", "close"]) == {
        "msg": "RE Worker environment does not exist.",
        "success": False,
    }
    service.open()
    assert say(service, ["environment", "destroy"]) == accepted
    status = service.wait_idle()
    assert (status["worker_environment_exists"], status["worker_environment_state"]) == (False, "closed")


@pytest.mark.over_http_too
def test_the_queue_is_started_stopped_and_the_stop_is_cancelled(service, open_held):
    for size in (1, 2, 3):
        added = say(service, ["queue", "add", "plan", COUNT])
        uid = added["item"].pop("item_uid")
        assert uid
        assert added == {
            "item": {
                "args": [["det1", "det2"]],
                "item_type": "plan",
                "kwargs": {"delay": 60, "num": 10},
                "name": "count",
                "user": "qserver-cli",
                "user_group": "admin",
            },
            "msg": "",
            "qsize": size,
            "success": True,
        }
    queue = say(service, ["queue", "get"])
    assert len(queue["items"]) == 3
    assert queue["running_item"] == {}
    assert refused(service, ["queue", "start"])["msg"] == "RE Worker environment does not exist. Open it first."
    let_go = open_held()
    assert say(service, ["history", "clear"]) == {"msg": "", "success": True}
    assert say(service, ["queue", "start"]) == {"msg": "", "success": True}
    running = say(service, ["queue", "get"])
    assert running["running_item"].pop("properties")["time_start"] > 0
    assert running["running_item"] == queue["items"][0]
    assert running["items"] == queue["items"][1:]
    assert say(service, ["queue", "stop"]) == {"msg": "", "success": True}
    status = say(service, ["status"])
    assert (status["manager_state"], status["queue_stop_pending"]) == ("executing_queue", True)
    assert say(service, ["queue", "stop", "cancel"]) == {"msg": "", "success": True}
    status = say(service, ["status"])
    assert (status["manager_state"], status["queue_stop_pending"]) == ("executing_queue", False)
    say(service, ["queue", "stop"])
    let_go()
    status = service.wait_idle()
    assert (status["items_in_history"], status["items_in_queue"], status["queue_stop_pending"]) == (1, 2, False)
    say(service, ["queue", "start"])
    status = service.wait_idle()
    assert (status["items_in_history"], status["items_in_queue"]) == (3, 0)
    history = service.history()
    assert [item["result"]["exit_status"] for item in history] == ["completed"] * 3
    assert all(len(item["result"]["run_uids"]) == 1 for item in history)


@pytest.mark.over_http_too
@pytest.mark.in_both_modes
def test_a_deferred_pause_waits_for_the_checkpoint_and_the_plan_is_resumed(service, open_held):
    status = say(service, ["status"])
    assert (status["pause_pending"], status["re_state"]) == (False, None)
    let_go = open_held()
    assert say(service, ["status"])["re_state"] == "idle"
    say(service, ["queue", "add", "plan", SLOW])
    say(service, ["queue", "start"])
    service.wait(lambda s: s["re_state"] == "running", "running")
    assert say(service, ["re", "pause"]) == {"msg": "", "success": True}
    status = service.ask("status")
    assert (status["manager_state"], status["pause_pending"], status["re_state"]) == (
        "executing_queue",
        True,
        "running",
    )
    let_go()
    status = service.wait(lambda s: s["manager_state"] == "paused", "paused")
    assert (status["pause_pending"], status["re_state"]) == (False, "paused")
    assert say(service, ["re", "resume"]) == {"msg": "", "success": True}
    status = service.wait_idle()
    assert (status["items_in_history"], status["items_in_queue"]) == (1, 0)
    assert service.history()[0]["result"]["exit_status"] == "completed"
    console = service.wait_shown(
        "Pausing the queue (currently running plan) ...",
        "Pausing Run Engine ...",
        "Deferred pause acknowledged. Continuing to checkpoint.",
        "Resuming paused plan ...",
        "Run Engine: resume",
        "Continue plan execution with the option 'resume'",
        "Transient Scan ID: 1",
        "New stream: 'primary'",
        "generator count [",
    )
    assert len(re.findall(r"^\| +\d+ \| ", console, re.MULTILINE)) == 6


@pytest.mark.in_both_modes
@pytest.mark.parametrize(
    ("word", "exit_status", "left"),
    [("stop", "stopped", 0), ("abort", "aborted", 1), ("halt", "halted", 1)],
)
def test_a_paused_plan_is_stopped_aborted_or_halted(service, word, exit_status, left):
    service.open()
    item = say(service, ["queue", "add", "plan", SLOW])["item"]
    say(service, ["start"])
    service.wait(lambda s: s["re_state"] == "running", "running")
    say(service, ["re", "pause", "immediate"])
    service.wait(lambda s: s["manager_state"] == "paused", "paused")
    assert say(service, ["re", word]) == {"msg": "", "success": True}
    status = service.wait_idle()
    assert status["items_in_queue"] == left
    (done,) = service.history()
    assert (done["item_uid"], done["result"]["exit_status"]) == (item["item_uid"], exit_status)
    if left:
        (again,) = service.queue()
        assert again["item_uid"] != item["item_uid"]
        assert {**again, "item_uid": None} == {**item, "item_uid": None, "result": done["result"]}


@pytest.mark.over_http_too
def test_what_cannot_be_done_now_is_refused_with_the_reason(service):
    assert "not running" in refused(service, ["re", "pause"])["msg"]
    for word in ("resume", "stop", "abort", "halt"):
        assert "paused" in refused(service, ["re", word])["msg"]
    assert "not running" in refused(service, ["queue", "stop"])["msg"]
    assert refused(service, ["environment", "destroy"])["msg"] == "RE environment does not exist."
    service.open()
    service.add("count", ["det1"], num=3, delay=1000)
    service.do("queue_start")
    assert refused(service, ["queue", "start"])["msg"].startswith("Queue execution is in progress.")
    assert refused(service, ["environment", "close"])["msg"].startswith("Queue execution is in progress.")
    assert refused(service, ["environment", "open"])["msg"] == "RE Worker environment already exists."
