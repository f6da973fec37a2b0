"""Ranks keep the queue's order and stay short."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluesky_qs.plan_queue.position import between, spread


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=60))
def test_ranks_put_anywhere_rise_and_differ(insertions):
    ranks: list[bytes] = []
    for place, count in insertions:
        at = min(place, len(ranks))
        low = ranks[at - 1] if at else None
        high = ranks[at] if at < len(ranks) else None
        ranks[at:at] = spread(low, high, count)
        assert all(a < b for a, b in pairwise(ranks))


@settings(deadline=None)  # the machine may be busy
@given(st.integers(1, 2000), st.integers(1, 2000))
def test_many_ranks_fit_at_once_between_two_neighbours(first, second):
    low, high = spread(None, None, 2)
    ranks = spread(low, high, first)
    inner = spread(ranks[0], ranks[1] if first > 1 else high, second)
    assert [low, *ranks[:1], *inner, *ranks[1:], high] == sorted({low, high, *ranks, *inner})


def test_no_ranks_are_made_for_a_count_of_zero():
    assert spread(None, None, 0) == []
    assert spread(b"\x80", b"\x81", 0) == []


@pytest.mark.parametrize("end", ["front", "back"])
def test_ranks_stay_short_however_often_items_are_added_at_an_end(end):
    rank = between(None, None)
    for _ in range(20_000):
        last, rank = rank, between(None, rank) if end == "front" else between(rank, None)
        assert (rank < last) is (end == "front")
        assert len(rank) <= 8


def test_ranks_stay_short_when_items_go_round_and_round():
    ranks = spread(None, None, 5)
    for _ in range(20_000):
        ranks = [*ranks[1:], between(ranks[-1], None)]
    assert max(len(rank) for rank in ranks) <= 8


@pytest.mark.parametrize("side", ["low", "high"])
def test_thousand_insertions_at_one_place_cost_a_bit_each(side):
    low, high = spread(None, None, 2)
    for _ in range(1000):
        middle = between(low, high)
        assert low < middle < high
        low, high = (middle, high) if side == "low" else (low, middle)
    assert max(len(low), len(high)) <= 8 + 1000 // 8 + 1


@pytest.mark.parametrize(("low", "high"), [(b"\x80", b"\x80"), (b"\x81", b"\x80")])
def test_neighbours_in_the_wrong_order_are_refused(low, high):
    with pytest.raises(ValueError, match="no rank between"):
        between(low, high)
