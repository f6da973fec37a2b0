"""Tutorials: Executing Plans, Executing Functions, Uploading scripts."""

import pytest

EXECUTING = {"manager_state": "executing_task", "worker_environment_state": "executing_task"}
IDLE = {"manager_state": "idle", "worker_environment_state": "idle"}
SLEEP = """function execute '{"name": "function_sleep", "args": [60], "kwargs": {}}'"""
ADMIN = {"user": "qserver-cli", "user_group": "admin"}
SCRIPT = """\
# Add a simple plan
def count_test(detectors, *, num=1, delay=1):
    yield from count(detectors, num=num, delay=delay)

# Wait for some time to emulate the script with longer execution time
ttime.sleep(30)
"""


@pytest.fixture
def uid(qserver):
    return qserver.UID


def status_of_task(qserver, task_uid, status):
    expected = {"msg": "", "status": status, "success": True, "task_uid": task_uid}
    assert qserver(f"task status '{task_uid}'") == expected


def result_of_task(qserver, task_uid, value):
    """Compare everything that is shown of a successful task."""
    shown = qserver(f"task result '{task_uid}'")
    times = [shown["result"].pop(key) for key in ("time_start", "time_stop")]
    assert times == sorted(times)
    result = {"msg": "", "return_value": value, "success": True, "task_uid": task_uid, "traceback": ""}
    assert shown == {"msg": "", "result": result, "status": "completed", "success": True, "task_uid": task_uid}


@pytest.mark.over_http_too
@pytest.mark.in_both_modes
def test_a_plan_is_executed_without_the_queue(qserver, uid):
    qserver.accepts("environment open")
    qserver.service.wait_idle()
    qserver.shows("status", {"manager_state": "idle", "re_state": "idle"})
    kwargs = {"delay": 0.02, "num": 10}
    plan = {
        "args": [["det1", "det2"]],
        "item_type": "plan",
        "item_uid": uid,
        "kwargs": kwargs,
        "name": "count",
        **ADMIN,
    }
    line = (
        """queue execute plan '{"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 10, "delay": 0.02}}'"""
    )
    plan = qserver.shows(line, {"item": plan, "msg": "", "qsize": 0, "success": True})["item"]
    qserver.service.wait_idle()
    result = {"exit_status": "completed", "msg": "", "run_uids": [uid], "traceback": ""}
    shown = qserver.shows(
        "history get",
        {"items": [plan | {"result": result}], "msg": "", "plan_history_uid": uid, "success": True},
    )
    result = shown["items"][0]["result"]
    assert result["time_stop"] - result["time_start"] > 9 * 0.02
    qserver.shows("queue get", {"items": [], "running_item": {}})


@pytest.mark.in_both_modes
def test_a_function_is_executed_in_the_foreground(qserver, uid, sleep_ends):
    item = {"args": [60], "item_uid": uid, "kwargs": {}, "name": "function_sleep", **ADMIN}
    shown = qserver.shows(SLEEP, {"item": item, "msg": "", "success": True, "task_uid": uid})
    task = shown["task_uid"]
    assert shown["item"]["item_uid"] == task
    qserver.shows("status", EXECUTING | {"worker_background_tasks": 0})
    status_of_task(qserver, task, "running")
    sleep_ends()
    qserver.service.wait_idle()
    status_of_task(qserver, task, "completed")
    result_of_task(qserver, task, {"success": True, "time": 60})
    qserver.service.wait_shown(
        "******** Starting execution of the function 'function_sleep' **************\n",
        "*******************   Waiting for 60 seconds **************************\n",
        "******** Finished execution of the function 'function_sleep' **************\n",
    )


@pytest.mark.over_http_too
@pytest.mark.in_both_modes
def test_functions_are_executed_in_the_background_beside_plans_and_foreground_tasks(qserver, uid, sleep_ends):
    tasks = [qserver(f"{SLEEP} background")["task_uid"]]
    qserver.shows("status", IDLE | {"worker_background_tasks": 1})
    tasks.append(qserver(f"{SLEEP} background")["task_uid"])
    qserver.shows("status", IDLE | {"worker_background_tasks": 2})
    for task in tasks:
        status_of_task(qserver, task, "running")
    qserver("""queue execute plan '{"name": "count", "args": [["det1"]]}'""")
    qserver.service.wait_idle()
    assert qserver.service.history()[-1]["result"]["exit_status"] == "completed"
    tasks.append(qserver(SLEEP)["task_uid"])
    tasks.append(qserver(f"{SLEEP} background")["task_uid"])
    qserver.shows("status", EXECUTING | {"worker_background_tasks": 3})
    assert qserver(SLEEP, code=2)["msg"].startswith("Foreground task execution is in progress.")
    sleep_ends()
    qserver.service.wait(
        lambda status: status["manager_state"] == "idle" and not status["worker_background_tasks"], "all tasks ended"
    )
    for task in tasks:
        result_of_task(qserver, task, {"success": True, "time": 60})


@pytest.mark.in_both_modes
def test_a_script_brings_a_plan_that_can_be_run(qserver, uid, sleep_ends):
    (qserver.service.home / "test_script.py").write_text(SCRIPT)
    plans = dict.fromkeys(["adaptive_scan", "count", "count_bundle_test", "fly"], "{...}")
    before = qserver.shows(
        "allowed plans", {"msg": "", "plans_allowed": plans, "plans_allowed_uid": uid, "success": True}
    )
    assert "count_test" not in before["plans_allowed"]

    shown = qserver("script upload test_script.py")
    task = shown.pop("task_uid")
    assert (shown, task) == (qserver.ACCEPTED, uid)
    qserver.shows("status", EXECUTING)
    status_of_task(qserver, task, "running")
    sleep_ends()
    qserver.service.wait_idle()
    status_of_task(qserver, task, "completed")
    result_of_task(qserver, task, None)

    after = qserver.shows("allowed plans", {"plans_allowed": plans | {"count_test": "{...}"}})
    assert after["plans_allowed_uid"] != before["plans_allowed_uid"]
    qserver("""queue add plan '{"name": "count_test", "args": [["det1"]], "kwargs": {"num": 2, "delay": 0.01}}'""")
    qserver.accepts("queue start")
    qserver.service.wait_idle()
    assert qserver.service.history()[-1]["result"]["exit_status"] == "completed"


@pytest.mark.over_http_too
@pytest.mark.in_both_modes
def test_a_failed_script_has_its_error(qserver, sleep_ends):
    (qserver.service.home / "wrong.py").write_text("x = 1\nx.no_such\n")
    task = qserver("script upload wrong.py")["task_uid"]
    qserver.service.wait_idle()
    result = qserver(f"task result {task}")["result"]
    assert (result["success"], result["return_value"]) == (False, None)
    assert "'int' object has no attribute 'no_such'" in result["msg"]
    assert "line 2" in result["traceback"]


def test_a_script_replaces_the_engine_only_if_it_may(qserver, sleep_ends):
    (qserver.service.home / "engine.py").write_text("RE = type(RE)({'made_by': 'the script'})\n")
    service = qserver.service
    service.do("script_upload", script="def func_for_test():\n    return RE.md.get('made_by')\n", update_lists=False)
    service.wait_idle()
    for words, made_by in (("", None), ("update-re", "the script")):
        qserver(f"script upload engine.py {words}")
        service.wait_idle()
        item = {"name": "func_for_test", "item_type": "function"}
        task = service.do("function_execute", item=item, user="tester", user_group="primary")["task_uid"]
        service.wait_idle()
        assert service.do("task_result", task_uid=task)["result"]["return_value"] == made_by


def test_lists_are_kept_if_the_script_must_not_update_them(qserver, sleep_ends):
    sleep_ends()
    (qserver.service.home / "test_script.py").write_text(SCRIPT)
    before = qserver("allowed plans")
    qserver("script upload test_script.py keep-lists")
    qserver.service.wait_idle()
    assert qserver("allowed plans") == before
    qserver("script upload test_script.py background")
    qserver.service.wait(lambda status: status["plans_allowed_uid"] != before["plans_allowed_uid"], "new lists")
    assert "count_test" in qserver("allowed plans")["plans_allowed"]
