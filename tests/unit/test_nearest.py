"""Suggestions for a mistyped name."""

import pytest

from bluesky_qs.nearest import did_you_mean, nearest


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("nmu", "num"), ("motr", "motor"), ("cuont", "count"), ("queue_add", "queue_item_add"), ("env", "environment")],
)
def test_a_slip_of_the_fingers_finds_the_name(typed, meant):
    assert nearest(typed, ["delay", meant, "unlock", "plans"]) == [meant]


@pytest.mark.parametrize(
    ("typed", "other"),
    [("undo", "unlock"), ("export", "plot"), ("last", "plans"), ("data", "update"), ("skip", "script")],
)
def test_a_word_that_only_shares_letters_is_not_suggested(typed, other):
    assert nearest(typed, [other]) == []


def test_the_best_come_first_and_only_so_many():
    assert nearest("det", ["det", "det1", "det2", "det3"]) == ["det", "det1", "det2"]
    assert nearest("COUNT", ["count"]) == ["count"]


@pytest.mark.parametrize("name", [5, "", "zzz", "x" * 100_000])
def test_what_is_no_name_has_none_near(name):
    assert nearest(name, ["count", "x" * 99_999]) == []


def test_one_phrase_suggests_names():
    assert did_you_mean(["det1", "det2"]) == " (did you mean 'det1' or 'det2'?)"
    assert did_you_mean([]) == ""
