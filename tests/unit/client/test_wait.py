import threading

import pytest

from bluesky_qs import errors
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.client.wait import WaitMonitor
from bluesky_qs.testing import Fail, Wait


@pytest.fixture
def waiting():
    """Runs a wait in a thread; `result` joins it."""

    class Waiting:
        def __call__(self, function, *args, **kwargs):
            self.outcome = None

            def run():
                try:
                    self.outcome = function(*args, **kwargs)
                except errors.QSError as error:
                    self.outcome = error

            self.thread = threading.Thread(target=run)
            self.thread.start()

        def result(self):
            self.thread.join(10)
            assert not self.thread.is_alive()
            return self.outcome

    return Waiting()


def test_an_idle_manager_is_not_waited_for(RM):
    assert RM.wait_for_idle(timeout=10) is None


def test_a_published_status_ends_the_wait(running, RM, waiting):
    waiting(RM.wait_for_idle, timeout=10)
    running.wait_subscribed(b"QS_Info")
    running.wait_asked("status")
    running.worker.proceed()
    assert waiting.result() is None
    assert running.methods == ["status"]


def test_a_wait_for_a_pause_ends_when_the_plan_is_paused(paused, RM):
    assert RM.wait_for_idle_or_paused(timeout=10) is None


def test_a_wait_for_a_run_ends_when_the_plan_runs(running, RM):
    assert RM.wait_for_idle_or_running(timeout=10) is None


def test_a_condition_sees_the_status(qs_manager, RM, waiting):
    waiting(RM.wait_for_condition, lambda status: status.get("items_in_queue") == 3, timeout=10)
    qs_manager.wait_asked("status")
    qs_manager.wait_subscribed(b"QS_Info")
    for _ in range(3):
        qs_manager.add("count", ["det1"])
    assert waiting.result() is None


def test_while_the_info_channel_is_silent_the_status_is_requested(qs_manager, clean_environment):
    states = iter(["executing_queue", "executing_queue", "idle"])
    qs_manager.answers["status"] = lambda _: {"manager_state": next(states)}
    with REManagerAPI(qs_manager.control, zmq_info_addr="tcp://127.0.0.1:1") as manager:
        manager.wait_for_idle(timeout=10)
    assert qs_manager.methods == ["status"] * 3


def test_a_restart_of_the_service_does_not_end_the_wait(running, clean_environment, waiting):
    with REManagerAPI(running.control, zmq_info_addr="tcp://127.0.0.1:1", timeout_recv=0.1) as manager:
        waiting(manager.wait_for_idle, timeout=10)
        running.wait_asked("status")
        running.stop()
        running.start()
        assert waiting.result() is None


def test_a_wait_has_its_limit(paused, RM):
    with pytest.raises(RM.WaitTimeoutError, match=r"Still waiting for the manager to be idle after 0\.05 s"):
        RM.wait_for_idle(timeout=0.05)


def test_a_monitor_cancels_a_wait(paused, RM, waiting):
    monitor, called = WaitMonitor(), threading.Event()
    monitor.add_cancel_callback(called.set)
    waiting(RM.wait_for_idle, timeout=None, monitor=monitor)
    paused.wait_asked("status")
    monitor.cancel()
    assert isinstance(waiting.result(), RM.WaitCancelError)
    assert called.is_set()
    assert monitor.is_cancelled


def test_a_wait_that_was_cancelled_before_it_began_does_not_begin(qs_manager, RM):
    monitor, called = WaitMonitor(), []
    monitor.add_cancel_callback(lambda: called.append(1))
    monitor.cancel()
    monitor.cancel()
    with pytest.raises(RM.WaitCancelError):
        RM.wait_for_idle(monitor=monitor)
    assert (called, qs_manager.requests) == ([1], [])


def test_a_monitor_changes_how_long_a_wait_lasts(paused, RM, waiting):
    monitor = WaitMonitor()
    waiting(RM.wait_for_idle, timeout=None, monitor=monitor)
    paused.wait_asked("status")
    monitor.set_timeout(0.01)
    assert isinstance(waiting.result(), RM.WaitTimeoutError)


def test_a_wait_without_a_service_fails_with_a_clear_error(clean_environment):
    with (
        REManagerAPI("tcp://127.0.0.1:1", zmq_info_addr="tcp://127.0.0.1:2", timeout_recv=0.05) as manager,
        pytest.raises(manager.RequestTimeoutError),
    ):
        manager.wait_for_idle()


@pytest.fixture
def task(qs_manager):
    """The uid of a script that runs in the background until the test says ``proceed``."""
    qs_manager.worker.on_script(Wait())
    qs_manager.open()
    return qs_manager.do("script_upload", script="x", run_in_background=True)["task_uid"]


def test_a_task_is_waited_for(qs_manager, RM, task, waiting):
    waiting(RM.wait_for_completed_task, task, timeout=10)
    qs_manager.wait_subscribed(b"QS_Info")
    qs_manager.wait_asked("task_status")
    qs_manager.worker.proceed()
    assert waiting.result() == {task: "completed"}


def test_of_several_tasks_the_first_to_end_ends_the_wait(qs_manager, RM, task):
    qs_manager.worker.on_script()
    quick = RM.script_upload("y")["task_uid"]
    assert RM.wait_for_completed_task({task, quick}, timeout=10) == {quick: "completed"}
    assert sorted(qs_manager.asked("task_status")[-1]["task_uid"]) == sorted([task, quick])
    with pytest.raises(RM.RequestParameterError, match="no task to wait for"):
        RM.wait_for_completed_task([])


def test_an_expired_task_counts_as_completed_by_default(RM):
    assert RM.wait_for_completed_task("t1", timeout=10) == {"t1": "not_found"}
    with pytest.raises(RM.WaitTimeoutError):
        RM.wait_for_completed_task("t1", timeout=0.05, treat_not_found_as_completed=False)


def test_an_item_is_waited_for_until_it_has_run(running, RM, waiting):
    waiting(RM.wait_for_item, running.do("status")["running_item_uid"], timeout=10)
    running.wait_subscribed(b"QS_Info")
    running.wait_asked("item_status")
    running.do("lock", lock_key="k", queue=True, user="ada")  # nothing has moved: not asked again
    running.worker.do(Fail("no beam"))
    end = waiting.result()
    assert (end["state"], end["result"]["msg"]) == ("failed", "no beam")
    assert running.methods.count("item_status") <= 3


def test_a_request_that_was_lost_in_a_restart_is_repeated(qs_manager, clean_environment, waiting):
    answers = iter([None, {"success": True, "status": {"state": "completed"}}])
    qs_manager.answers["item_status"] = lambda _: next(answers)
    with REManagerAPI(qs_manager.control, zmq_info_addr=qs_manager.info, timeout_recv=0.2) as manager:
        waiting(manager.wait_for_item, "a", timeout=10)
        assert waiting.result() == {"state": "completed"}


def test_an_unknown_item_is_an_error(RM):
    with pytest.raises(errors.NotFound, match="'a'"):
        RM.wait_for_item("a")


def test_an_item_is_found_where_the_service_has_no_item_status(qs_manager, RM):
    qs_manager.answers["item_status"] = {"success": False, "msg": "Unknown method 'item_status'"}
    qs_manager.open()
    item = qs_manager.add("count", ["det1"])
    qs_manager.do("queue_start")
    qs_manager.wait_until(lambda status: status["items_in_history"] == 1)
    assert RM.wait_for_item(item["item_uid"], timeout=10)["state"] == "completed"


def test_an_item_has_not_run_before_the_service_can_run_another(qs_manager, RM, waiting):
    status = {**qs_manager.do("status"), "manager_state": "executing_queue", "running_item_uid": None}
    qs_manager.answers["status"] = lambda _: status
    qs_manager.answers["item_status"] = {"success": True, "status": {"state": "completed"}}
    waiting(RM.wait_for_item, "a", timeout=10)
    qs_manager.wait_asked("item_status")
    qs_manager.wait_asked("status", 2)
    qs_manager.wait_subscribed(b"QS_Info")
    status["manager_state"] = "idle"
    qs_manager.publish(b"QS_Info", {"time": 1.0, "msg": {"status": status}})
    assert waiting.result() == {"state": "completed"}
