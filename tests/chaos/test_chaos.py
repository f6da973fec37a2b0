"""A service in trouble: for a short time here, for hours with ``make chaos``."""

import pytest

from tests.chaos.record import Ran, Record
from tests.chaos.run import run

_SECONDS = 20.0


@pytest.mark.parametrize(("store", "seed"), [("sqlite", 3), ("redis", 4)])
def test_whatever_fails_nothing_acknowledged_is_lost_and_every_request_is_answered(store, seed):
    record = run(store, seconds=_SECONDS, seed=seed)
    assert record.violations == []
    assert len(record.faults) > 3
    assert sum(map(len, record.added.values())) > 20


def test_kills_at_random_moments_lose_nothing():
    record = run("sqlite", kills=4, seed=2)
    assert record.violations == []
    assert sum(map(len, record.faults.values())) == 4


def finished(*marks):
    return [Ran(f"uid of {mark}", mark, "completed") for mark in marks]


@pytest.fixture
def record():
    """Two clients: one has added a, b, c; the other x, y, of which y was removed again, and z was refused."""
    record = Record()
    record.added |= {"first": ["a", "b", "c"], "second": ["x", "y"]}
    record.removed.add("y")
    record.refused.add("z")
    return record


def test_a_history_with_everything_that_was_acknowledged_is_right(record):
    again = Ran("uid of the first attempt", "b", "failed")
    record.judge([*finished("a", "x"), again, *finished("b")], ["c"])
    assert record.violations == []


@pytest.mark.parametrize(
    ("history", "queued", "violation"),
    [
        (finished("a", "b", "x"), [], "lost: c"),
        (finished("a", "b", "x", "b"), ["c"], "recorded as completed 2 times: b"),
        (finished("a", "b", "x", "c"), ["c"], "completed and still in the queue: c"),
        (finished("a", "b", "x"), ["c", "c"], "2 times in the queue: c"),
        (finished("a", "b", "x", "y"), ["c"], "removed, but there: y"),
        (finished("a", "b", "x"), ["c", "z"], "refused, but there: z"),
        (finished("a", "b", "x"), ["c", "w"], "nobody has added it: w"),
        (finished("a", "c", "x", "b"), [], "reordered: b of first ran after a later one"),
    ],
)
def test_each_violation_is_found(record, history, queued, violation):
    record.judge(history, queued)
    assert violation in record.violations
    assert violation in record.report("Chaos")
