"""Times as scientists type them after ``--since`` and ``--until``."""

import datetime as dt

import pytest

from ipython_extension.typed.times import epoch

NOW = dt.datetime(2026, 11, 29, 12, 0, 30).timestamp()  # noqa: DTZ001 - local time, as it is typed


def local(*parts):
    return dt.datetime(*parts).timestamp()  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("today", (2026, 11, 29), (2026, 11, 30)),
        ("yesterday", (2026, 11, 28), (2026, 11, 29)),
        ("2026-11-28", (2026, 11, 28), (2026, 11, 29)),
        ("2026-11-28 14:30", (2026, 11, 28, 14, 30), (2026, 11, 28, 14, 30)),
        ("2026-11-28T14:30:15", (2026, 11, 28, 14, 30, 15), (2026, 11, 28, 14, 30, 15)),
        ("yesterday 9:05", (2026, 11, 28, 9, 5), (2026, 11, 28, 9, 5)),
        ("12:00", (2026, 11, 29, 12), (2026, 11, 29, 12)),
        ("14:30", (2026, 11, 28, 14, 30), (2026, 11, 28, 14, 30)),  # it is noon: the last time it was half past two
        ("2h", (2026, 11, 29, 10, 0, 30), (2026, 11, 29, 10, 0, 30)),
        ("1.5h", (2026, 11, 29, 10, 30, 30), (2026, 11, 29, 10, 30, 30)),
        ("10m", (2026, 11, 29, 11, 50, 30), (2026, 11, 29, 11, 50, 30)),
        ("10min", (2026, 11, 29, 11, 50, 30), (2026, 11, 29, 11, 50, 30)),
    ],
)
def test_a_time_is_what_it_says_on_the_clock_here(text, since, until):
    assert epoch(text, NOW) == local(*since)
    assert epoch(text, NOW, end=True) == local(*until)


@pytest.mark.parametrize(
    "text",
    ["", "yesterdy", "25:00", "14:3", "2h later", "2026-13-01", "2026-11-28 noon", "-2h", "today 24:00", "7", "now"],
)
def test_a_text_that_is_no_time_has_none(text):
    assert epoch(text, NOW) is None
