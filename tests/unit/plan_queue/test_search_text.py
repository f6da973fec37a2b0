"""What a search by words compares."""

import json

import pytest

from bluesky_qs.errors import BadParams
from bluesky_qs.plan_queue import search_text
from bluesky_qs.plan_queue.search_text import Phrase, SearchWords, searched_text


def words_of(item):
    return searched_text(json.dumps(item).encode()).split(" \ue000 ")


def test_names_parameters_metadata_and_messages_are_searched_and_nothing_else():
    item = {
        "item_type": "plan",
        "name": "grid_scan",
        "args": [["det1"], "motor", -1.5, True, None],
        "kwargs": {"num": 3, "deep": {"a": ["b"]}},
        "meta": [{"sample": "S03"}, {"note": "Cu foil"}],
        "user": "ada",
        "item_uid": "u1",
        "result": {"msg": "no beam", "traceback": "File …", "run_uids": ["r1"]},
    }
    name, message, *values = words_of(item)
    assert (name, message) == ("grid_scan", "no beam")
    meta = ["sample", "S03", "note", "Cu foil"]
    assert values == [*meta, "det1", "motor", "-1.5", "True", "num", "3", "deep", "a", "b"]


@pytest.mark.parametrize(
    "item",
    [{}, {"name": 3}, {"name": "x", "result": "gone"}, {"meta": 5}, {"name": "x", "args": float("nan")}],
)
def test_items_of_any_form_have_a_text(item):
    assert isinstance(searched_text(json.dumps(item).encode()), str)
    assert words_of({**item, "name": "count"})[0] == "count"


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff"])
def test_what_is_no_item_has_no_words(text):
    assert searched_text(text) == ""


def test_half_a_character_is_no_obstacle():
    assert words_of({"name": "a\ud800b"}) == ["a?b"]


def test_of_long_lists_the_first_values_are_searched():
    values = words_of({"name": "count", "args": [list(range(10_000)), "x"], "meta": {"sample": "S1"}})
    assert values[:5] == ["count", "sample", "S1", "0", "1"]
    assert len(values) == search_text.MOST_VALUES


def test_the_parameters_of_very_large_items_are_not_searched():
    large = "x" * search_text.MOST_BYTES
    assert words_of({"name": "count", "args": [large], "meta": {"sample": "S1"}}) == ["count", "sample", "S1"]


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("S03", [Phrase("S03")]),
        ("  count\tS03 ", [Phrase("count"), Phrase("S03")]),
        ('"Cu foil" x', [Phrase("Cu foil", whole=True), Phrase("x")]),
        ('"Cu foil', [Phrase("Cu foil", whole=True)]),
        ('a"b"', [Phrase("a"), Phrase("b", whole=True)]),
        ("- S03 …", [Phrase("S03")]),
    ],
)
def test_words_are_beginnings_and_quoted_text_is_whole(text, phrases):
    assert list(SearchWords.of(text).phrases) == phrases


@pytest.mark.parametrize("text", ["", "  ", "- …", '""', '"'])
def test_a_search_without_words_is_refused(text):
    with pytest.raises(BadParams) as error:
        SearchWords.of(text)
    assert "'search'" in error.value.message
    assert f"search={text!r}" in error.value.message
