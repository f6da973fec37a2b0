"""How long an action takes, as a function of its distance and of settings."""

import pytest

from bluesky_qs.foresight.durations import MOST_GROUPS, Duration, Durations, Unknown
from bluesky_qs.foresight.sample import Sample


def learned(*observations):
    durations = Durations()
    for amount, settings, seconds in observations:
        durations.add(amount, settings, Sample(1, seconds))
    return durations


def seconds(durations, amount=None, **settings):
    found = durations.expected(amount, settings)
    assert isinstance(found, Duration), found
    return found.mean


def test_a_distance_that_was_seen_takes_as_long_again():
    durations = learned((2.0, {}, 1.0), (2.0, {}, 1.2), (4.0, {}, 9.0))
    assert seconds(durations, 2.0) == pytest.approx(1.1)


def test_a_move_takes_a_settling_time_and_a_time_for_the_distance():
    durations = learned((1.0, {}, 0.6), (5.0, {}, 2.6))
    assert seconds(durations, 3.0) == pytest.approx(1.6)
    assert seconds(durations, 10.0) == pytest.approx(5.1)
    assert seconds(durations, 0.0) == pytest.approx(0.1)


def test_between_distances_that_lie_on_no_line_the_neighbors_count():
    durations = learned((1.0, {}, 1.0), (4.0, {}, 2.0), (16.0, {}, 4.0), (64.0, {}, 8.0))
    assert seconds(durations, 10.0) == pytest.approx(3.0)


def test_a_move_takes_longer_at_a_lower_velocity():
    durations = learned(
        (4.0, {"m_velocity": 2.0}, 2.1), (4.0, {"m_velocity": 1.0}, 4.1), (1.0, {"m_velocity": 1.0}, 1.1)
    )
    assert seconds(durations, 10.0, m_velocity=4.0) == pytest.approx(2.6, rel=0.02)


def test_a_trigger_follows_the_setting_that_explains_it_best():
    durations = learned(
        (None, {"exposure": 0.1, "gain": 3.0}, 0.15),
        (None, {"exposure": 0.5, "gain": 1.0}, 0.55),
        (None, {"exposure": 1.0, "gain": 2.0}, 1.05),
    )
    assert seconds(durations, exposure=2.0, gain=1.0) == pytest.approx(2.05)


def test_a_trigger_may_follow_the_product_of_two_settings():
    durations = learned(
        (None, {"exposure": 0.1, "images": 5.0}, 0.5),
        (None, {"exposure": 0.2, "images": 1.0}, 0.2),
        (None, {"exposure": 0.3, "images": 4.0}, 1.2),
        (None, {"exposure": 0.1, "images": 10.0}, 1.0),
    )
    assert seconds(durations, exposure=0.5, images=2.0) == pytest.approx(1.0, rel=0.02)


def test_a_setting_that_has_never_been_changed_makes_the_time_unknown():
    found = learned((None, {"exposure": 0.1}, 0.1)).expected(None, {"exposure": 2.0})
    assert found == Unknown("has not been used with exposure = 2 yet")


def test_a_text_setting_counts_only_where_it_is_the_same():
    durations = learned((None, {"mode": "fast"}, 0.1), (None, {"mode": "slow"}, 3.0))
    assert seconds(durations, mode="slow") == pytest.approx(3.0)
    assert isinstance(durations.expected(None, {"mode": "other"}), Unknown)


def test_a_setting_that_was_not_known_earlier_does_not_matter():
    assert seconds(learned((None, {}, 0.2)), exposure=1.0) == pytest.approx(0.2)


def test_from_one_distance_only_similar_ones_are_estimated_within_a_factor_of_two():
    durations = learned((1.0, {}, 1.0))
    assert 1.0 <= seconds(durations, 2.0) <= 2.0
    assert isinstance(durations.expected(100.0, {}), Unknown)


def test_an_unknown_start_takes_what_all_moves_take_if_they_are_alike():
    assert seconds(learned((1.0, {}, 1.0), (2.0, {}, 1.2)), None) == pytest.approx(1.1)
    assert isinstance(learned((1.0, {}, 1.0), (9.0, {}, 9.0)).expected(None, {}), Unknown)


def test_what_was_observed_often_is_more_certain():
    once, often = learned((1.0, {}, 1.0)), learned(*[(1.0, {}, 1.0 + 0.05 * (n % 2)) for n in range(20)])
    assert once.expected(1.0, {}).uncertainty > often.expected(1.0, {}).uncertainty > 0


def test_the_oldest_distances_are_dropped_and_the_rest_survives_a_file():
    durations = learned(*[(float(n), {"v": 1.0}, n / 10) for n in range(1, MOST_GROUPS + 10)])
    again = Durations.from_json(durations.to_json())
    assert len(again.to_json()) == MOST_GROUPS
    assert seconds(again, 50.0, v=1.0) == seconds(durations, 50.0, v=1.0) == pytest.approx(5.0)
