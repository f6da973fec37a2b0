"""When a manager is kept, replaced or given up."""

import pytest

from bluesky_qs.ipc.supervision import ERROR_LOGGED
from bluesky_qs.supervisor.policy import (
    FROZEN_AFTER,
    LONGEST_DELAY,
    SHORT_LIFE,
    START_TIMEOUT,
    Exit,
    GiveUp,
    Keep,
    Life,
    Restart,
    decide,
    decide_door,
)

CRASH = Exit(-11, "killed by SIGSEGV")


def test_manager_that_beats_is_kept_until_it_could_be_frozen():
    life = Life(0).beats(100)
    assert decide(101, life, None) == Keep(100 + FROZEN_AFTER)


def test_manager_without_a_beat_for_too_long_is_replaced():
    life = Life(0).beats(100)
    assert decide(100 + FROZEN_AFTER, life, None) == Restart(0, "RE Manager process has not responded for 4 s")


def test_start_has_more_time_than_a_beat():
    assert decide(FROZEN_AFTER + 1, Life(0), None) == Keep(START_TIMEOUT)


def test_first_manager_that_never_beats_is_given_up():
    assert decide(START_TIMEOUT, Life(0), None) == GiveUp(1, "RE Manager did not start within 60 s")


def test_later_manager_that_never_beats_is_replaced():
    life = Life(0).beats(1).ended(10)
    assert isinstance(decide(10 + START_TIMEOUT, life, None), Restart)


def test_exit_code_0_is_the_end_of_the_service():
    assert decide(1, Life(0).beats(1), Exit(0, "exit code 0")) == GiveUp(0, "")


@pytest.mark.parametrize(("code", "expected"), [(3, 3), (-9, 1)])
def test_first_manager_that_ends_before_its_first_beat_ends_the_service(code, expected):
    assert decide(1, Life(0), Exit(code, "somehow")) == GiveUp(expected, "RE Manager could not start (somehow)")


@pytest.mark.parametrize(("code", "expected"), [(ERROR_LOGGED, 1), (78, 78)])
def test_a_failure_that_the_first_manager_has_logged_is_not_logged_again(code, expected):
    assert decide(1, Life(0), Exit(code, "somehow")) == GiveUp(expected, "")
    assert isinstance(decide(9, Life(0).beats(1), Exit(code, "somehow")), Restart)


def test_crashed_manager_is_replaced_at_once():
    assert decide(100, Life(0).beats(99), CRASH) == Restart(
        0, "RE Manager process ended unexpectedly (killed by SIGSEGV)"
    )


def test_manager_that_crashes_again_and_again_is_replaced_more_and_more_slowly_and_never_given_up():
    life, delays = Life(0).beats(1), []
    for _ in range(20):
        decision = decide(1, life, CRASH)
        assert isinstance(decision, Restart)
        delays.append(decision.delay)
        life = life.ended(1)
    assert delays[:5] == [0, 0, 1, 2, 4]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY


def test_one_that_lived_long_enough_ends_a_series_of_crashes():
    life = Life(0).beats(1)
    for _ in range(5):
        life = life.ended(1)
    assert life.ended(1 + SHORT_LIFE).short_lives == 0


def test_time_in_which_nothing_could_run_is_not_counted():
    life = Life(0).beats(100).excused(900)
    assert decide(1001, life, None) == Keep(1000 + FROZEN_AFTER)
    assert decide(1001, Life(0).excused(1000), None) == Keep(1000 + START_TIMEOUT)


def test_door_that_beats_is_kept_until_it_could_be_frozen():
    life = Life(0).beats(100)
    assert decide_door(101, life, None) == Keep(100 + FROZEN_AFTER)
    assert decide_door(100 + FROZEN_AFTER, life, None) == Restart(0, "The HTTP door has not responded for 4 s")


@pytest.mark.parametrize("code", [0, 1, 78, -9])
@pytest.mark.parametrize("served", [False, True])
def test_door_that_ends_is_replaced_whatever_its_exit_code_says(code, served):
    life = Life(0).beats(1) if served else Life(0)
    expected = Restart(0, "The HTTP door ended unexpectedly (somehow)")
    assert decide_door(1, life, Exit(code, "somehow")) == expected


def test_door_that_dies_again_and_again_is_tried_more_and_more_slowly_and_never_given_up():
    life, delays = Life(0), []
    for _ in range(20):
        decision = decide_door(1, life, CRASH)
        assert isinstance(decision, Restart)
        delays.append(decision.delay)
        life = life.ended(1)
    assert delays[:5] == [0, 0, 1, 2, 4]
    assert delays[-1] == LONGEST_DELAY
