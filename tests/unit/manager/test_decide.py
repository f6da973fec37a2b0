"""What follows the end of an item, for every combination of what the decision depends on."""

from itertools import product

import pytest

from bluesky_qs.manager.execution.decide import Decision, Ended, Modes, Next, StopReason, decide
from bluesky_qs.manager.execution.running import CurrentItem
from bluesky_qs.manager.loop.clock import SystemClock

BOTH = (False, True)


def run_of(*, immediate, pause_waits):
    run = CurrentItem("uid", SystemClock(), immediate=immediate)
    run.waiting_pause = "deferred" if pause_waits else None
    return run


MODES = [
    Modes(next_item, autostart, stop_pending, worker_is_ready, service_stops, engine_is_missing)
    for next_item, autostart, stop_pending, worker_is_ready, service_stops, engine_is_missing in product(
        ("plan", "instruction", "none"), BOTH, BOTH, BOTH, BOTH, BOTH
    )
]
ENDS = [(None, None)] + [
    (Ended(exit_status, continues, pause_missed), run_of(immediate=immediate, pause_waits=pause_waits))
    for exit_status, continues, pause_missed, immediate, pause_waits in product(
        ("completed", "failed", "stopped"), BOTH, BOTH, BOTH, BOTH
    )
]
CASES = [(ended, run, modes, decide(ended, run, modes)) for (ended, run), modes in product(ENDS, MODES)]


def cases(condition):
    chosen = [case for case in CASES if condition(*case[:3])]
    assert chosen
    return chosen


def free_to_continue(ended, run, modes):
    """Nothing that ended, and nobody, keeps the next item from starting."""
    held = ended is not None and (not ended.continues or ended.pause_missed or run.immediate or run.waiting_pause)
    return not held and not modes.stop_pending and not modes.service_stops and modes.worker_is_ready


def test_a_plan_starts_exactly_if_nothing_speaks_against_it():
    for ended, run, modes, decision in CASES:
        is_plan = modes.next_item == "plan" and not modes.engine_is_missing
        expected = free_to_continue(ended, run, modes) and is_plan
        assert (decision.next is Next.START_ITEM) == expected, (ended, modes)


def test_an_instruction_is_passed_exactly_where_a_plan_would_start_and_stops_the_queue_with_autostart():
    for ended, run, modes, decision in CASES:
        expected = free_to_continue(ended, run, modes) and modes.next_item == "instruction"
        assert (decision.next is Next.PASS_INSTRUCTION) == expected, (ended, modes)
        if expected:
            assert decision.reason is StopReason.INSTRUCTION
            assert decision.switch_autostart_off == modes.autostart


def test_after_a_plan_that_was_resumed_elsewhere_only_autostart_continues():
    run = run_of(immediate=False, pause_waits=False)
    ended = Ended("completed", True, resumed_by_hand=True)
    assert decide(ended, run, Modes("plan")).next is Next.STOP
    assert decide(ended, run, Modes("plan", autostart=True)) == Decision(Next.START_ITEM)


def test_a_queue_that_continues_changes_no_mode_and_one_that_stops_has_a_reason():
    for *_, decision in CASES:
        if decision.next is Next.START_ITEM:
            assert decision == Decision(Next.START_ITEM)
        else:
            assert decision.why


def test_a_pending_stop_is_done_exactly_when_the_queue_stops_for_any_reason_but_an_instruction():
    for *_, modes, decision in CASES:
        assert decision.clear_stop_pending == (modes.stop_pending and decision.next is Next.STOP)


def test_autostart_is_switched_off_only_if_it_is_on():
    assert not any(decision.switch_autostart_off for *_, modes, decision in CASES if not modes.autostart)


def test_an_end_that_does_not_let_the_queue_continue_switches_autostart_off():
    for *_, decision in cases(lambda ended, _run, modes: ended and not ended.continues and modes.autostart):
        assert decision.next is Next.STOP
        assert decision.switch_autostart_off


def test_a_missed_pause_switches_autostart_off_whichever_side_noticed_it():
    def missed(ended, run, modes):
        return ended and (ended.pause_missed or run.waiting_pause) and modes.autostart

    for *_, decision in cases(missed):
        assert decision.next is Next.STOP
        assert decision.switch_autostart_off


def test_a_stop_as_requested_switches_autostart_off():
    for *_, decision in cases(lambda _ended, _run, modes: modes.stop_pending and modes.autostart):
        assert decision.switch_autostart_off


def test_autostart_outlives_an_empty_queue_a_closed_environment_and_an_item_executed_by_itself():
    def harmless(ended, run, modes):
        ended_well = ended is None or (ended.continues and not ended.pause_missed and not run.waiting_pause)
        goes_on = not modes.stop_pending and not modes.engine_is_missing
        return ended_well and goes_on and modes.next_item != "instruction"

    for *_, decision in cases(harmless):
        assert not decision.switch_autostart_off


@pytest.mark.parametrize(
    ("ended", "run", "modes", "why"),
    [
        (None, None, Modes("plan", service_stops=True), "the service is stopping"),
        (
            Ended("failed", False),
            run_of(immediate=True, pause_waits=False),
            Modes("plan"),
            "the item did not come from the queue",
        ),
        (
            Ended("failed", False, True),
            run_of(immediate=False, pause_waits=True),
            Modes("plan", stop_pending=True),
            "the last plan failed",
        ),
        (
            Ended("completed", True),
            run_of(immediate=False, pause_waits=True),
            Modes("plan", stop_pending=True),
            StopReason.PAUSE_MISSED.value,
        ),
        (
            Ended("completed", True, resumed_by_hand=True),
            run_of(immediate=False, pause_waits=False),
            Modes("plan"),
            "the last plan was resumed from a console or by startup code",
        ),
        (None, None, Modes("none", stop_pending=True), "a stop was requested"),
        (None, None, Modes("none", worker_is_ready=False), "the queue is empty"),
        (None, None, Modes("plan", worker_is_ready=False, engine_is_missing=True), "the environment is closed"),
        (None, None, Modes("plan", engine_is_missing=True), "the environment has no RunEngine 'RE'"),
        (None, None, Modes("instruction", engine_is_missing=True), "the queue reached the instruction 'queue_stop'"),
    ],
)
def test_of_several_reasons_to_stop_the_first_is_given(ended, run, modes, why):
    assert decide(ended, run, modes).why == why


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("stopped", "the last plan was finished early"),
        ("aborted", "the last plan was aborted"),
        ("halted", "the last plan was halted"),
        ("unknown", "the last plan ended with the exit status 'unknown'"),
    ],
)
def test_the_reason_says_how_the_last_plan_ended(status, reason):
    decision = decide(Ended(status, False), run_of(immediate=False, pause_waits=False), Modes("plan"))
    assert decision.why == reason
