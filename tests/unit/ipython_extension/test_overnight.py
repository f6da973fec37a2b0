"""What somebody sees who comes back: how many failed, why nothing goes on by itself, what could not run now."""

import time

import pytest
from IPython.lib.pretty import pretty

from bluesky_qs.client.http_failures import lacks_scopes
from bluesky_qs.testing import Fail, Wait
from ipython_extension.session.session import Session


def ended(plan, uid, status, at, name="count"):
    result = {"exit_status": status, "time_start": at - 1, "time_stop": at, "msg": "no beam"}
    return {**plan(name, uid), "result": result}


@pytest.fixture
def night(qs_manager, plan):
    """Three plans of the night, of which the second has failed, and one of long ago."""
    now = time.time()
    statuses = ["completed", "failed", "completed"]
    last = [ended(plan, f"uid-{n}", status, now) for n, status in enumerate(statuses)]
    qs_manager.fill(history=[ended(plan, "uid-old", "failed", 1.0), *last])


def test_failures_are_counted_where_the_past_is_shown(qs, night):
    assert pretty(qs("history -n 1")).startswith("The last plan of 4: 1 completed (-n N shows more)\n")
    assert pretty(qs("history --failed")).startswith("2 plans failed\n")
    assert "Last 24 h: 3 plans, 1 failed (%qs history --failed)." in pretty(qs("")).splitlines()
    assert "Last 24 h: 3 plans, 1 failed" in qs("").html()


def test_a_failure_that_is_shown_as_the_last_plan_is_not_counted_again(qs, qs_manager, plan):
    qs_manager.fill(history=[ended(plan, "uid-0", "failed", time.time())])
    assert "Last 24 h" not in pretty(qs(""))


def test_the_reason_why_autostart_switched_itself_off_is_shown_until_a_user_decides(qs, qs_manager, plan):
    qs_manager.worker.on_plan("count", Fail("no beam"))
    qs_manager.fill([plan("count", "uid-1"), plan("count", "uid-2")])
    qs_manager.open()
    qs("autostart on")
    qs_manager.wait_until(lambda status: status["queue_autostart_off_reason"])
    qs_manager.wait_idle()
    expected = "Autostart switched itself off: the last plan failed."
    assert pretty(qs("autostart")).startswith(f"Autostart is off. {expected}")
    assert expected in pretty(qs(""))
    qs("autostart off")
    assert pretty(qs("autostart")) == "Autostart is off."
    assert "Autostart" not in pretty(qs(""))


@pytest.mark.parametrize(
    ("items", "is_open", "expected_text"),
    [
        (2, True, "the queue starts now, with 2 items."),
        (0, True, "items queued from now on run immediately."),
        (1, False, "the queue (1 item) will start when the environment is open (%qs open)."),
    ],
)
def test_switching_autostart_on_shows_the_items_that_start(qs, qs_manager, items, is_open, expected_text, plan):
    qs_manager.worker.on_plan("count", Wait())
    qs_manager.fill([plan("count", f"uid-{n}") for n in range(items)])
    if is_open:
        qs_manager.open()
    assert pretty(qs("autostart on")) == f"Autostart is on: {expected_text}"


@pytest.fixture
def lost(qs_manager, plan):
    """Of two queued plans the second is not valid now."""
    qs_manager.fill(
        [
            {**plan("count", "uid-a", ["det1"]), "meta": {"sample": "Si 111", "n": 3}},
            plan("count", "uid-b", "det1"),
        ]
    )


def test_the_queue_shows_plans_that_cannot_run_now_and_metadata(qs, qs_manager, lost):
    lines = [" ".join(line.split()) for line in pretty(qs("queue")).splitlines()]
    assert lines[0] == "2 items in the queue; 1 cannot run now"
    assert lines[3] == "--md sample='Si 111' n=3"
    assert lines[5] == "cannot run now: parameter 'detectors': det1 is not a list: write [det1]"
    (asked,) = qs_manager.asked("item_check")
    assert asked["user_group"] == "admin"
    assert asked["items"][1] == {"item_type": "plan", "name": "count", "args": ["det1"], "kwargs": {}}


def test_the_queue_shows_names_that_are_unknown(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "uid-a", ["dett1"]), plan("count", "uid-b", ["det1"])])
    shown = " ".join(pretty(qs("queue")).split())
    assert shown.startswith("2 items in the queue # plan")
    warning = "check this plan: 'dett1' is not the name of a device that you may use (did you mean det1 or det?)"
    assert shown.count("check this plan") == shown.count(warning) == 1


def test_the_check_is_repeated_only_when_queue_or_lists_have_changed(qs, qs_manager, lost):
    qs("queue")
    qs("queue")
    assert len(qs_manager.asked("item_check")) == 1
    lists = {"allowed_plans": [None], "forbidden_plans": ["scan"], "allowed_devices": [None]}
    groups = {"root": {"allowed_plans": [None], "allowed_devices": [None]}, "admin": lists}
    qs_manager.do("permissions_set", user_group_permissions={"user_groups": groups})
    qs("queue")
    qs_manager.do("queue_item_remove")
    assert pretty(qs("queue")).startswith("1 item in the queue\n")
    assert len(qs_manager.asked("item_check")) == 3


def test_opening_lists_queued_plans_that_cannot_run(qs, lost):
    lines = pretty(qs("open")).splitlines()
    assert lines[1:] == [
        "  1 queued plan cannot run now (%qs queue):",
        "  count(det1): parameter 'detectors': det1 is not a list: write [det1]",
    ]


@pytest.mark.parametrize(
    ("items", "expected_text"),
    [
        (
            ["det1"],
            "The queue will stop at its first plan, which cannot run now: count(det1): parameter 'detectors': det1 is",
        ),
        ([["det1"], "det1"], "Running 2 items."),
    ],
)
def test_starting_a_queue_whose_first_plan_cannot_run_says_so(qs, qs_manager, plan, items, expected_text):
    qs_manager.worker.on_plan("count", Wait())
    qs_manager.fill([plan("count", f"uid-{n}", detectors) for n, detectors in enumerate(items)])
    qs_manager.open()
    assert pretty(qs("start")).startswith(expected_text)


def shown_why(qs):
    return [
        line for line in pretty(qs("")).replace("\nagain", " again").splitlines() if "The queue has stopped" in line
    ]


def test_the_state_says_that_a_failed_plan_has_stopped_the_queue(qs, opened):
    opened.worker.on_plan("count", Fail("no beam"))
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.wait_until(lambda status: status["items_in_history"])
    opened.wait_idle()
    assert shown_why(qs) == ["The queue has stopped, because the last plan failed. %qs start starts it again."]
    qs("clear")
    assert shown_why(qs) == []


def test_without_the_scope_for_the_queue_the_state_is_shown_with_what_it_lacks(qs, opened, monkeypatch):
    def refuse(_session, _status=None):
        raise lacks_scopes("read:queue", {"method": "queue_get"}, "root")

    monkeypatch.setattr(Session, "queue", refuse)
    state, reason = pretty(qs("")).splitlines()
    assert state == "Idle, the environment is open; the queue is empty."
    assert reason.startswith("The queue and the history are not shown. You (root) may not use queue_get: ")
    assert "the scope read:queue" in reason


def test_a_failed_plan_that_ran_without_the_queue_has_not_stopped_it(qs, opened):
    opened.worker.on_plan("count", Fail("no beam"))
    opened.add("scan", ["det1"], "motor", 0, 1, 5)
    item = {"item_type": "plan", "name": "count", "args": [["det1"]]}
    opened.do("queue_item_execute", item=item, user="ada", user_group="admin")
    opened.wait_until(lambda status: status["items_in_history"])
    opened.wait_idle()
    assert shown_why(qs) == []


def test_the_state_says_who_has_stopped_the_queue(qs, running):
    running.add("count", ["det1"])
    running.do("queue_stop", user="grace")
    running.worker.proceed()
    running.wait_idle()
    assert shown_why(qs) == ["The queue has stopped, because grace requested it. %qs start starts it again."]
