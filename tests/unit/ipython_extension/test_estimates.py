"""Estimates at the prompt: how long plans take, when they start, and when the queue ends."""

import time
from types import SimpleNamespace

import pytest
from IPython.core.error import UsageError

from bluesky_qs.api.estimates import NOT_YET
from bluesky_qs.foresight.work import Member, Work
from bluesky_qs.testing import Measure
from ipython_extension.shown import times_text
from ipython_extension.shown.display import QueueView
from ipython_extension.shown.history_view import HistoryView
from ipython_extension.shown.status_text import status_sentence

NOON = time.mktime((2026, 11, 30, 12, 0, 0, 0, 0, -1))


def estimate(seconds, *, low=None, start=None, at_least=False, later=False):
    found = {"seconds": seconds, "low": low, "high": None, "at_least": at_least, "reason": ""}
    found["source"] = "unknown" if seconds is None else "walk"
    return found | {"start": start, "start_at_least": later}


@pytest.fixture
def view(plan, monkeypatch):
    """Makes the view of a queue with these estimates of its items and of the whole."""
    at_noon = SimpleNamespace(time=lambda: NOON, localtime=time.localtime, strftime=time.strftime)
    monkeypatch.setattr(times_text, "time", at_noon)

    def make(estimates, queue, *, running=False, **status):
        items = [plan("count", f"i{number}", ["det1"]) for number in range(len(estimates))]
        reply = {"items": items[1:], "running_item": items[0]} if running else {"items": items, "running_item": {}}
        shown = QueueView(reply, {"det1"}, status=status)
        each = {item["item_uid"]: found for item, found in zip(items, estimates, strict=True)}
        shown.estimates = {"estimates": each, "queue": queue}
        return shown

    return make


def whole(seconds, *, end=None, at_least=False):
    return {"seconds": seconds, "low": seconds, "high": seconds, "at_least": at_least, "start": NOON, "end": end}


def test_each_plan_has_its_time_and_its_start(view):
    shown = view([estimate(720, start=NOON), estimate(7500, start=NOON + 720)], whole(8220, end=NOON + 8220))
    title, _, first, second = shown.text(100).splitlines()
    assert title == "2 items in the queue; about 2 h 17 min if started now"
    assert first.endswith("about 12 min, at 12:00")
    assert second.endswith("about 2 h 05 min, at 12:12")


def test_a_running_queue_says_when_it_is_done(view):
    found = [estimate(10.0), estimate(3600, start=NOON + 10)]
    assert view(found, whole(3610, end=NOON + 3610), running=True).title == ("1 item in the queue; done at about 13:00")
    later = view(found, whole(3610, end=NOON + 3610, at_least=True), running=True)
    assert later.title == "1 item in the queue; done at 13:00 or later"


def test_while_the_running_plan_is_paused_no_time_of_day_is_shown(view):
    found = [estimate(10.0), estimate(3600, start=NOON + 10)]
    shown = view(found, whole(3610, end=NOON + 3610), running=True, manager_state="paused")
    assert shown.title == "1 item in the queue; about 1 h 00 min if resumed now"
    assert shown.text(100).splitlines()[-1].endswith("about 1 h 00 min")


def test_a_loop_says_how_long_one_round_takes(view):
    shown = view([estimate(90.0, start=NOON)], whole(90.0), plan_queue_mode={"loop": True})
    assert shown.title == "1 item in the queue; one round: about 2 min; loop mode"


def test_a_plan_of_unknown_time_is_just_queued_or_takes_at_least_its_known_parts(view):
    found = [
        estimate(None, start=NOON),
        estimate(None, low=180.0, at_least=True, start=NOON, later=True),
    ]
    lines = view(found, whole(180.0, at_least=True)).text(100).splitlines()
    assert lines[0] == "2 items in the queue; at least 3 min if started now"
    assert lines[-2].endswith("queued")
    assert lines[-1].endswith("at least 3 min, at 12:00 or later")


def test_until_marks_the_plan_that_will_run_then(view):
    shown = view([estimate(720, start=NOON), estimate(720, start=NOON + 720)], whole(1440, end=NOON + 1440))
    shown.until = NOON + 900
    assert shown.text(100).splitlines()[-1].strip() == "runs at 12:15"
    shown.until = NOON + 1500
    assert shown.text(100).splitlines()[-1] == "  The queue will be done before 12:25."
    shown.until, shown.rows = NOON + 900, 1
    assert shown.text(100).splitlines()[-1] == "  At 12:15, the item at position 1 runs."


def test_until_says_why_it_is_not_known_what_runs_then(view):
    shown = view(
        [estimate(720, start=NOON), estimate(None, start=NOON + 720)], whole(720, end=NOON + 720, at_least=True)
    )
    shown.until = NOON + 1500
    reason = "because the plan at position 1 has no time estimate"
    assert shown.text(100).splitlines()[-1] == f"  The item that runs at 12:25 is not known, {reason}."


def test_less_than_a_second_of_an_unknown_time_is_not_shown(view):
    shown = view([estimate(None, start=NOON)], whole(0.004, at_least=True))
    assert shown.title == "1 item in the queue"


def test_the_status_says_when_the_queue_is_done():
    status = {"manager_state": "executing_queue", "running_item_uid": "a", "items_in_queue": 3}
    end = time.time() + 3600
    sentence = status_sentence(status | {"queue_end": end, "queue_at_least": False}, "count([det1])", 100)
    assert f"queue done at about {times_text.clock(end)}" in sentence
    assert "done" not in status_sentence(status | {"queue_end": None}, "count([det1])", 100)


@pytest.mark.parametrize("held", [{"manager_state": "paused"}, {"waiting_for": {"kind": "suspender"}}])
def test_while_a_plan_stands_still_the_status_has_no_end_of_the_queue(held):
    status = {"manager_state": "executing_queue", "running_item_uid": "a", "items_in_queue": 3}
    sentence = status_sentence(status | {"queue_end": time.time() + 3600} | held, "count([det1])", 100)
    assert sentence.endswith("3 more in the queue.")


def test_the_history_shows_estimated_beside_actual_time(plan):
    result = {"exit_status": "completed", "time_start": 100.0, "time_stop": 220.0, "time_estimated": 118.0}
    shown = HistoryView({"items": [plan("count", "a", ["det1"]) | {"result": result}]}, {"det1"})
    assert "2 min 00 s (est. 1 min 58 s)" in shown.text(120)


def add_estimated(opened, work, detector, **place):
    """Queue a count with this work, and wait for its estimate; its uid."""
    opened.worker.dry_run = {"work": work.to_json()}
    before = opened.do("status")["estimates_uid"]
    uid = opened.add("count", [detector], **place)["item_uid"]
    opened.wait_until(lambda status: status["estimates_uid"] != before)
    return uid


@pytest.fixture
def ten_minutes(opened):
    """The work of a plan that takes ten minutes, and is in the queue."""
    work = Work()
    work.slept = 600.0
    opened.worker.on_plan("count", Measure())
    add_estimated(opened, work, "det1")
    return work


def test_the_queue_at_the_prompt_asks_for_estimates(qs, ten_minutes):
    assert "about 10 min" in qs("queue").text(100)
    assert "runs at" in qs("queue --until 23:59").text(100) or "will be done before" in qs("queue --until 23:59").text(
        100
    )


def test_an_item_says_how_long_it_takes_or_why_that_is_not_known(qs, opened, ten_minutes):
    assert "  takes    about 10 min, at " in qs("item 0").text(100)
    ten_minutes.waits[Member("trigger", "det2", None, 0),] = 1
    uid = add_estimated(opened, ten_minutes, "det2", pos="front")
    reason = "the rest is not known: det2 has not been triggered in a plan yet"
    assert f"; {reason}" in qs(f"item {uid[:8]}").text(100)


def test_an_item_says_nothing_about_its_time_while_the_estimate_is_being_made(qs, opened):
    uid = opened.add("count", ["det1"])["item_uid"]
    reply = {"estimates": {uid: estimate(None, start=NOON) | {"reason": NOT_YET}}, "queue": whole(None)}
    opened.answers["estimates_get"] = {"success": True, "msg": "", **reply}
    assert "takes" not in qs(f"item {uid[:8]}").text(100)


def test_a_wrong_time_is_pointed_at(qs, opened):
    with pytest.raises(UsageError, match="soon is not a time of day, such as 08:00"):
        qs("queue --until soon")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (12.3, "12 s"), (59.7, "1 min"), (725, "12 min"), (7500, "2 h 05 min")]
)
def test_times_are_rough(seconds, text):
    assert times_text.roughly(seconds) == text
