"""Killed at the worst moment: nothing is lost, nothing runs twice, the service goes on."""

import json
import signal
import time
from pathlib import Path

import psutil
import pytest
import zmq


def light(new_service, startup_dir, *args):
    return new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF", *args).start()


on_each_store = pytest.mark.parametrize("service", ["SQLite", "Redis"], indirect=True)


@pytest.fixture
def service(request, new_service, startup_dir):
    """A running service with light startup code, on SQLite unless a test is for each kind of store."""
    if getattr(request, "param", "SQLite") == "SQLite":
        return light(new_service, startup_dir)
    args = ("--redis-addr", request.getfixturevalue("redis_server").address)
    return new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF", *args, store=False).start()


def running(service):
    service.wait(lambda s: s["manager_state"] == "executing_queue" and s["re_state"] == "running", "a plan runs")


@pytest.mark.in_both_modes
def test_a_killed_manager_is_replaced_and_the_running_plan_is_not_disturbed(service, tmp_path):
    service.open()
    trace = tmp_path / "trace"
    service.add("until", str(tmp_path / "go"), str(trace))
    service.add("quick")
    service.do("queue_start")
    running(service)
    worker = service.find("bluesky_qs.worker")
    service.find("bluesky_qs.manager").kill()
    status = service.wait(lambda s: s["manager_state"] == "executing_queue", "status after the kill")
    assert status["worker_environment_exists"]
    assert status["running_item_uid"]
    (tmp_path / "go").touch()
    status = service.wait_idle()
    assert (status["items_in_history"], status["items_in_queue"]) == (2, 0)
    assert [item["result"]["exit_status"] for item in service.history()] == ["completed", "completed"]
    assert trace.read_text() == "done\n"
    assert service.find("bluesky_qs.worker").pid == worker.pid


@on_each_store
def test_a_plan_that_ends_while_there_is_no_manager_is_recorded_once(service, tmp_path):
    service.open()
    trace = tmp_path / "trace"
    service.add("until", str(tmp_path / "go"), str(trace))
    service.do("queue_start")
    running(service)
    manager = service.find("bluesky_qs.manager")
    manager.send_signal(signal.SIGSTOP)
    (tmp_path / "go").touch()  # the plan ends meanwhile; the supervisor replaces the manager
    status = service.wait_idle()
    assert (status["items_in_history"], status["items_in_queue"]) == (1, 0)
    assert service.history()[0]["result"]["exit_status"] == "completed"
    assert trace.read_text() == "done\n"
    assert not manager.is_running() or manager.status() == psutil.STATUS_ZOMBIE


def test_a_frozen_manager_is_replaced_while_the_plan_keeps_running(new_service, startup_dir, tmp_path):
    service = light(new_service, startup_dir)
    service.open()
    service.add("until", str(tmp_path / "go"))
    service.do("queue_start")
    running(service)
    with pytest.raises(TimeoutError):
        service.ask("manager_kill", timeout=0.5)
    (tmp_path / "go").touch()
    status = service.wait_idle()
    assert (status["items_in_history"], status["items_in_queue"]) == (1, 0)
    assert service.history()[0]["result"]["exit_status"] == "completed"


def test_a_manager_that_replaces_another_keeps_the_permissions(service, startup_dir):
    changed = service.do("permissions_get")["user_group_permissions"]
    changed["user_groups"]["primary"]["forbidden_plans"] = ["run"]
    service.do("permissions_set", user_group_permissions=changed)
    service.find("bluesky_qs.manager").kill()
    assert service.do("permissions_get")["user_group_permissions"] == changed
    assert "run" not in service.do("plans_allowed", user_group="primary")["plans_allowed"]
    (startup_dir / "user_group_permissions.yaml").write_text("user_groups: {primary: {}}")  # as if while being edited
    service.find("bluesky_qs.manager").kill()
    assert service.do("permissions_get")["user_group_permissions"] == changed


def test_permissions_that_were_never_changed_outlive_a_bad_file_too(service, startup_dir):
    before = service.do("permissions_get")
    (startup_dir / "user_group_permissions.yaml").write_text("user_groups: {primary: {}}")
    service.find("bluesky_qs.manager").kill()
    assert service.do("permissions_get") == before


def test_a_service_with_bad_permissions_does_not_start_and_logs_the_reason(new_service, startup_dir):
    (startup_dir / "user_group_permissions.yaml").write_text("user_groups: {primary: {}}")
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF")
    assert service.spawn().wait(60) == 78  # which systemd's RestartPreventExitStatus= knows
    assert service.output().count("Missing required user group: 'root'") == 1
    assert "could not start" not in service.output()
    assert "Restarting" not in service.output()


@pytest.mark.in_both_modes
def test_a_killed_worker_is_noticed_and_its_plan_is_first_in_the_queue_again(new_service, startup_dir):
    service = light(new_service, startup_dir)
    service.open()
    plan = service.add("steps", 1000, 0.05)
    following = service.add("quick")
    service.do("queue_start")
    running(service)
    service.find("bluesky_qs.worker").kill()
    status = service.wait(lambda s: s["manager_state"] == "idle", "the loss is noticed")
    assert (status["worker_environment_state"], status["worker_environment_exists"]) == ("closed", False)
    again, second = service.queue()
    assert second == following
    assert again["item_uid"] != plan["item_uid"]
    (lost,) = service.history()
    assert (lost["item_uid"], lost["result"]["exit_status"]) == (plan["item_uid"], "failed")
    assert {**again, "item_uid": 0} == {**plan, "item_uid": 0, "result": lost["result"]}
    assert "SIGKILL" in lost["result"]["msg"]
    service.open()
    service.do("queue_item_remove", pos="front")
    service.do("queue_start")
    assert service.wait_idle()["items_in_queue"] == 0


@on_each_store
@pytest.mark.parametrize("moment", ["idle", "running"])
def test_after_a_kill_of_everything_the_queue_is_what_was_acknowledged(service, moment):
    service.open()
    for n in range(20):
        service.add("steps", 1000, 0.05, pos="front" if n % 3 == 0 else "back")
    queue = service.queue()
    if moment == "running":
        service.do("queue_start")
        running(service)
    service.kill_everything()
    service.restart()
    after = service.queue()
    history = service.history()
    if moment == "idle":
        assert (after, history) == (queue, [])
        return
    assert after[1:] == queue[1:]
    assert {**after[0], "item_uid": 0} == {**queue[0], "item_uid": 0, "result": history[0]["result"]}
    assert after[0]["item_uid"] != queue[0]["item_uid"]
    assert [(h["item_uid"], h["result"]["exit_status"]) for h in history] == [(queue[0]["item_uid"], "failed")]
    status = service.ask("status")
    assert (status["manager_state"], status["running_item_uid"]) == ("idle", None)
    message = f"Plan 'steps' (item {queue[0]['item_uid']}): recorded as 'failed' and requeued at the front. "
    assert service.wait_shown(message).count(message) == 1


def test_the_log_has_the_state_in_which_the_service_starts(new_service, startup_dir):
    service = light(new_service, startup_dir)
    service.wait_shown("0 items in the queue, 0 in the history\n")
    service.do(
        "queue_item_add", item={"item_type": "instruction", "name": "queue_stop"}, user="tester", user_group="primary"
    )
    service.do("queue_mode_set", mode={"loop": True})
    service.do("lock", lock_key="key", queue=True, user="root", note="realigning")
    service.stop()
    service.restart()
    locked = service.do("lock_info")["lock_info"]["time_str"]
    shown = f"1 item in the queue, 0 in the history; modes on: loop; queue locked by root at {locked}: realigning\n"
    service.wait_shown(shown)


def test_a_plan_that_was_run_without_the_queue_stops_none(new_service, startup_dir):
    service = light(new_service, startup_dir)
    service.open()
    item = {"item_type": "plan", "name": "quick"}
    uid = service.do("queue_item_execute", item=item, user="tester", user_group="primary")["item"]["item_uid"]
    assert service.wait_idle()["items_in_history"] == 1
    service.wait(lambda _: f"Item {uid}: exit status 'completed'" in service.output(), "the log")
    service.add("quick")
    service.do("queue_start")
    service.wait_idle()
    assert service.wait_shown("Queue is empty.").count("Queue is empty.") == 1
    assert "The queue has stopped" not in service.output()


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_a_plan_runs_leaves_the_plan_in_the_queue_and_nothing_behind(service, sig):
    service.open()
    plan = service.add("steps", 1000, 0.05)
    service.do("queue_start")
    running(service)
    assert service.stop(sig) == 0
    assert service.processes() == []
    service.restart()
    (again,) = service.queue()
    (stopped,) = service.history()
    assert {**again, "item_uid": 0} == {**plan, "item_uid": 0, "result": stopped["result"]}
    assert stopped["result"]["exit_status"] == "failed"
    assert "service was stopped" in stopped["result"]["msg"]


SHUTTER = """
from bluesky.preprocessors import finalize_wrapper

def expose(path, hang=False):
    def closed():
        with open(path, "a") as file:
            file.write("shutter closed")
        yield from null()
        if hang:
            time.sleep(100)
    yield from finalize_wrapper(run_for_ever(), closed())

def run_for_ever():
    yield from open_run()
    while True:
        yield from checkpoint()
        yield from sleep(0.05)
"""


@pytest.mark.parametrize("paused", [False, True])
def test_a_plan_cleans_up_when_the_service_is_stopped(new_service, startup_dir, tmp_path, paused):
    (startup_dir / "50-shutter.py").write_text(SHUTTER)
    service = light(new_service, startup_dir)
    service.open()
    service.add("expose", str(tmp_path / "shutter"))
    service.add("quick")
    service.do("queue_start")
    service.wait(lambda s: s["run_list_uid"] and service.ask("re_runs")["run_list"], "a run is open")
    if paused:
        service.do("re_pause", option="immediate")
        service.wait(lambda s: s["manager_state"] == "paused", "paused")
    assert service.stop() == 0
    assert (tmp_path / "shutter").read_text() == "shutter closed"
    service.restart()
    assert [item["name"] for item in service.queue()] == ["expose", "quick"]
    (ended,) = service.history()
    assert ended["result"]["exit_status"] == "failed"
    assert "service was stopped" in ended["result"]["msg"]
    assert len(ended["result"]["run_uids"]) == 1


def test_exit_handlers_that_take_as_long_as_those_of_ophyd_run_when_the_service_stops(new_service, startup_dir):
    """With pyepics, ophyd waits up to a second for one of its threads when the worker ends."""
    (startup_dir / "50-exit.py").write_text(
        "import atexit, threading\n"
        "atexit.register(lambda: print('the exit handler is done', flush=True))\n"
        "atexit.register(threading.Event().wait, 1.0)\n"
    )
    service = light(new_service, startup_dir)
    service.open()
    assert service.stop() == 0
    assert "the exit handler is done" in service.output()
    assert "Killing the worker" not in service.output()


def test_a_clean_up_that_hangs_is_killed_in_time(new_service, startup_dir, tmp_path):
    (startup_dir / "50-shutter.py").write_text(SHUTTER)
    service = light(new_service, startup_dir, "--plan-cleanup-timeout", "3")
    service.open()
    service.add("expose", str(tmp_path / "shutter"), hang=True)
    service.do("queue_start")
    service.wait(lambda s: s["run_list_uid"] and service.ask("re_runs")["run_list"], "a run is open")
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began > 3
    assert service.processes() == []
    assert "WITHOUT its cleanup" in service.output()
    service.restart()
    (killed,) = service.history()
    assert killed["result"]["msg"].endswith("The plan did not end within 3 s and was killed without its cleanup")


def test_a_second_ctrl_c_ends_the_wait_for_a_clean_up(new_service, startup_dir, tmp_path):
    (startup_dir / "50-shutter.py").write_text(SHUTTER)
    service = light(new_service, startup_dir)
    service.open()
    service.add("expose", str(tmp_path / "shutter"), hang=True)
    service.do("queue_start")
    service.wait(lambda s: s["run_list_uid"] and service.ask("re_runs")["run_list"], "a run is open")
    service.process.send_signal(signal.SIGINT)
    service.wait(lambda _: "Waiting up to 30 s for the plan's cleanup" in service.output(), "the log")
    service.wait(lambda _: (tmp_path / "shutter").exists(), "the cleanup")
    assert service.stop(signal.SIGINT) == 0
    assert service.processes() == []
    service.restart()
    (killed,) = service.history()
    assert killed["result"]["exit_status"] == "failed"
    assert "did not end before the second request to stop" in killed["result"]["msg"]
    assert [item["name"] for item in service.queue()] == ["expose"]


def test_a_clean_up_that_fails_when_the_service_stops_is_reported(new_service, startup_dir):
    stuck = SHUTTER.replace("yield from null()", "yield from null()\n        raise OSError('shutter is stuck')")
    (startup_dir / "50-shutter.py").write_text(stuck)
    service = light(new_service, startup_dir)
    service.open()
    service.add("expose", "/dev/null")
    service.do("queue_start")
    service.wait(lambda s: s["run_list_uid"] and service.ask("re_runs")["run_list"], "a run is open")
    assert service.stop() == 0
    assert "its cleanup may be incomplete: OSError: shutter is stuck" in service.output()
    service.restart()
    service.wait(lambda s: s["items_in_history"] == 1, "the end of the plan is recorded")
    (ended,) = service.history()
    assert ended["result"]["msg"].endswith("It ended with an error: OSError: shutter is stuck")
    assert "service was stopped" in ended["result"]["msg"]


@on_each_store
@pytest.mark.parametrize("begin", ["queue_start", "queue_item_execute"])
def test_an_environment_that_is_destroyed_while_a_start_is_being_stored_costs_nothing_else(service, begin):
    service.open()
    manager = service.find("bluesky_qs.manager")
    for n in range(3):
        service.add("quick", n)
    item = {"item_type": "plan", "name": "quick"}
    params = {"item": item, "user": "tester", "user_group": "primary"} if begin == "queue_item_execute" else {}
    with service._context.socket(zmq.DEALER) as hasty:
        hasty.connect(service.control)
        for method, given in ((begin, params), ("environment_destroy", {})):
            hasty.send_multipart([b"", json.dumps({"method": method, "params": given}).encode()])
        answers = [json.loads(hasty.recv_multipart()[1]) for _ in range(2)]
    assert [answer["success"] for answer in answers] == [True, True]
    status = service.wait_idle()
    assert not status["worker_environment_exists"]
    assert sorted(item["args"] for item in service.queue()) == [[0], [1], [2]]
    assert service.find("bluesky_qs.manager").pid == manager.pid
    assert "Traceback" not in service.output()


def test_the_runs_of_a_plan_whose_worker_was_killed_are_in_the_history(new_service, startup_dir, tmp_path):
    (startup_dir / "50-shutter.py").write_text(SHUTTER)
    service = light(new_service, startup_dir)
    service.open()
    service.add("expose", str(tmp_path / "shutter"))
    service.do("queue_start")
    service.wait(lambda s: s["run_list_uid"] and service.ask("re_runs")["run_list"], "a run is open")
    (run,) = service.ask("re_runs")["run_list"]
    service.find("bluesky_qs.worker").kill()
    service.wait(lambda s: s["manager_state"] == "idle", "the loss is noticed")
    (lost,) = service.history()
    assert lost["result"]["run_uids"] == [run["uid"]]
    assert lost["result"]["scan_ids"] == [run["scan_id"]]


@pytest.mark.in_both_modes
def test_a_killed_supervisor_leaves_no_process_and_no_directory(new_service, startup_dir):
    service = light(new_service, startup_dir)
    service.open()
    service.processes()
    manager = service.find("bluesky_qs.manager")
    rundir = Path(manager.cmdline()[manager.cmdline().index("bluesky_qs.manager") + 1])
    assert rundir.is_dir()
    service.process.kill()
    service.process.wait(60)
    _, alive = psutil.wait_procs(service.processes(), timeout=60)
    assert alive == []
    service.restart()  # on the same ports
    assert not rundir.is_dir()


def test_a_manager_that_replaces_another_knows_the_results_of_tasks_that_ended_before(service):
    service.open()
    task = service.do("script_upload", script="1", run_in_background=True)["task_uid"]
    service.wait(lambda _: service.ask("task_status", task_uid=task)["status"] == "completed", "it ran")
    before = service.do("task_result", task_uid=task)
    service.find("bluesky_qs.manager").kill()
    service.wait_idle()
    assert service.do("task_result", task_uid=task) == before


HOLDS = """
import ctypes, os

def holds(gate: str):
    yield from null()
    # As a C library does that does not let go of the interpreter: this waits for the test to open the named pipe.
    os.close(ctypes.PyDLL(None).open(gate.encode(), os.O_RDONLY))
"""


def test_a_worker_that_cannot_answer_keeps_no_client_waiting(new_service, startup_dir, gate):
    (startup_dir / "50-holds.py").write_text(HOLDS)
    service = light(new_service, startup_dir)
    service.open()
    service.add("holds", str(gate.path))
    service.do("queue_start")
    service.wait(lambda _: service.ask("re_metadata")["success"] is False, "the interpreter is held")
    assert "does not answer" in service.ask("re_metadata")["msg"]
    service.do("re_pause", option="deferred")
    task = service.do("script_upload", script="1", run_in_background=True)
    gate.open()
    status = service.wait_idle()
    assert status["items_in_history"] == 1
    service.wait(lambda _: service.ask("task_status", task_uid=task["task_uid"])["status"] == "completed", "it ran")
    assert service.do("task_result", task_uid=task["task_uid"])["result"]["success"]
    service.wait_shown("The worker accepted the pending request 'run script'")


def test_manager_stop_is_refused_while_busy_unless_safe_off(new_service, startup_dir):
    service = light(new_service, startup_dir)
    service.open()
    service.add("steps", 1000, 0.05)
    service.do("queue_start")
    refusal = service.ask("manager_stop")
    assert refusal["success"] is False
    assert "idle" in refusal["msg"]
    service.do("manager_stop", option="safe_off")
    assert service.process.wait(60) == 0
    assert service.processes() == []


def test_a_worker_that_ends_at_once_is_a_failed_opening_and_nothing_else(new_service, startup_dir, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif 'bluesky_qs.worker' in sys.orig_argv:\n    sys.exit('no license for this host')\n"
    )
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF", env={"PYTHONPATH": str(tmp_path)})
    service.start()
    manager = service.find("bluesky_qs.manager").pid
    service.do("environment_open")
    status = service.wait_idle()
    assert (status["worker_environment_exists"], status["worker_environment_state"]) == (False, "closed")
    service.wait(lambda _: "no license for this host" in service.output(), "its last words")  # they come by another way
    assert service.find("bluesky_qs.manager").pid == manager
    (tmp_path / "sitecustomize.py").unlink()
    service.open()


def test_the_status_has_the_time_that_a_plan_was_paused(new_service, startup_dir):
    service = light(new_service, startup_dir)
    service.open()
    service.add("steps", 1000, 0.05)
    service.do("queue_start")
    running(service)
    asked, before = time.time(), time.monotonic()
    service.do("re_pause", option="immediate")
    status = service.wait(lambda s: s["manager_state"] == "paused", "paused")
    assert asked <= status["running_item_progress"]["paused_since"] <= time.time()
    service.do("re_resume")
    status = service.wait(lambda s: s["re_state"] == "running", "running again")
    assert 0 < status["running_item_progress"]["time_paused"] < time.monotonic() - before
    assert status["running_item_progress"]["paused_since"] is None


@pytest.mark.in_both_modes
def test_a_plan_that_pauses_again_at_once_is_seen_to_be_paused(new_service, startup_dir):
    (startup_dir / "10-pauses.py").write_text(
        "from bluesky.plan_stubs import pause\n\n\n"
        "def pauses(n):\n    for _ in range(n):\n        yield from checkpoint()\n        yield from pause()\n"
    )
    service = light(new_service, startup_dir)
    service.open()
    service.add("pauses", 20)
    service.do("queue_start")
    for _ in range(20):
        service.wait(lambda s: s["manager_state"] == "paused", "paused")
        service.do("re_resume")
    service.wait_idle()
    assert service.history()[0]["result"]["exit_status"] == "completed"


def test_a_pause_right_behind_a_resume_pauses(new_service, startup_dir):
    service = light(new_service, startup_dir)
    service.open()
    service.add("steps", 2000, 0.05)
    service.do("queue_start")
    running(service)
    service.do("re_pause", option="immediate")
    for _ in range(10):
        service.wait(lambda s: s["manager_state"] == "paused", "paused")
        service.do("re_resume")
        service.do("re_pause", option="immediate")
    service.wait(lambda s: s["manager_state"] == "paused", "paused")
    service.do("re_abort")
    service.wait_idle()
