"""Dry runs at the prompt: plain sentences."""

import time

import pytest
from IPython.core.error import UsageError

from bluesky_qs.config.schema import Settings, Worker
from bluesky_qs.errors import QSError
from bluesky_qs.testing import Manager

TRACE = """Traceback (most recent call last):
  File "/beamline/scan.py", line 12, in go_outside
    yield from bps.mv(motor, 99)
  File "/env/lib/python3.11/site-packages/bluesky/plan_stubs.py", line 393, in mv
    ret = yield Msg("set", obj, val)
LimitError: 99 is outside
"""
MOTOR = {"start": 0.0, "min": -1.0, "max": 1.0, "end": 1.0, "units": "mm"}


def shown(qs, opened, **report):
    opened.worker.dry_run = {"as_of": time.time(), **report}
    return qs("dryrun scan([det1], motor, -1, 1, 101)").text(100).splitlines()


def test_points_and_motors_are_sentences(qs, opened):
    lines = shown(qs, opened, points=101, runs=1, motors={"motor": MOTOR}, triggers={"det1": 101})
    assert lines == [
        "Would take 101 points in 1 run.",
        "motor: starts at 0, ends at 1 mm, range \N{MINUS SIGN}1 … 1.",
        "Triggers: det1 (101).",
    ]
    assert opened.do("queue_get")["items"] == []


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"move": 120.0, "trigger": 480.0, "sleep": 0.0, "other": 0.0}, "about 10 min (moves 2 min, triggers 8 min)."),
        ({"move": 0.0, "trigger": 600.0, "sleep": 0.0, "other": 0.0}, "about 10 min."),
    ],
)
def test_the_parts_of_the_time_are_shown_if_there_are_several(qs, opened, parts, text):
    opened.worker.dry_run = {"as_of": time.time(), "points": 10, "runs": 1}
    view = qs("dryrun count([det1])")
    view["estimate"] = {"seconds": 600.0, "at_least": False, "reason": "", "parts": parts}
    assert f"Takes {text}" in view.lines()


def test_an_error_has_the_line_of_the_plan(qs, opened):
    error = {"msg": "LimitError: 99 is outside", "traceback": TRACE, "step": 3}
    assert shown(qs, opened, ok=False, points=2, runs=1, errors=[error]) == [
        "Would fail after 2 points in 1 run: LimitError: 99 is outside",
        "  scan.py, line 12, in go_outside: yield from bps.mv(motor, 99)",
    ]


def test_a_plan_that_fails_before_it_measures_says_so(qs, opened):
    error = {"msg": "LimitError: 99 is outside", "traceback": TRACE, "step": 1}
    first, *_ = shown(qs, opened, ok=False, points=0, runs=0, errors=[error])
    assert first == "Would fail before the first point: LimitError: 99 is outside"


def test_a_dry_run_that_is_cut_off_at_once_says_so(qs, opened):
    (line, *_) = shown(qs, opened, ok=None, complete=False, reason="the plan asks for input", points=0, runs=0)
    assert line == "The dry run was cut off before the first point: the plan asks for input."


def test_everything_else_has_a_line(qs, opened):
    lines = shown(
        qs,
        opened,
        ok=None,
        complete=False,
        reason="the plan asks for input: 'Ready?'",
        points=2,
        runs=1,
        streams=["baseline", "primary"],
        stream_points={"baseline": 1, "primary": 1},
        motors={
            "shutter": {"start": "in", "min": None, "max": None, "end": "out", "units": None},
            "th": {"start": 1, "min": 1.0, "max": 1.0, "end": 1, "units": "deg"},
        },
        bytes=2_500_000_000,
        warnings=["The plan uses m2, which you may not use: ask the beamline staff"],
        assumed=[{"device": "det1", "field": "det1", "value": 5.0}],
        blocked=[{"call": "motor.set(77)", "step": 1, "traceback": TRACE}],
        output="one\ntwo\n",
        as_of=time.time() - 3600,
    )
    assert lines[:8] == [
        "The dry run was cut off after 2 points in 1 run: the plan asks for input: 'Ready?'.",
        "shutter: in → out.",
        "th: stays at 1 deg.",
        "Streams: baseline (1 point), primary (1 point).",
        "Data: about 2.5 GB.",
        "Note: The plan uses m2, which you may not use: ask the beamline staff.",
        "Not exact: the plan depends on readings. Assumed: det1 = 5.",
        "Blocked: motor.set(77) (point 1)",
    ]
    assert lines[8].startswith("  scan.py, line 12")
    assert lines[9].startswith("Based on the environment as it was at ")
    assert lines[10:] == ["It printed:", "  one", "  two"]


def test_sleeps_give_the_least_time_that_the_plan_takes(qs, opened):
    times = {"move": None, "trigger": None, "sleep": 9990.0, "other": None}
    estimate = {"seconds": None, "low": None, "high": None, "reason": "", "parts": times}
    assert shown(qs, opened, points=1000, runs=1, estimate=estimate) == [
        "Would take 1000 points in 1 run.",
        "Takes at least 2 h 46 min, because the plan sleeps that long.",
    ]


def test_a_plan_without_points_says_so(qs, opened):
    assert shown(qs, opened) == ["Would take no points."]


def test_a_refusal_has_its_reason(qs, opened):
    opened.worker.dry_run_refusal = "this system cannot copy the worker"
    with pytest.raises(QSError, match="No dry run: this system cannot copy the worker"):
        qs("dryrun count([det1])")


def test_only_one_plan_at_a_time(qs, opened):
    with pytest.raises(UsageError, match="only one plan"):
        qs("dryrun count([det1]) count([det2])")


def of_queue(qs, opened, reports, width=80):
    """The lines about the queue, with one report for each plan in it."""
    found = iter(reports)
    opened.worker.dry_run = lambda _item: {"as_of": time.time(), **next(found)}
    return qs("dryrun").text(width).splitlines()


def test_the_queue_is_a_table_with_a_row_for_each_item(qs, opened):
    qs("add scan([det1], motor, -1, 1, 101) rel_scan([det1], motor, -1, 1, 5)")
    qs("add queue_stop count([det1], num=3) count([det2])")
    error = {"msg": "LimitError: 99 is outside", "traceback": TRACE, "step": 3}
    assumed = [{"device": "det1", "field": "det1", "value": 5.0}]
    reports = [
        {"points": 101, "runs": 1},
        {"ok": False, "points": 2, "runs": 1, "errors": [error]},
        {"ok": None, "complete": False, "reason": "the plan asks for input: 'Ready?'"},
        {"exact": False, "assumed": assumed, "points": 1, "runs": 1, "warnings": ["The plan pauses (point 1)"]},
    ]
    assert of_queue(qs, opened, reports) == [
        "4 plans: 2 ok, 1 fails, 1 unknown; 104 points in 3 runs.",
        "  #  plan                               points  dry run",
        "  0  scan([det1], motor, -1, 1, 101)       101  ok",
        "  1  rel_scan([det1], motor, -1, 1, 5)       2  fails",
        "     LimitError: 99 is outside (point 3; scan.py, line 12)",
        "  2  queue_stop                                 stops the queue",
        "  3  count([det1], num=3)                    0  unknown",
        "     the plan asks for input: 'Ready?'",
        "  4  count([det2])                           1  ok, not exact",
        "     depends on readings of det1; The plan pauses (point 1)",
    ]
    assert qs("rm 1")[0]["name"] == "rel_scan"


def test_a_line_of_qserver_shows_the_same_table(qs, opened):
    qs("add count([det1])")
    assert qs("queue dryrun").text(80) == qs("dryrun").text(80)
    assert "task result" in qs("queue dryrun background").text(80)


def test_while_a_plan_runs_the_table_says_where_motors_start(qs, running):
    qs("add count([det1])")
    assert of_queue(qs, running, [{}])[-1] == (
        "A plan is running. The dry run starts the first queued plan from the current motor positions."
    )


def test_an_old_copy_of_the_environment_is_mentioned(qs, opened):
    qs("add count([det1])")
    lines = of_queue(qs, opened, [{"as_of": time.time() - 3600}])
    assert lines[-1].startswith("Based on the environment as it was at ")


def test_an_empty_queue_says_so(qs, opened):
    assert of_queue(qs, opened, []) == ["The queue has no plans. To try a plan that is not queued: %qs dryrun PLAN"]


def test_a_notebook_shows_the_table(qs, opened):
    qs("add count([det1])")
    assert "<td" in qs("dryrun")._repr_html_()


def test_a_wrong_parameter_of_a_plan_is_marked(qs, opened):
    with pytest.raises(QSError) as caught:
        qs("dryrun count([det1], num='x')")
    assert "num='x'" in caught.value.__notes__[0]
    assert caught.value.__notes__[0].splitlines()[-1].strip().strip("^") == ""


def test_a_plan_is_queued_and_its_dry_run_shown(qs, opened):
    opened.worker.dry_run = {"points": 5, "runs": 1, "motors": {"motor": MOTOR}, "as_of": time.time()}
    assert qs("add rel_scan([det1], motor, -1, 1, 5) --dry-run").text(80).splitlines() == [
        "Queued at position 0: rel_scan([det1], motor, -1, 1, 5)",
        "  Would take 5 points in 1 run.",
        "  motor: starts at 0, ends at 1 mm, range \N{MINUS SIGN}1 … 1.",
    ]
    assert len(opened.do("queue_get")["items"]) == 1


def test_several_plans_are_queued_and_those_that_fail_are_listed(qs, opened):
    error = {"msg": "LimitError: 99 is outside", "traceback": TRACE, "step": 3}
    opened.worker.dry_run = lambda item: {
        "points": 1,
        "runs": 1,
        "as_of": time.time(),
        **({"ok": False, "errors": [error]} if item["kwargs"].get("num") == 2 else {}),
    }
    lines = qs("add count([det1], num=1) --dry-run count([det1], num=2) queue_stop --back").text(100).splitlines()
    assert lines[3:] == [
        "  Dry run of 2 plans: 1 ok, 1 fails; 2 points in 2 runs.",
        "  count([det1], num=2) fails: LimitError: 99 is outside (point 3; scan.py, line 12)",
    ]


def test_a_plan_is_queued_even_if_there_is_no_dry_run(qs, opened):
    opened.worker.dry_run_refusal = "This system cannot copy the worker"
    lines = qs("add count([det1]) --dry-run").text(80).splitlines()
    assert lines[1:] == ["  No dry run: This system cannot copy the worker"]
    assert qs("add queue_stop --dry-run").text(80).splitlines() == ["Queued at position 1: queue_stop"]


def test_the_plans_of_a_table_are_walked_too(qs, shell, opened):
    shell.user_ns["rows"] = [{"n": 1}, {"n": 2}]
    lines = qs("add count([det1], num=$n) --for rows --dry-run").text(80).splitlines()
    assert lines[0].startswith("Queued 2 count plans")
    assert lines[-1] == "  Dry run of 2 plans: 2 ok."


class TestFindingsOfTheService:
    """With ``--dry-run-on-add`` the queue shows what was found."""

    @pytest.fixture
    def qs_manager(self, monkeypatch):
        with Manager(settings=Settings(worker=Worker(dry_run_on_add=True))) as manager:
            for name, value in manager.environ.items():
                monkeypatch.setenv(name, value)
            yield manager

    def test_the_queue_shows_why_a_plan_would_fail(self, qs, opened):
        error = {"msg": "LimitError: 99 is outside", "traceback": TRACE, "step": 3}
        by_num = {1: {}, 2: {"ok": False, "errors": [error]}, 3: {"ok": None, "complete": False, "reason": "cut off"}}
        opened.worker.dry_run = lambda item: by_num[item["kwargs"]["num"]]
        qs("add count([det1], num=1) count([det1], num=2) count([det1], num=3)")
        last = opened.do("queue_get")["items"][-1]["item_uid"]
        before = opened.do("status")["dry_runs_uid"]
        while "dry_run" not in opened.do("item_status", item_uid=last)["status"]:
            before = opened.wait_until(lambda status, seen=before: status["dry_runs_uid"] != seen)["dry_runs_uid"]
        lines = [line.strip() for line in qs("queue").text(80).splitlines()]
        assert lines[3:] == [
            "1  count([det1], num=2)  queued",
            "would fail: LimitError: 99 is outside",
            "2  count([det1], num=3)  queued",
            "the dry run is not complete: cut off",
        ]
        opened.requests.clear()
        qs("queue")
        assert "item_status" not in opened.methods
