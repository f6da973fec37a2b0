"""A pause that is asked for holds the queue, however late it comes."""

import pytest

LATE = """
from pathlib import Path


def late(path: str):
    \"\"\"A run whose checkpoint is over; it ends when a file is there.\"\"\"
    yield from checkpoint()
    yield from open_run()
    while not Path(path).exists():
        yield from sleep(0.01)
    yield from close_run()
"""


@pytest.fixture
def opened(new_service, startup_dir):
    (startup_dir / "10-late.py").write_text(LATE)
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()
    service.open()
    return service


def begin(service, tmp_path):
    """A plan that is past its last checkpoint, and another one behind it."""
    service.add("late", str(tmp_path / "go"))
    return service.add("quick")["item_uid"]


@pytest.mark.in_both_modes
@pytest.mark.parametrize("autostart", [False, True])
def test_a_pause_past_the_last_checkpoint_stops_the_queue_when_the_plan_is_complete(opened, tmp_path, autostart):
    behind = begin(opened, tmp_path)
    opened.do("queue_autostart", enable=True) if autostart else opened.do("queue_start")
    opened.wait(lambda s: s["re_state"] == "running", "the plan runs")
    opened.wait(lambda _: opened.do("re_runs")["run_list"], "its run is open")
    opened.do("re_pause")
    opened.wait(lambda s: s["pause_pending"], "the pause is pending")
    opened.do("queue_stop")  # to take this back is not to take back the pause
    opened.do("queue_stop_cancel")
    (tmp_path / "go").touch()
    status = opened.wait_idle()
    assert (status["pause_pending"], status["queue_autostart_enabled"]) == (False, False)
    assert [item["item_uid"] for item in opened.queue()] == [behind]
    assert [item["result"]["exit_status"] for item in opened.history()] == ["completed"]
    opened.do("queue_start")
    status = opened.wait(lambda s: s["manager_state"] == "idle" and not s["items_in_queue"], "the rest has run")
    assert status["items_in_history"] == 2


def test_a_failure_that_is_ignored_does_not_lead_past_a_pause(opened, startup_dir, tmp_path):
    opened.do("queue_mode_set", mode={"ignore_failures": True})
    opened.do("script_upload", script=FAILS_LATE)
    opened.wait_idle()
    opened.add("fails_late", str(tmp_path / "go"))
    behind = opened.add("quick")["item_uid"]
    opened.do("queue_start")
    opened.wait(lambda _: opened.do("re_runs")["run_list"], "its run is open")
    opened.do("re_pause")
    (tmp_path / "go").touch()
    opened.wait_idle()
    assert [item["item_uid"] for item in opened.queue()] == [behind]
    assert [item["result"]["exit_status"] for item in opened.history()] == ["failed"]


FAILS_LATE = """
def fails_late(path: str):
    yield from late(path)
    raise ValueError("as it should")
"""


def test_a_pause_between_two_short_plans_is_not_refused_and_holds_the_queue(opened):
    items = [{"item_type": "plan", "name": "quick"}] * 400
    for _ in range(12):
        opened.do("queue_clear")
        opened.do("queue_item_add_batch", items=items, user="tester", user_group="primary")
        opened.do("queue_start")
        opened.do("re_pause")
        status = opened.wait(lambda s: s["manager_state"] in ("idle", "paused"), "the queue is held")
        assert status["items_in_queue"] > 0, "the queue ran to its end"
        if status["manager_state"] == "paused":
            opened.do("re_stop")
            opened.wait_idle()
