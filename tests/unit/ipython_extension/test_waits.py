"""What a wait shows of plans that ended before it, when it raises an error, and when there is nothing to wait for."""

import itertools

import pytest
from IPython.lib.pretty import pretty

from bluesky_qs.client.failures import WaitTimeoutError
from bluesky_qs.testing import Fail, Measure, Wait
from ipython_extension.shown.error_rendering import NotDone
from ipython_extension.shown.status_text import queue_stopped

IDLE = "Idle, the environment is open; the queue is empty."


@pytest.fixture
def measured(qs, opened):
    """Queues plans of one point each, starts the queue and waits, without the prompt, until they have ended."""

    def measure(count=1):
        opened.worker.on_plan("count", Measure())
        for _ in range(count):
            qs("add count([det1])")
        qs("start")
        opened.wait_until(lambda status: status["items_in_history"] >= count and status["manager_state"] == "idle")
        return [item["result"]["scan_ids"][0] for item in opened.do("history_get")["items"][-count:]]

    return measure


@pytest.fixture
def failed(qs, opened):
    """The queue was started here, and its first plan has failed; ``mode`` is that of the queue."""

    def fail(**mode):
        opened.worker.on_plan("count", Fail("no beam"))
        opened.do("queue_mode_set", mode=mode)
        opened.add("count", ["det1"])
        qs("start")
        opened.wait_until(lambda status: status["items_in_history"] and status["manager_state"] == "idle")

    return fail


@pytest.mark.over_http_too
def test_the_table_of_a_scan_that_ended_between_start_and_wait_is_shown_once(qs, measured, printed):
    (scan,) = measured()
    assert "1 plan ran" in pretty(qs("wait"))
    assert printed[0].startswith(f"Scan {scan}: count, 1 point")
    assert len(printed) == 3
    assert pretty(qs("wait")) == IDLE
    assert len(printed) == 3


def test_scans_whose_documents_the_service_no_longer_has_are_named_above_the_last_table(qs, measured, printed):
    first, second = measured(2)
    assert "2 plans ran" in pretty(qs("wait"))
    assert printed[0] == f"Scan {first} has already ended."
    assert printed[1].startswith(f"Scan {second}: count")


def test_a_scan_from_before_the_start_is_not_shown(qs, measured, opened, printed):
    """Plans without documents leave those of an older plan in the service."""
    measured()
    opened.worker.on_plan("scan", Fail("no beam"))
    opened.do("queue_mode_set", mode={"ignore_failures": True})
    for count in (2, 3):
        qs("add scan([det1], motor, 0, 1, 5)")
        qs("start")
        opened.wait_until(lambda status, n=count: status["items_in_history"] == n and status["manager_state"] == "idle")
    qs("wait")
    assert printed == []


def test_a_scan_that_was_shown_by_one_wait_is_not_shown_by_the_next(qs, opened, measured, printed):
    measured()
    uid = opened.do("history_get")["items"][0]["item_uid"]
    qs(f"wait {uid}")
    assert printed[0].startswith("Scan ")
    qs(f"wait {uid}")
    qs("wait")
    assert len(printed) == 3


@pytest.mark.over_http_too
def test_a_wait_raises_an_error_if_the_last_plan_failed_and_has_its_view(qs, failed):
    failed()
    with pytest.raises(NotDone) as error:
        qs("wait")
    assert str(error.value).startswith(
        "The queue has stopped, because the last plan failed. %qs start starts it again."
    )
    shown = pretty(error.value.view)
    assert "1 plan ran and failed" in shown
    assert "has stopped" not in shown
    assert "The queue has stopped, because the last plan failed." in pretty(qs("wait"))


def test_a_cell_with_a_failed_wait_shows_the_plans_and_then_the_error(shell, failed, capsys):
    failed()
    result = shell.run_cell("%qs wait")
    assert isinstance(result.error_in_exec, NotDone)
    shown = capsys.readouterr().out
    assert shown.index("1 plan ran and failed") < shown.index("The queue has stopped, because the last plan failed.")


def test_a_wait_raises_no_error_if_failures_are_ignored(qs, failed):
    failed(ignore_failures=True)
    assert "1 plan ran and failed" in pretty(qs("wait"))


def test_a_wait_raises_no_error_for_a_plan_that_this_session_has_aborted(qs, opened):
    opened.worker.on_plan("count", Measure(), Wait())
    opened.add("count", ["det1"])
    qs("start")
    opened.wait_until(lambda _: opened.worker.is_waiting)
    qs("abort")
    assert "because you aborted the last plan." in " ".join(pretty(qs("wait")).split())


@pytest.mark.parametrize("limit", ["0.01s", "--timeout 0.01"])
@pytest.mark.usefixtures("running")
def test_a_wait_may_have_a_limit(qs, limit):
    with pytest.raises(WaitTimeoutError, match=r"Still not done after 0\.0 s"):
        qs(f"wait {limit}")


def test_a_wait_for_an_item_of_a_queue_that_does_not_run_ends_at_once(qs, opened):
    opened.add("count", ["det1"])
    with pytest.raises(NotDone, match=r"count\(\[det1\]\) is queued, but the queue is not running. %qs start starts"):
        qs("wait 0")


def test_a_wait_for_an_item_ends_when_the_queue_stops_before_it(qs, running, at_looks):
    running.add("scan", ["det1"], "motor", 0, 1, 5)
    running.do("queue_stop")
    at_looks(None, lambda _: running.worker.proceed())
    with pytest.raises(NotDone, match="is queued, but the queue is not running"):
        qs("wait 0")


def test_a_wait_for_an_item_in_a_closed_environment_names_both_commands(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "uid-1", ["det1"])])
    with pytest.raises(NotDone, match="%qs open opens the environment, %qs start starts the queue"):
        qs("wait 0")


def test_the_end_of_a_paused_plan_does_not_report_the_pause_again(qs, running, printed, at_looks, monkeypatch):
    """While it is being ended, the service knows less about the pause."""
    running.do("re_pause", option="immediate", user="grace")
    running.wait_until(lambda status: status["manager_state"] == "paused")
    numbers = itertools.count()
    monkeypatch.setattr("ipython_extension.words.waits.pause_sentence", lambda *_: f"Paused ({next(numbers)}).")
    at_looks(None, None, lambda _: running.do("re_abort", user="grace"))
    with pytest.raises(NotDone, match="because grace aborted the last plan"):
        qs("wait")
    assert [text for text in printed if "Paused" in text] == ["Paused (0)."]


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"exit_status": "failed"}, "the last plan failed"),
        ({"exit_status": "aborted", "ended_by": "grace"}, "grace aborted the last plan"),
        ({"exit_status": "halted", "ended_by": "ada"}, "you halted the last plan"),
        ({"exit_status": "aborted"}, "the last plan was aborted"),
    ],
)
def test_the_queue_has_stopped_because_of_a_plan_and_perhaps_of_somebody(result, why):
    status = {"items_in_queue": 1, "manager_state": "idle"}
    assert queue_stopped(status, {"result": result}, "ada").startswith(f"The queue has stopped, because {why}. ")
