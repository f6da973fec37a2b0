"""What our service answers beyond the community's: events, the state of an item, checks without queueing, documents."""

import json

import msgspec
import pytest
import zmq


@pytest.fixture
def light(new_service, startup_dir):
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()
    service.open()
    return service


def test_events_are_numbered_without_a_gap_and_go_on_after_a_restart(light):
    item = light.add("quick")
    light.do("queue_start")
    light.wait_idle()
    first = light.do("events_get", since=0)
    assert [event["seq"] for event in first["events"]] == list(range(1, first["last"] + 1))
    types = [event["type"] for event in first["events"]]
    assert types.index("queue_changed") < types.index("item_started") < types.index("item_ended")
    ended = next(event for event in first["events"] if event["type"] == "item_ended")
    assert (ended["item_uid"], ended["exit_status"]) == (item["item_uid"], "completed")
    light.kill_everything()
    light.restart()
    light.do("queue_clear")
    light.do("queue_mode_set", mode={"loop": True})
    later = light.do("events_get", since=first["last"])
    assert later["events"][0]["seq"] == first["last"] + 1
    assert later["events"][-1]["type"] == "mode_changed"


def test_events_are_published_when_they_are_stored(light):
    with light._context.socket(zmq.SUB) as news:
        news.connect(light.info)
        news.subscribe(b"QS_Event")
        light.wait(lambda s: True, "the subscription is known")
        known = set()
        while not known:  # the first event that arrives shows that the subscription is in force
            light.do("queue_mode_set", mode={"loop": True})
            light.do("queue_mode_set", mode="default")
            if news.poll(200):
                known.add(json.loads(news.recv_multipart()[1])["seq"])
        item = light.add("quick")
        while True:
            assert news.poll(60_000)
            event = json.loads(news.recv_multipart()[1])
            if event["type"] == "queue_changed":
                break
        assert event["put"] == [item["item_uid"]]


def test_the_state_of_an_item_is_known_from_the_queue_to_its_end(light):
    waiting, running = light.add("quick"), light.add("steps", 1000, 0.05, pos="front")
    uid, other = running["item_uid"], waiting["item_uid"]
    status = light.do("item_status", item_uid=other)["status"]
    assert (status["state"], status["position"]) == ("queued", 1)
    light.do("queue_start")
    light.wait(lambda s: s["re_state"] == "running", "running")
    assert light.do("item_status", item_uid=uid)["status"]["state"] == "running"
    light.do("re_pause", option="immediate")
    light.wait(lambda s: s["manager_state"] == "paused", "paused")
    assert light.do("item_status", item_uid=uid)["status"]["state"] == "paused"
    light.do("re_abort")
    light.wait_idle()
    ended = light.do("item_status", item_uid=uid)["status"]
    assert ended["state"] == "aborted"
    assert ended["result"]["exit_status"] == "aborted"
    again = ended["requeued_as"]
    assert list(ended["times"]) == ["queued", "running", "aborted"]
    light.do("queue_item_remove", uid=other)
    several = light.do("item_status", item_uid=[again, other, "nobody"])["status"]
    assert [several[uid]["state"] for uid in (again, other, "nobody")] == ["queued", "removed", "not_found"]
    light.do("queue_clear")
    light.do("history_clear")
    several = light.do("item_status", item_uid=[again, uid, other])["status"]
    assert [several[uid]["state"] for uid in (again, uid, other)] == ["removed", "aborted", "removed"]
    assert several[uid]["requeued_as"] == again


def test_many_items_are_shown_like_one(light):
    for n in range(30):
        light.add("quick", n)
    uids = [item["item_uid"] for item in light.queue()]
    light.do("queue_start")
    light.wait(lambda s: s["items_in_history"] == 30 and s["manager_state"] == "idle", "all have run")
    several = light.do("item_status", item_uid=[*uids, "nobody"])["status"]
    assert [several[uid]["state"] for uid in uids] == ["completed"] * 30
    assert several["nobody"] == {"state": "not_found", "times": {}}
    assert several[uids[7]] == light.do("item_status", item_uid=uids[7])["status"]


def test_the_history_is_read_by_page_and_filtered_also_after_a_restart(light):
    for n in range(4):
        item = {"item_type": "plan", "name": "quick", "args": [n], "meta": {"sample": f"S0{n % 2}"}}
        light.do("queue_item_add", item=item, user=("ada", "bob")[n // 2], user_group="primary")
    light.do("queue_start")
    light.wait(lambda s: s["items_in_history"] == 4 and s["manager_state"] == "idle", "all have run")
    began = [item["result"]["time_start"] for item in light.do("history_get")["items"]]
    assert {"metadata", "since", "before"} <= set(light.ask("status")["extensions"])

    def numbers(**params):
        page = light.do("history_get", **params)
        assert page["positions"] == [item["args"][0] for item in page["items"]]
        return page["positions"]

    for _ in range(2):
        assert numbers(limit=3) == [1, 2, 3]
        assert numbers(metadata={"sample": "s*1"}) == [1, 3]
        assert numbers(user="bob", exit_status="completed") == [2, 3]
        assert numbers(since=began[1], until=began[2]) == [1, 2]
        light.kill_everything()
        light.restart()


@pytest.mark.in_both_modes
def test_functions_of_the_environment_are_listed_for_those_who_may_call_them(light):
    before = light.ask("status")
    assert "quick" not in light.do("functions_allowed", user_group="primary")["functions_allowed"]
    light.do("script_upload", script='def set_gain(gain: int = 3):\n    """Set the gain."""\n')
    light.wait(lambda s: s["functions_allowed_uid"] != before["functions_allowed_uid"], "new functions")
    assert light.do("functions_allowed", user_group="primary")["functions_allowed"]["set_gain"] == {
        "signature": "(gain: int = 3)",
        "description": "Set the gain.",
    }


def test_items_are_checked_without_being_queued(light):
    who = {"user": "tester", "user_group": "primary"}
    good = {"item_type": "plan", "name": "steps", "args": [5]}
    bad = {"item_type": "plan", "name": "steps", "kwargs": {"n": "many"}}
    unknown = {"item_type": "plan", "name": "stepz"}
    first, second, third = light.do("item_check", items=[good, bad, unknown], **who)["results"]
    assert first["success"]
    assert first["arguments"] == {"n": 5, "delay": 0.05, "path": ""}
    assert not second["success"]
    assert [(e["parameter"], e["value"]) for e in second["errors"]] == [("n", "many")]
    assert not third["success"]
    assert "steps" in third["errors"][0]["suggestions"]
    assert light.queue() == []
    refused = light.ask("queue_item_add", item=bad, **who)
    assert second["msg"] in refused["msg"]


@pytest.mark.in_both_modes
def test_documents_and_progress_of_a_running_plan_are_published(light):
    with light._context.socket(zmq.SUB) as news:
        news.connect(light.info)
        news.subscribe(b"QS_Document")
        news.subscribe(b"QS_Event")
        while not news.poll(200):  # the first event that arrives shows that both subscriptions are in force
            light.do("queue_mode_set", mode={"loop": True})
            light.do("queue_mode_set", mode="default")
        item = light.add("run", 2)
        light.do("queue_start")
        seen = []
        while [d["name"] for d in seen].count("stop") < 2:
            assert news.poll(60_000)
            topic, message = news.recv_multipart()
            seen += [json.loads(message)] if topic == b"QS_Document" else []
    assert [d["name"] for d in seen] == ["start", "stop", "start", "stop"]
    start = seen[0]["doc"]
    assert (start["queue_item_uid"], start["queue_user"], start["queue_user_group"]) == (
        item["item_uid"],
        "tester",
        "primary",
    )


def test_the_report_on_the_opening_has_files_and_their_times(light):
    report = light.do("environment_report")["report"]
    assert [file["file"].rpartition("/")[2] for file in report["files"]] == ["00-base.py"]
    assert report["files"][0]["seconds"] > 0


@pytest.mark.in_both_modes
def test_a_failed_opening_names_file_line_and_error(new_service, startup_dir):
    (startup_dir / "10-broken.py").write_text("x = 1\ny = x / 0\n")
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()
    service.do("environment_open")
    status = service.wait(lambda s: s["manager_state"] == "idle", "idle")
    assert status["worker_environment_exists"] is False
    text = json.dumps(service.do("environment_report")["report"])
    assert "10-broken.py" in text
    assert "ZeroDivisionError" in text
    service.wait_shown("10-broken.py")
    assert msgspec.json.decode(text)


VALUES = """
import datetime
import numpy as np
from bluesky.plan_stubs import rd
from ophyd.sim import det1

def waveform():
    return {"y": np.arange(3), "when": {datetime.date(2024, 1, 2)}}

def far():
    yield from null()
    return 2**70
"""


@pytest.mark.parametrize(("encoding", "number"), [("json", 2**70), ("msgpack", float(2**70))])
def test_values_of_functions_and_plans_come_back(new_service, startup_dir, encoding, number):
    (startup_dir / "10-values.py").write_text(VALUES)
    args = ("--startup-dir", str(startup_dir), "--warm-worker", "OFF", "--zmq-encoding", encoding)
    service = new_service(*args, encoding=encoding).start()
    service.open()
    function = {"item_type": "function", "name": "waveform"}
    task = service.do("function_execute", item=function, user="tester", user_group="primary")["task_uid"]
    service.wait(lambda s: service.do("task_result", task_uid=task)["status"] == "completed", "the function has ended")
    result = service.do("task_result", task_uid=task)["result"]
    assert (result["success"], result["return_value"]) == (True, {"y": [0, 1, 2], "when": ["2024-01-02"]})
    for plan in (service.add("rd", "det1"), service.add("far")):
        service.do("queue_start")
        service.wait_idle()
        assert service.do("item_status", item_uid=plan["item_uid"])["status"]["state"] == "completed"
    read, far = [item["result"] for item in service.do("history_get")["items"]]
    assert isinstance(read["return_value"], float)
    assert (far["return_value"], far["return_value_is_text"]) == (number, False)
