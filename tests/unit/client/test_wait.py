import threading

import pytest

from bluesky_qs import errors
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.client.wait import WaitMonitor


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


def test_an_idle_manager_is_not_waited_for(fake, RM):
    assert RM.wait_for_idle(timeout=10) is None


def test_a_published_status_ends_the_wait(fake, RM, waiting):
    fake.status["manager_state"] = "executing_queue"
    waiting(RM.wait_for_idle, timeout=10)
    fake.wait_subscribed()
    fake.wait_asked("status")
    fake.publish_status(manager_state="idle")
    assert waiting.result() is None
    assert fake.methods() == ["status"]


@pytest.mark.parametrize(
    ("wait", "state"),
    [("wait_for_idle_or_paused", "paused"), ("wait_for_idle_or_running", "executing_queue")],
)
def test_waits_end_in_their_states(fake, RM, wait, state):
    fake.status["manager_state"] = state
    assert getattr(RM, wait)(timeout=10) is None


def test_a_condition_sees_the_status(fake, RM, waiting):
    waiting(RM.wait_for_condition, lambda status: status.get("items_in_queue") == 3, timeout=10)
    fake.wait_asked("status")
    fake.wait_subscribed()
    fake.publish_status(items_in_queue=3)
    assert waiting.result() is None


def test_where_the_info_channel_is_silent_the_status_is_asked_for(fake, clean_environment):
    states = iter(["executing_queue", "executing_queue", "idle"])
    fake.answers["status"] = lambda _: {"manager_state": next(states)}
    with REManagerAPI(fake.control, zmq_info_addr="tcp://127.0.0.1:1") as manager:
        manager.wait_for_idle(timeout=10)
    assert fake.methods() == ["status"] * 3


def test_a_restart_of_the_service_does_not_end_the_wait(fake, clean_environment, waiting):
    fake.status["manager_state"] = "executing_queue"
    with REManagerAPI(fake.control, zmq_info_addr="tcp://127.0.0.1:1", timeout_recv=0.1) as manager:
        waiting(manager.wait_for_idle, timeout=10)
        fake.wait_asked("status")
        fake.stop()
        fake.status["manager_state"] = "idle"
        fake.start()
        assert waiting.result() is None


def test_a_wait_has_its_limit(fake, RM):
    fake.status["manager_state"] = "paused"
    with pytest.raises(RM.WaitTimeoutError, match=r"Still waiting for the manager to be idle after 0\.05 s"):
        RM.wait_for_idle(timeout=0.05)


def test_a_monitor_cancels_a_wait(fake, RM, waiting):
    fake.status["manager_state"] = "paused"
    monitor, called = WaitMonitor(), threading.Event()
    monitor.add_cancel_callback(called.set)
    waiting(RM.wait_for_idle, timeout=None, monitor=monitor)
    fake.wait_asked("status")
    monitor.cancel()
    assert isinstance(waiting.result(), RM.WaitCancelError)
    assert called.is_set()
    assert monitor.is_cancelled


def test_a_wait_that_was_cancelled_before_it_began_does_not_begin(fake, RM):
    monitor, called = WaitMonitor(), []
    monitor.add_cancel_callback(lambda: called.append(1))
    monitor.cancel()
    monitor.cancel()
    with pytest.raises(RM.WaitCancelError):
        RM.wait_for_idle(monitor=monitor)
    assert (called, fake.requests) == ([1], [])


def test_a_monitor_changes_how_long_a_wait_lasts(fake, RM, waiting):
    fake.status["manager_state"] = "paused"
    monitor = WaitMonitor()
    waiting(RM.wait_for_idle, timeout=None, monitor=monitor)
    fake.wait_asked("status")
    monitor.set_timeout(0.01)
    assert isinstance(waiting.result(), RM.WaitTimeoutError)


def test_a_wait_without_a_service_says_that_there_is_none(clean_environment):
    with (
        REManagerAPI("tcp://127.0.0.1:1", zmq_info_addr="tcp://127.0.0.1:2", timeout_recv=0.05) as manager,
        pytest.raises(manager.RequestTimeoutError),
    ):
        manager.wait_for_idle()


def test_a_task_is_waited_for(fake, RM, waiting):
    fake.answers["task_status"] = lambda params: {
        "success": True,
        "task_uid": params["task_uid"],
        "status": dict.fromkeys(params["task_uid"], fake.status.get("task", "running")),
    }
    waiting(RM.wait_for_completed_task, "t1", timeout=10)
    fake.wait_subscribed()
    fake.wait_asked("task_status")
    fake.publish_status(task="completed")
    assert waiting.result() == {"t1": "completed"}


def test_of_several_tasks_the_first_to_end_ends_the_wait(fake, RM):
    fake.answers["task_status"] = {"success": True, "status": {"t1": "running", "t2": "completed"}}
    assert RM.wait_for_completed_task({"t1", "t2"}, timeout=10) == {"t2": "completed"}
    assert sorted(fake.params("task_status")["task_uid"]) == ["t1", "t2"]
    with pytest.raises(RM.RequestParameterError, match="no task to wait for"):
        RM.wait_for_completed_task([])


def test_a_task_that_is_forgotten_counts_as_completed_unless_told_otherwise(fake, RM):
    fake.answers["task_status"] = {"success": True, "status": {"t1": "not_found"}}
    assert RM.wait_for_completed_task("t1", timeout=10) == {"t1": "not_found"}
    with pytest.raises(RM.WaitTimeoutError):
        RM.wait_for_completed_task("t1", timeout=0.05, treat_not_found_as_completed=False)


def test_an_item_is_waited_for_until_it_has_run(fake, RM, waiting):
    where = {"state": "queued"}
    fake.answers["item_status"] = lambda _: {"success": True, "status": where}
    waiting(RM.wait_for_item, "a", timeout=10)
    fake.wait_subscribed()
    fake.wait_asked("item_status")
    fake.publish_status(running_item_uid=None)  # nothing has moved: not asked again
    where = {"state": "failed", "result": {"msg": "no beam"}}
    fake.publish_status(plan_history_uid="2")
    assert waiting.result() == where
    assert fake.methods().count("item_status") == 2


def test_a_question_that_a_restart_swallowed_is_asked_again(fake, clean_environment, waiting):
    answers = iter([None, {"success": True, "status": {"state": "completed"}}])
    fake.answers["item_status"] = lambda _: next(answers)
    with REManagerAPI(fake.control, zmq_info_addr=fake.info, timeout_recv=0.2) as manager:
        waiting(manager.wait_for_item, "a", timeout=10)
        assert waiting.result() == {"state": "completed"}


def test_an_item_that_the_service_does_not_know_is_told(fake, RM):
    fake.answers["item_status"] = {"success": True, "status": {"state": "not_found"}}
    with pytest.raises(errors.NotFound, match="'a'"):
        RM.wait_for_item("a")


def test_an_item_is_found_where_the_service_has_no_item_status(fake, RM):
    fake.answers["item_status"] = {"success": False, "msg": "Unknown method 'item_status'"}
    fake.answers["queue_get"] = {"success": True, "items": [], "running_item": {}, "plan_queue_uid": "1"}
    fake.answers["history_get"] = {
        "success": True,
        "items": [{"item_uid": "a", "result": {"exit_status": "completed"}}],
        "plan_history_uid": "1",
    }
    assert RM.wait_for_item("a", timeout=10)["state"] == "completed"


def test_an_item_has_not_run_before_the_service_can_run_another(fake, RM, waiting):
    fake.status |= {"manager_state": "executing_queue", "running_item_uid": None}
    fake.answers["item_status"] = {"success": True, "status": {"state": "completed"}}
    waiting(RM.wait_for_item, "a", timeout=10)
    fake.wait_asked("item_status")
    fake.wait_asked("status", 2)
    fake.wait_subscribed()
    fake.publish_status(manager_state="idle")
    assert waiting.result() == {"state": "completed"}
    assert fake.methods().count("item_status") == 2
