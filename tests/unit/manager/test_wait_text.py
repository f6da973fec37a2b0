"""Phrases about what a plan waits for."""

import pytest

from bluesky_qs.ipc.states import PlanWait, Waiting
from bluesky_qs.manager.published.wait_text import code_text, held_text, input_text, length, plan_text

MINUS = "\N{MINUS SIGN}"


def device(name, fraction=None, left=None, *, done=False):
    return {"name": name, "fraction": fraction, "time_remaining": left, "done": done}


def text(wait, *devices, start=None, target=None, now=1000.0):
    return plan_text(wait, start, target, devices, now)


def test_a_motor_has_its_way_its_part_and_its_time_to_go():
    wait = PlanWait("motor", 990.0, ["motor"], unit="mm")
    shown = text(wait, device("motor", 0.629, 11.2), start=-1, target=5)
    assert shown == f"waiting for motor ({MINUS}1.000 → 5.000 mm, 62 %, 12 s to go)"


@pytest.mark.parametrize(
    ("start", "target", "unit", "precision", "details"),
    [
        (1, 2, "", 1, " (1.0 → 2.0)"),
        (None, 2, "deg", None, " (→ 2.000 deg)"),
        ("in", "out", "", None, " (in → out)"),
        (1, None, "mm", None, ""),
        ([1, 2], [3, 4], "", None, " ([1, 2] → [3, 4])"),
    ],
)
def test_positions_are_shown_as_far_as_they_are_known(start, target, unit, precision, details):
    wait = PlanWait("motor", 990.0, ["m"], unit=unit, precision=precision)
    assert text(wait, start=start, target=target) == f"waiting for m{details}"


def test_several_motors_have_the_part_and_time_of_the_slowest():
    wait = PlanWait("motor", 990.0, ["a", "b"])
    assert text(wait, device("a", 0.5, 3), device("b", 0.25, 9)) == "waiting for a and b (25 %, 9 s to go)"
    assert text(wait, device("a", 0.5, 3), device("b")) == "waiting for a and b"
    many = PlanWait("motor", 990.0, list("abcde"))
    assert text(many) == "waiting for a, b and 3 more"


def test_a_detector_says_since_when_unless_it_reports_progress():
    wait = PlanWait("trigger", 997.0, ["det"])
    assert text(wait, device("det")) == "waiting for det (triggered 3 s ago)"
    assert text(wait, device("det", 0.4, 5)) == "waiting for det (40 %, 5 s to go)"
    assert text(PlanWait("trigger", 997.0, [])) == "waiting for a device (triggered 3 s ago)"


def test_a_sleep_says_how_long_it_still_takes():
    assert text(PlanWait("sleep", 998.0), start=0, target=10.0) == "sleeping, 8 s to go"
    assert text(PlanWait("sleep", 990.0), start=0, target=10.0) == "sleeping, 1 s to go"


def test_user_code_has_its_line_if_it_is_known():
    assert (
        text(PlanWait("user_code", 960.0, place="scan.py, line 12")) == "busy in user code for 40 s (scan.py, line 12)"
    )
    assert code_text(998.5, "", 1000.0) == "busy in user code for 1 s (line unknown)"


@pytest.mark.parametrize(("to_begin", "held"), [(False, "suspended"), (True, "waiting to start")])
def test_a_pause_says_whether_the_suspended_plan_had_begun(to_begin, held):
    pause = Waiting("pause", 990.0, "no beam", [], "ada", to_begin=to_begin)
    assert held_text(pause, 1000.0).endswith(f" by ada, while {held}: no beam")


def test_a_prompt_is_in_one_line():
    assert input_text("Sample in?\n(y/n) ") == "waiting for an answer: Sample in? (y/n)"
    assert input_text("") == "waiting for an answer: input()"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.2, "1 s"), (59.4, "60 s"), (60, "1 min"), (185, "3 min 5 s"), (7500, "2 h 5 min")]
)
def test_lengths_of_time(seconds, shown):
    assert length(seconds, up=True) == shown.replace("60 s", "1 min")
