"""What the state of the service is called."""

import time

import pytest
from IPython.lib.pretty import pretty

from ipython_extension.shown import colors, notebook_html
from ipython_extension.shown.catalogue import PlanView
from ipython_extension.shown.display import QueueView, StatusView
from ipython_extension.shown.status_text import (
    Bar,
    PlanProgress,
    last_sentence,
    pause_sentence,
    progress_text,
    reason,
    status_sentence,
    suspension_of_pause,
    waiting_sentence,
)


def running(events, total, *, elapsed, paused=0.0, state="executing_queue"):
    printed = {"events": events, "num_points": total, "time_start": time.time() - elapsed, "time_paused": paused}
    return {"manager_state": state, "running_item_uid": "a", "running_item_progress": printed}


def test_the_bar_of_a_suspended_plan_promises_no_end():
    assert "to go" in Bar.of(running(4, 8, elapsed=10), "count()").text(80)
    assert "to go" not in Bar.of(suspended(4, 8, elapsed=10, since=time.time()), "count()").text(80)


def test_the_time_to_go_follows_the_pace_so_far():
    assert PlanProgress.of(running(4, 8, elapsed=10)).left == pytest.approx(10, abs=0.5)


def test_a_pause_does_not_change_the_estimated_pace():
    assert PlanProgress.of(running(4, 8, elapsed=110, paused=100)).left == pytest.approx(10, abs=0.5)


def test_while_a_plan_is_paused_no_end_is_promised():
    assert progress_text(running(4, 8, elapsed=10, state="paused")) == "4 of 8 points"


def test_a_pause_without_a_known_plan_is_a_whole_sentence():
    status = {"manager_state": "paused", "items_in_queue": 1}
    assert status_sentence(status, "", 80) == "Paused; 1 item in the queue."
    assert status_sentence(status | {"running_item_uid": "a"}, "count()", 80).startswith("Paused in count(); 1 more")


def test_a_plan_that_is_paused_before_it_begins_waits_for_its_suspenders_after_that():
    waiting = {"kind": "pause", "text": "paused at 14:02 by ada, while waiting to start: no beam"}
    sentence = pause_sentence({"waiting_for": waiting}, "ada")
    assert sentence.startswith("Paused at 14:02 by you, while waiting to start: no beam. %qs resume resumes")
    assert suspension_of_pause({"waiting_for": waiting}) == ""


@pytest.mark.parametrize(
    ("user", "who"),
    [
        ("ada", "you"),
        ("UNAUTHENTICATED_SINGLE_USER (grace)", "grace"),
        ("UNAUTHENTICATED_SINGLE_USER", "the shared key"),
        ("the plan", "the plan"),
    ],
)
def test_a_pause_has_the_name_of_a_person(user, who):
    status = {"waiting_for": {"kind": "pause", "text": f"paused at 14:02 by {user}"}}
    assert waiting_sentence(status, "ada") == f"Paused at 14:02 by {who}."


def test_while_the_service_restarts_the_plan_is_not_said_to_start():
    status = running(4, 8, elapsed=10, state="initializing") | {"items_in_queue": 1}
    sentence = "The service is restarting; before that, count() was running; 1 more in the queue."
    assert status_sentence(status, "count()", 80) == sentence
    assert "before that, a plan was running" in status_sentence(status, "", 80)


@pytest.mark.parametrize(
    ("prompt", "shown"), [("Go on? ", "input: 'Go on?' (%qs"), ("", "input (%qs"), (None, "input (%qs")]
)
def test_a_question_without_a_prompt_leaves_no_hole(prompt, shown):
    status = running(4, 8, elapsed=10) | {"input_pending": {"prompt": prompt}}
    assert f"user code is waiting for {shown} answer)" in status_sentence(status, "count()", 200)


def test_a_service_that_is_stopping_is_not_called_idle():
    status = {"manager_state": "idle", "worker_environment_exists": True, "items_in_queue": 1, "stopping": True}
    assert status_sentence(status, "", 80) == "The service is stopping; 1 item in the queue."
    status |= {"manager_state": "executing_queue", "running_item_uid": "a"}
    assert status_sentence(status, "count()", 80) == "Running count(); 1 more in the queue; the service is stopping."


def suspended(events, total, *, elapsed, since):
    waiting = {"kind": "suspender", "text": "suspended since 14:02: Signal shutter is high", "since": since}
    return running(events, total, elapsed=elapsed) | {"waiting_for": waiting}


def test_while_a_plan_is_suspended_no_end_is_promised():
    status = suspended(4, 8, elapsed=110, since=time.time() - 100)
    assert PlanProgress.of(status).left == pytest.approx(10, abs=0.5)
    assert progress_text(status) == "4 of 8 points"


def test_a_suspended_plan_is_shown_as_suspended_with_the_reason():
    status = suspended(4, 8, elapsed=110, since=time.time() - 100) | {"items_in_queue": 0}
    shown = pretty(StatusView(status, {"item_type": "plan", "name": "count", "args": [["det1"]]}))
    first, second = shown.splitlines()
    assert first == "Suspended in count(['det1']), 4 of 8 points; nothing more in the queue."
    assert second == "Suspended since 14:02: Signal shutter is high."
    assert "<p>Suspended since 14:02: Signal shutter is high.</p>" in StatusView(status).html()


def moving(*, seconds, **more):
    text = "waiting for motor (0.000 → 5.000 mm, 62 %, 12 s to go)"
    waiting = {"kind": "motor", "text": text, "since": time.time() - seconds}
    return running(4, 8, elapsed=10) | {"items_in_queue": 0, "waiting_for": waiting} | more


def test_the_status_says_what_the_plan_waits_for():
    first, second = pretty(StatusView(moving(seconds=0.2))).splitlines()
    assert first.startswith("Running, 4 of 8 points, about 10 s to go")
    assert second == "Waiting for motor (0.000 → 5.000 mm, 62 %, 12 s to go)."


@pytest.mark.parametrize(
    "known", [{"kind": "input", "text": "waiting for an answer: y?"}, {"kind": "pause", "text": "…"}]
)
def test_the_status_says_nothing_twice(known):
    status = moving(seconds=5) | {"waiting_for": {**known, "since": 0.0}, "pause_pending": True}
    assert len(pretty(StatusView(status)).splitlines()) == 1


def test_a_wait_of_a_second_is_shown_beside_the_progress_and_keeps_80_columns():
    assert Bar.of(moving(seconds=0.5), "count()").title == "count()"
    line = Bar.of(moving(seconds=5), "count()").text(80)
    assert line == "waiting for motor (0.000 → 5.000 mm, 62 %, 12 s to go)  4/8  about 10 s to go"
    assert len(line) <= 80


def test_a_suspended_plan_is_yellow_like_a_paused_one(monkeypatch):
    monkeypatch.setattr(colors, "are_wanted", lambda: True)
    status = suspended(4, 8, elapsed=110, since=time.time() - 100) | {"manager_state": "executing_queue"}
    with colors.in_colors():
        assert status_sentence(status, "count()", 80).startswith("\x1b[33mSuspended in\x1b[0m count()")


def test_the_row_of_a_suspended_plan_is_yellow_in_a_terminal_and_a_notebook(plan, monkeypatch):
    monkeypatch.setattr(colors, "are_wanted", lambda: True)
    status = suspended(4, 8, elapsed=110, since=time.time() - 100) | {"manager_state": "executing_queue"}
    view = QueueView({"items": [], "running_item": plan("count", "i0", ["det1"])}, {"det1"}, status=status)
    with colors.in_colors():
        assert view.text(80).splitlines()[-1].startswith("\x1b[33m  ▶  count([det1])")
    assert notebook_html.COLORS["paused"] in view.html()


def test_only_a_suspension_stops_the_time_to_go():
    assert PlanProgress.of(moving(seconds=8)).left == pytest.approx(10, abs=0.5)


def test_a_long_type_leaves_the_table_readable():
    kind = "typing.List[" + " | ".join(f"detector{n}" for n in range(20)) + "]"
    parameter = {
        "name": "detectors",
        "kind": {"name": "POSITIONAL_ONLY", "value": 0},
        "description": "What to read.",
        "annotation": {"type": kind},
    }
    text = PlanView({"name": "plan", "parameters": [parameter]}).text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert "detector19" in text


def test_one_point_gives_no_estimate():
    progress = {"events": 1, "num_points": 60, "time_start": time.time() - 0.4}
    printed = progress_text({"manager_state": "executing_queue", "running_item_progress": progress})
    assert printed.startswith("1 of 60 points, for 0.")
    assert "to go" not in printed


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("ValueError: bad\nand more", "ValueError: bad"),
        ("ValueError: \n\n  1 field is missing\n  x", "ValueError: 1 field is missing"),
        ("OSError: \x1b]0;title\x07gone\rX", "OSError: \\x1b]0;title\\x07gone\\rX"),
        ("", ""),
    ],
)
def test_the_reason_of_a_failure_is_one_harmless_line(message, line):
    assert reason({"msg": message}) == line


def test_a_reason_of_megabytes_does_not_fill_the_screen():
    assert len(reason({"msg": "ValueError: " + "x" * 1_000_000})) <= 1000


def test_a_long_sentence_about_the_last_plan_is_cut_and_broken_between_words():
    why = "the shutter of the beamline did not open although it was asked to open several times in a row by the plan"
    item = {"result": {"exit_status": "failed", "msg": why, "time_stop": time.time(), "scan_ids": [1]}}
    for width in range(40, 90):
        shown = last_sentence(item, "scan([det1, det2], motor, -1, 1, num=11)", width, "ada")
        lines = shown.split("\n")
        assert all(len(line) <= width for line in lines)
        whole = " ".join(lines)
        words = why.split()
        told = whole.partition("scan 1: ")[2].removesuffix(" …").split()
        assert told == words[: len(told)]
