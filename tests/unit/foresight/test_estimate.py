"""Estimates: from a run with the same parameters, else from learned times, else from points, else unknown."""

import math

import pytest

from bluesky_qs.foresight import learned as learned_module
from bluesky_qs.foresight.estimate import of_plan
from bluesky_qs.foresight.learned import Learned, PlanRun, parameters_key
from bluesky_qs.foresight.sample import Sample
from bluesky_qs.foresight.work import Member, Work


def work(*waits, slept=0.0, starts=None, settings=(), counts=None):
    made = Work()
    made.settings.extend(settings)
    made.slept, made.starts, made.counts = slept, starts or {}, counts or {}
    for number, *members in waits:
        made.waits[tuple(members)] = number
    return made


def trigger(device, settings=0):
    return Member("trigger", device, None, settings)


def move(device, length):
    return Member("set", device, length, 0)


def taught(*actions):
    """Learned times of actions: ``(member, seconds)``."""
    found = Learned()
    for member, seconds in actions:
        found.observe(
            {
                "work": Work().to_json(),
                "actions": [[member.command, member.device, member.amount, 0, *Sample(5, seconds).to_json()]],
                "messages": [["begin", "", 5, 0.0, 0.0], ["null", "", 5, 0.01, 0.0]],
            }
        )
    return found


def test_the_time_is_the_sum_over_waits_of_what_takes_longest():
    known = taught((trigger("fast"), 0.1), (trigger("slow"), 0.5), (move("m", 1.0), 2.0))
    plan = work((10, trigger("fast"), trigger("slow")), (9, move("m", 1.0)), slept=3.0, counts={("null", ""): 100})
    found = of_plan(known, "scan", "p", work=plan)
    assert found.seconds == pytest.approx(5.0 + 18.0 + 3.0 + 1.0)
    assert found.parts == pytest.approx({"move": 18.0, "trigger": 5.0, "sleep": 3.0, "other": 1.0})
    assert (found.source, found.reason) == ("walk", "")
    assert found.low < found.seconds < found.high


def test_what_was_never_used_makes_the_time_unknown_and_the_rest_is_a_lower_limit():
    found = of_plan(taught((trigger("d"), 1.0)), "scan", "p", work=work((3, trigger("d")), (1, move("m", 2.0))))
    assert (found.seconds, found.source) == (None, "unknown")
    assert found.reason == "m has not been moved in a plan yet"
    assert found.fields()["at_least"] is True
    assert found.low == pytest.approx(3.0, rel=0.01)


def run(seconds, *, parameters="p", starts=None, settings=None, points=10):
    return PlanRun(parameters, starts or {}, settings or {}, points, seconds)


def test_a_run_with_the_same_parameters_starts_and_settings_counts_more_than_a_sum():
    known = taught((trigger("d"), 1.0))
    known.completed("scan", run(7.0, starts={"m": 1.0}, settings={"d": {"exposure": 1.0}}), None)
    same = work((1, trigger("d", 1)), starts={"m": 1.0002}, settings=[{"exposure": 1.0}])
    assert (of_plan(known, "scan", "p", work=same).seconds, of_plan(known, "scan", "p", work=same).source) == (
        7.0,
        "history",
    )
    elsewhere = work((1, trigger("d", 1)), starts={"m": 2.0}, settings=[{"exposure": 1.0}])
    slower = work((1, trigger("d", 1)), starts={"m": 1.0}, settings=[{"exposure": 2.0}])
    assert of_plan(known, "scan", "other", work=same).source == "walk"
    assert [of_plan(known, "scan", "p", work=each).source for each in (elsewhere, slower)] == ["walk", "walk"]


def test_without_a_walk_only_runs_with_the_same_parameters_count():
    known = Learned()
    known.completed("count", run(4.0), None)
    assert of_plan(known, "count", "p", work=None, reason="closed").seconds == 4.0
    found = of_plan(known, "count", "q", work=None, reason="closed")
    assert (found.seconds, found.reason) == (None, "closed")


def test_an_incomplete_walk_is_scaled_by_points_if_their_number_is_known():
    known = Learned()
    known.completed("adaptive", run(20.0), None)
    found = of_plan(known, "adaptive", "q", work=work(), points=15, reason="cut off")
    assert (found.seconds, found.source) == (30.0, "points")
    assert of_plan(known, "adaptive", "q", work=work(), points=None, reason="cut off").seconds is None
    known.completed("adaptive", run(100.0), None)
    assert of_plan(known, "adaptive", "q", work=work(), points=15, reason="cut off").seconds is None


def test_a_plan_that_always_takes_longer_than_its_actions_is_corrected():
    known = taught((trigger("d"), 1.0))
    for _ in range(9):
        known.completed("slow", run(2.0, parameters="other"), 1.0)
    assert of_plan(known, "slow", "p", work=work((1, trigger("d")))).seconds == pytest.approx(2.0, rel=0.1)
    assert of_plan(known, "fast", "p", work=work((1, trigger("d")))).seconds == pytest.approx(1.0, rel=0.01)


def test_no_plan_ends_before_its_own_sleeps_however_short_plans_have_ended():
    known = taught((trigger("d"), 0.1))
    for _ in range(8):
        known.completed("count", PlanRun("short", {}, {}, 1, 0.03), 0.1)
    found = of_plan(known, "count", "long", work=work((10, trigger("d")), slept=120.0))
    assert 120.0 <= found.low <= found.seconds <= 121.0


def test_an_interval_is_as_wide_as_the_errors_so_far():
    known = taught((trigger("d"), 10.0))
    for number in range(10):
        known.completed("p", run(10.0 * math.exp((-1) ** number * 0.1), parameters="other"), 10.0)
    found = of_plan(known, "p", "p", work=work((1, trigger("d"))))
    assert found.low == pytest.approx(found.seconds * 0.895, rel=0.02)


def test_everything_learned_is_bounded_and_survives_a_file(monkeypatch):
    for name in ("MOST_ACTIONS", "MOST_MESSAGES", "MOST_PLANS"):
        monkeypatch.setattr(learned_module, name, 3)
    known = taught(*[(trigger(f"d{number}"), 1.0 + number) for number in range(5)])
    for number in range(5):
        known.completed(f"plan{number}", run(float(number)), 2.0)
    assert (len(known.actions), len(known.plans), len(known.messages)) == (3, 3, 2)
    again = Learned()
    again.load([(kind, key, text) for kind, key, text in known.take_changes() if text is not None])
    assert known.take_changes() == []
    assert of_plan(again, "x", "p", work=work((1, trigger("d4")))) == of_plan(
        known, "x", "p", work=work((1, trigger("d4")))
    )
    assert again.plans["plan4"].runs == known.plans["plan4"].runs
    again.load([("action", "[", "x"), ("nothing", "[]", "1"), ("plan", '"p"', "7")])
    assert len(again.actions) == 3


def test_the_key_of_parameters_does_not_depend_on_the_order_of_names():
    one = {"name": "count", "args": [["d"]], "kwargs": {"num": 3, "delay": 1}}
    other = {"kwargs": {"delay": 1, "num": 3}, "args": [["d"]]}
    assert parameters_key(one) == parameters_key(other) != parameters_key({**one, "kwargs": {"num": 4, "delay": 1}})
