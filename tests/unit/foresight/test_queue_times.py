"""When the items of a queue start, and when it ends; without a clock and without a queue."""

import pytest

from bluesky_qs.foresight.estimate import Estimate, unknown
from bluesky_qs.foresight.queue_times import Start, Step, has_moved, remaining, timeline


def known(seconds, half=0.0):
    return Estimate(seconds, seconds - half, seconds + half, "walk")


def steps(*estimates):
    return [Step(f"i{number}", each) for number, each in enumerate(estimates)]


def test_each_item_starts_when_those_before_it_have_ended():
    found = timeline(steps(known(10.0), known(20.0), known(5.0)), gap=1.0)
    assert found.starts == {"i0": Start(0.0, False), "i1": Start(11.0, False), "i2": Start(32.0, False)}
    assert (found.seconds, found.at_least) == (37.0, False)


def test_the_running_plan_comes_first():
    found = timeline(steps(known(10.0)), running=known(4.0), gap=1.0)
    assert found.starts == {"i0": Start(5.0, False)}
    assert found.seconds == 15.0


def test_a_queue_without_items_takes_no_time():
    assert timeline([])[:4] == (0.0, 0.0, 0.0, False)


def test_the_sum_ends_at_an_item_that_stops_the_queue():
    found = timeline(steps(known(10.0), None, known(20.0)))
    assert (found.seconds, list(found.starts)) == (10.0, ["i0"])


def test_a_pending_stop_ends_the_sum_after_the_running_plan():
    found = timeline(steps(known(10.0)), running=known(4.0), stops_after_running=True)
    assert (found.seconds, found.starts) == (4.0, {})


def test_an_item_of_unknown_time_makes_the_sum_a_lower_limit():
    found = timeline(steps(known(10.0), unknown("new", 3.0), known(20.0)))
    assert (found.seconds, found.high, found.at_least) == (33.0, None, True)
    assert [found.starts[f"i{number}"].at_least for number in range(3)] == [False, False, True]


def test_if_nothing_is_known_there_is_no_sum():
    assert timeline(steps(unknown("new"), unknown("new")))[:4] == (None, None, None, True)


def test_the_interval_of_a_sum_is_narrower_than_the_sum_of_the_intervals():
    found = timeline(steps(*[known(10.0, half=1.0)] * 4))
    assert (found.low, found.high) == (40.0 - 3.0, 40.0 + 3.0)


def test_without_points_the_rest_is_what_was_expected_and_never_negative():
    assert remaining(known(10.0), elapsed=4.0, done=None).seconds == 6.0
    assert remaining(known(10.0), elapsed=40.0, done=None).seconds == 0.0


def test_a_running_plan_that_is_slower_corrects_itself():
    half_way = remaining(known(10.0), elapsed=10.0, done=0.5)
    assert half_way.seconds == pytest.approx(7.5)
    assert remaining(known(10.0), elapsed=19.0, done=0.95).seconds == pytest.approx(0.975)
    assert remaining(known(10.0), elapsed=20.0, done=1.0).seconds == 0.0


def test_a_running_plan_of_unknown_time_is_estimated_by_its_pace():
    rest = remaining(unknown("new"), elapsed=10.0, done=0.25)
    assert (rest.seconds, rest.source) == (pytest.approx(30.0), "pace")
    assert remaining(unknown("new", 15.0), elapsed=10.0, done=None).low == 5.0


@pytest.mark.parametrize(
    ("old", "new", "moved"),
    [
        (100.0, 100.9, False),
        (100.0, 103.0, True),
        (1000.0, 1010.0, False),
        (1000.0, 1030.0, True),
        (None, 5.0, True),
        (5.0, None, True),
        (None, None, False),
    ],
)
def test_an_end_moves_only_by_more_than_a_second_and_two_percent(old, new, moved):
    assert has_moved(old, new) is moved
