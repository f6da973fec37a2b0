"""What a person reads of answers that are neither queue nor history: sentences and tables, no dictionaries, no uids."""

import time

import pytest
from IPython.lib.pretty import pretty

from bluesky_qs.errors import NotFound
from bluesky_qs.testing import Wait
from ipython_extension.shown.display import QueueView

_UID = "3e5dac90-59ff-41e2-88b7-72e57e932a1e"
_RUN = {"uid": _UID, "scan_id": 7, "is_open": True, "exit_status": None}
_CHECK = {"success": False, "msg": "parameter 'num': 'x' is not an integer"}
_DOUBT = {"parameter": "detectors", "value": "det9", "reason": "'det9' is no device", "suggestions": []}
_PLAN = {"parameter": None, "value": None, "reason": "Plan 'scan' needs the number"}
_REPORT = {"success": True, "time": time.time(), "seconds": 0.7, "plans": 2, "devices": 1, "files": [],
           "left_out": [{"name": "bad", "reason": "its default cannot be shown"}]}  # fmt: skip
_START = {"name": "start", "doc": {"scan_id": 7}}
_EVENT = {"seq": 9, "time": time.time(), "type": "queue_changed", "put": [_UID]}


@pytest.mark.parametrize(
    ("line", "method", "answer", "expected_text"),
    [
        ("console get", "console_get", {"messages": [{"msg": "a\n", "seq": 1}, {"msg": "b\n", "seq": 2}]}, "a\nb"),
        ("console get", "console_get", {"messages": []}, "Nothing has been printed."),
        ("events get", "events_get", {"events": [_EVENT], "last": 9}, "queue changed  put 1 item"),
        ("documents get", "documents_get", {"documents": [_START, {"name": "stop", "doc": {}}]},
         "2 documents of scan 7: 1 start, 1 stop."),
        ("documents get", "documents_get", {"documents": []}, "No documents"),
        ("re runs", "re_runs", {"run_list": [_RUN], "run_list_uid": _UID}, "7  open    3e5dac90"),
        ("re runs", "re_runs", {"run_list": [], "run_list_uid": _UID}, "No runs."),
        ("re metadata", "re_metadata", {"re_metadata": {"beamline": "X"}}, "beamline  X"),
        ("re metadata", "re_metadata", {"re_metadata": {}}, "No metadata."),
        ("re metadata", "re_metadata", {"re_metadata": {}, "permitted_keys": ["/"]}, "No metadata."),
        ("re metadata", "re_metadata", {"re_metadata": {}, "permitted_keys": []},
         "The service does not let you see metadata (setting permitted_re_metadata_keys)."),
        ("re metadata", "re_metadata", {"re_metadata": {}, "permitted_keys": ["/a", "/b"]}, "No metadata in /a, /b."),
        ("permissions get", "permissions_get", {"user_group_permissions": {"user_groups": {"root": {}}}},
         "user_groups:\n  root: {}"),
        ("environment report", "environment_report", {"report": _REPORT}, "Left out: bad: its default cannot be shown"),
        ("environment report", "environment_report", {"report": {"success": False, "message": "no RE", "files": []}},
         "The environment could not be opened: no RE"),
        ("environment report", "environment_report", {"report": {}}, "has not been opened"),
        ("task status abc", "task_status", {"task_uid": "abc", "status": "running"}, "The task is running."),
        ("queue item status abc", "item_status", {"status": {"state": "queued", "position": 3}},
         "The item is queued at position 3."),
        ("queue item status abc", "item_status", {"status": {"state": "not_found"}}, "The item is not found."),
        ("queue check plan {'name': 'count'}", "item_check", {"results": [_CHECK]}, "'x' is not an integer"),
        ("queue check plan {'name': 'count'}", "item_check", {"results": [{"success": True}]}, "can be queued"),
        ("queue check plan {'name': 'count'}", "item_check", {"results": [{"success": True, "warnings": [_DOUBT]}]},
         "can be queued.\nIt may fail: parameter 'detectors': 'det9' is no device."),
        ("check scan([det1], motor, 0, 1)", "item_check", {"results": [{"success": True, "warnings": [_PLAN]}]},
         "can be queued.\nIt may fail: plan 'scan' needs the number"),
        ("config", "config_get", {"config": {"ip_connect_info": {}}}, "no IPython kernel"),
        ("history clear 3", "history_clear", {}, "Kept the newest 3 items in the history."),
        ("history clear 0", "history_clear", {}, "Cleared the history."),
        ("queue stop cancel", "queue_stop_cancel", {}, "No stop is pending."),
    ],
)  # fmt: skip
def test_a_reply_is_shown_as_a_sentence(qs, qs_manager, line, method, answer, expected_text):
    qs_manager.answers[method] = answer
    view = qs(line)
    shown = pretty(view)
    assert expected_text in shown
    assert "{'" not in shown
    assert _UID not in shown
    assert view.items() >= answer.items()
    assert "{&#x27;" not in view._repr_html_()


def test_clearing_the_history_up_to_an_item_says_whether_the_item_was_there(qs, qs_manager, plan):
    qs_manager.fill(history=[plan("count", uid) for uid in ("uid-a", "uid-b", "uid-c")])
    with pytest.raises(NotFound, match="Item with UID 'uid-x' is not in the history"):
        qs("history clear uid-x")
    assert len(qs_manager.do("history_get")["items"]) == 3
    assert pretty(qs("history clear uid-b")) == "Removed that item and all older ones from the history."
    assert [item["item_uid"] for item in qs_manager.do("history_get")["items"]] == ["uid-c"]


def test_why_a_plan_may_fail_stands_below_it(qs, qs_manager, plan):
    warning = "Parameter 'detectors': 'det9' is <no> device: the plan will fail unless this is fixed"
    item = plan("count", "uid-aaaa")
    qs_manager.answers["queue_item_add"] = {"item": item, "qsize": 1, "warnings": [warning]}
    view = qs("queue add plan {'name': 'count', 'args': [['det9']]}")
    first, *below = pretty(view).splitlines()
    assert first.startswith("Queued at position 0: count(")
    assert " ".join(" ".join(below).split()) == f"{warning}."
    assert "is &lt;no&gt; device" in view._repr_html_()


def test_each_plan_of_a_batch_has_its_own_warnings_below_it(qs, qs_manager, plan):
    items = [plan("count", "uid-aaaa"), plan("scan", "uid-bbbb")]
    results = [{"success": True, "msg": ""}, {"success": True, "msg": "", "warnings": ["It will fail"]}]
    qs_manager.answers["queue_item_add_batch"] = {"items": items, "qsize": 2, "results": results}
    count, scan, below = pretty(qs("add count([det1]) scan([det1], motor, 0, 1, 2)")).splitlines()
    assert (count[:20], scan[:20], below) == ("Queued at position 0", "Queued at position 1", "  It will fail.")


def test_a_stop_is_taken_back_while_the_queue_runs(qs, opened):
    opened.worker.on_plan("count", Wait())
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.do("queue_stop")
    assert pretty(qs("stop cancel")) == "The queue will keep running after this plan."


def test_a_task_in_the_background_is_named_by_the_beginning_of_its_uid(qs, opened):
    answer = qs("func function_sleep(1) --background")
    short = answer["task_uid"][:8]
    printed = f"Started function_sleep(1) in the background. Get its result with %qs task result {short}"
    assert " ".join(pretty(answer).split()) == printed
    qs(f"task result {short}")
    qs("task result")
    assert [request["task_uid"] for request in opened.asked("task_result")] == [answer["task_uid"]] * 2


def test_an_item_shows_its_place(qs, opened, plan):
    opened.worker.on_plan("count", Wait())
    opened.fill([plan("count", "uid-cccc", ["det1"]), plan("count", "uid-aaaa"), plan("scan", "uid-bbbb")])
    opened.do("queue_start")
    opened.wait_until(lambda _: opened.worker.is_waiting)
    assert "state    queued at position 1" in pretty(qs("item uid-b"))
    assert "state    running" in pretty(qs("item uid-c"))


def test_metadata_is_shown_as_it_is_typed(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "uid-aaaa") | {"meta": {"sample": "Si 111", "run": 6}}])
    assert "metadata sample='Si 111' run=6" in pretty(qs("item 0"))


def test_a_lock_is_shown_with_the_local_time(qs, qs_manager):
    qs_manager.do("lock", lock_key="k", queue=True, user="ada")
    shown = pretty(qs("lock info"))
    assert shown.startswith("Locked (queue) by you since ")
    assert shown.endswith(".")
    assert qs_manager.do("lock_info")["lock_info"]["time_str"] not in shown


def test_the_column_of_states_gives_way_before_a_plan_is_cut(qs, qs_manager, plan):
    long = plan("scan", "aaaa-1", ["det1", "det2", "det3"], "motor", -1.25, 1.25, "motor1", -1.5, 1.5, num=1001)
    qs_manager.fill([plan("count", "aaaa-0", ["det1"])])
    assert pretty(qs("queue")).splitlines()[-1].split() == ["0", "count([det1])", "queued"]
    reply = {"items": [long], "running_item": {**long, "item_uid": "bbbb-1"}}
    names = {"det1", "det2", "det3", "motor", "motor1"}
    shown = QueueView(reply, names, status=qs_manager.do("status"), me="ada").text(80).splitlines()
    whole = "scan([det1, det2, det3], motor, -1.25, 1.25, motor1, -1.5, 1.5, num=1001)"
    assert [line.strip() for line in shown[1:]] == ["#  plan", f"▶  {whole}", "running", f"0  {whole}"]
