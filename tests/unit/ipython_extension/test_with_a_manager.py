"""Lines of the prompt against a whole manager: what they make of the queue, the environment and the plan."""

import re

import pytest
from IPython.lib.pretty import pretty

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.testing import Fail, Measure, Pause, Suspend, Wait

pytestmark = pytest.mark.over_http_too


def queued(manager):
    return [item["name"] for item in manager.do("queue_get")["items"]]


def results(manager):
    return [item["result"]["exit_status"] for item in manager.do("history_get")["items"]]


def paused(manager):
    manager.do("re_pause", option="immediate")
    manager.wait_until(lambda status: status["manager_state"] == "paused")


def test_the_environment_is_opened_and_closed(qs, qs_manager):
    qs("open")
    assert qs_manager.do("status")["worker_environment_exists"]
    qs("close")
    assert not qs_manager.do("status")["worker_environment_exists"]


def test_an_environment_that_is_already_open_is_a_sentence_and_no_error(qs, opened):
    shown = pretty(qs("open"))
    assert shown.startswith("The environment is already open: 35 plans, 46 devices. To run the startup code again: ")
    assert opened.methods.count("environment_open") == 1


def test_an_environment_that_somebody_else_is_opening_is_waited_for(qs, qs_manager, at_looks):
    qs_manager.worker.on_open(Wait())
    qs_manager.do("environment_open")
    qs_manager.wait_until(lambda _: qs_manager.worker.is_waiting)
    at_looks(None, lambda _: qs_manager.worker.proceed())
    assert pretty(qs("open")).startswith("Environment open (")


def test_an_environment_that_may_not_be_opened_is_refused(qs, qs_manager):
    qs_manager.do("lock", lock_key="k", environment=True, user="bob", note="at lunch")
    with pytest.raises(RequestFailedError, match="at lunch"):
        qs("open")


@pytest.mark.parametrize("line", ["", "status"])
def test_the_owner_and_the_note_of_a_lock_are_in_the_state(qs, qs_manager, line):
    qs_manager.do("lock", lock_key="k", queue=True, user="bob", note="at lunch")
    first, second, *_ = pretty(qs(line)).splitlines()
    assert first.endswith("queue locked.")
    assert second.startswith("Locked (queue) by bob since ")
    assert second.endswith(": at lunch.")


def test_a_service_that_does_not_answer_about_its_lock_still_has_a_state(qs, qs_manager):
    qs_manager.do("lock", lock_key="k", queue=True, user="bob")
    qs_manager.answers["lock_info"] = {"success": False, "msg": "Not now."}
    assert pretty(qs("")).endswith("queue locked.")


def test_a_suspended_plan_is_suspended_in_the_state_with_its_reason(qs, opened):
    opened.worker.on_plan("count", Suspend("Signal shutter is high", ["shutter"]), Wait())
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.wait_until(lambda _: opened.worker.is_waiting)
    shown = " ".join(pretty(qs("")).split())
    assert shown.startswith("Suspended in count([det1])")
    assert re.search(r"Suspended since \d\d:\d\d: Signal shutter is high\.", shown)
    assert re.search(r"▶ count\(\[det1\]\) \S+ suspended", shown)


def test_a_startup_file_that_fails_is_an_error_of_the_line(qs, qs_manager):
    qs_manager.worker.on_open(Fail("00-base.py, line 3: no such motor"))
    with pytest.raises(Exception, match="no such motor"):
        qs("open")


def test_a_plan_is_added_with_its_arguments(qs, qs_manager):
    qs("add count([det1, det2], num=3)")
    (item,) = qs_manager.do("queue_get")["items"]
    assert (item["args"], item["kwargs"], item["user"]) == ([["det1", "det2"]], {"num": 3}, "ada")


def test_a_cell_of_plans_is_added_in_its_order(shell, qs, qs_manager):
    shell.run_cell("%%qs add\ncount([det1])\nscan([det1], motor, -1, 1, 3)\n").raise_error()
    assert queued(qs_manager) == ["count", "scan"]


def test_metadata_in_a_cell_is_for_the_plans_on_its_line(shell, qs_manager):
    cell = """%%qs add --md sample=S00 user=ada
count([det1]) --md sample=S01
count([det1], num=2); count([det1], num=3) --md sample=S02
scan([det1],
     motor, -1, 1, 3) --md sample=S03
    element=Fe
count([det2])
"""
    shell.run_cell(cell).raise_error()
    metadata = [item["meta"] for item in qs_manager.do("queue_get")["items"]]
    assert [each["sample"] for each in metadata] == ["S01", "S02", "S02", "S03", "S00"]
    assert [each["user"] for each in metadata] == ["ada"] * 5
    assert [each.get("element") for each in metadata] == [None, None, None, "Fe", None]


def test_metadata_in_a_cell_that_belongs_to_no_plan_is_refused(shell, qs_manager):
    error = shell.run_cell("%%qs add\ncount([det1])\n--md sample=S01\ncount([det2])\n").error_in_exec
    assert "--md belongs after a plan (for that plan) or on the first line of the cell (for all plans)" in str(error)
    assert queued(qs_manager) == []


def test_a_cell_with_a_wrong_plan_adds_nothing(shell, qs, qs_manager):
    error = shell.run_cell("%%qs add\ncount([det1])\ncount([det1], num='many')\n").error_in_exec
    assert "'num'" in str(error)
    assert queued(qs_manager) == []


def test_the_queue_is_changed_by_position(qs, qs_manager):
    qs_manager.add("count", ["det1"])
    for name in ("scan", "rel_scan"):
        qs_manager.add(name, ["det1"], "motor", 0, 1, 2)
    qs("move 2 front")
    assert queued(qs_manager) == ["rel_scan", "count", "scan"]
    qs("rm 1")
    assert queued(qs_manager) == ["rel_scan", "scan"]
    qs("clear")
    assert queued(qs_manager) == []


def test_the_queue_runs_and_the_line_waits_for_it(qs, opened):
    opened.worker.on_plan("count", Measure(num=3))
    qs("add count([det1])")
    qs("start")
    qs("wait")
    assert results(opened) == ["completed"]


def test_a_plan_that_fails_while_one_waits_is_an_error(qs, opened):
    opened.worker.on_plan("count", Fail("no beam"))
    with pytest.raises(Exception, match="no beam"):
        qs("run count([det1])")
    assert results(opened) == ["failed"]


def test_a_running_plan_is_paused_resumed_and_ends(qs, running):
    qs("pause now")
    running.wait_until(lambda status: status["manager_state"] == "paused")
    qs("resume")
    running.wait_until(lambda _: running.worker.is_waiting)
    running.worker.proceed()
    running.wait_idle()
    assert results(running) == ["completed"]


@pytest.mark.parametrize(("word", "status"), [("abort", "aborted"), ("finish", "stopped"), ("halt", "halted")])
def test_a_plan_that_runs_is_paused_at_once_and_then_ended(qs, running, word, status):
    qs(word)
    running.wait_idle()
    assert results(running) == [status]
    assert running.asked("re_pause")[-1]["option"] == "immediate"


def test_a_paused_plan_is_ended_without_another_pause(qs, running):
    paused(running)
    qs("abort")
    running.wait_idle()
    assert running.methods.count("re_pause") == 0


def test_the_line_of_qserver_is_one_request(qs, running):
    with pytest.raises(RequestFailedError, match="No plan is paused"):
        qs("re abort")
    assert [method for method in running.methods if method.startswith("re_")] == ["re_abort"]


def test_a_plan_that_pauses_by_itself_ends_the_wait(qs, opened):
    opened.worker.on_plan("count", Pause())
    qs("add count([det1])")
    qs("start")
    opened.wait_until(lambda status: status["manager_state"] == "paused")
    assert "paused" in str(qs("status")).lower()


def test_a_lock_of_somebody_else_refuses_the_line(qs, qs_manager):
    qs_manager.do("lock", lock_key="k", queue=True, user="bob", note="at lunch")
    with pytest.raises(RequestFailedError, match="at lunch"):
        qs("add count([det1])")


def test_nothing_is_lost_when_the_manager_is_replaced(qs, running):
    running.restart()
    qs("status")
    running.worker.proceed()
    qs("wait")
    assert results(running) == ["completed"]
