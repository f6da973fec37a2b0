import pytest

from bluesky_qs.ipc.reports import TaskEnded
from bluesky_qs.ipc.states import EnvironmentState, WorkerState
from bluesky_qs.manager.worker.tasks import TaskRecords


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now

    def time(self):
        return 1000.0 + self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tasks(clock):
    return TaskRecords(120, clock, lambda: None, foreground_ended=lambda: None)


def done(uid, value=b"42", *, success=True):
    return TaskEnded(uid, success, "", "", value, 1.0, 2.0, WorkerState(EnvironmentState.IDLE))


def test_a_task_is_running_then_completed_with_its_return_value(tasks):
    tasks.started("a", 1.0, background=True)
    assert tasks.status("a") == "running"
    assert tasks.result("a") == {"task_uid": "a", "time_start": 1.0, "run_in_background": True}
    tasks.ended(done("a", b'{"x": NaN}'))
    assert tasks.status("a") == "completed"
    assert tasks.result("a").value()["return_value"].keys() == {"x"}


def test_a_result_is_kept_for_the_retention_time_and_then_forgotten(tasks, clock):
    tasks.started("a", 1.0, background=False)
    tasks.ended(done("a"))
    clock.now = 119.9
    assert tasks.status("a") == "completed"
    clock.now = 120.1
    assert tasks.status("a") == "not_found"
    assert tasks.result("a") == {}


def test_a_report_that_comes_twice_changes_nothing(tasks):
    tasks.started("a", 1.0, background=False)
    tasks.ended(done("a", b"1"))
    uid = tasks.uid
    tasks.ended(done("a", b"2"))
    assert tasks.uid == uid
    assert tasks.result("a").value()["return_value"] == 1


def test_tasks_of_a_lost_worker_have_failed_with_the_reason(tasks):
    tasks.started("a", 1.0, background=False)
    tasks.lost("The worker is gone")
    result = tasks.result("a").value()
    assert result["success"] is False
    assert result["msg"] == "The worker is gone"
    assert result["return_value"] is None


def test_a_result_that_another_manager_knew_is_found_again_and_forgotten_when_it_is_too_old(tasks, clock):
    tasks.found(done("old"), age=121.0)
    tasks.found(done("young"), age=119.0)
    assert (tasks.status("young"), tasks.status("old")) == ("completed", "not_found")
    clock.now = 1.1
    assert tasks.status("young") == "not_found"
