"""A filter of the history accepts the items that a scientist means, whatever else is in them."""

import json

import pytest

from bluesky_qs.errors import BadParams
from bluesky_qs.plan_queue.history_filter import HistoryFilter


def past(status="completed", began=100.0, **item):
    return {
        "name": "count",
        "user": "ada",
        "item_uid": "u",
        **item,
        "result": {"exit_status": status, "time_start": began},
    }


def accepts(item, **wanted):
    """Whether the filter accepts the item; both forms of the item must agree."""
    sought = HistoryFilter.of(**wanted)
    from_text, from_item = sought.accepts_json(json.dumps(item).encode()), sought.accepts(item)
    assert from_text == from_item
    return from_text


def test_an_exit_status_is_one_of_those_that_are_wanted():
    assert accepts(past("failed"), exit_status="failed")
    assert accepts(past("halted"), exit_status=["failed", "halted"])
    assert not accepts(past(), exit_status=["failed", "halted"])
    assert not accepts(past(), exit_status=[])


def test_name_and_user_are_those_of_the_item_not_of_its_arguments():
    item = past(kwargs={"name": "scan", "user": "bob", "exit_status": "failed"})
    assert accepts(item, name="count", user="ada")
    assert not accepts(item, name="scan")
    assert not accepts(item, user="bob")
    assert not accepts(item, exit_status="failed")


@pytest.mark.parametrize("shown", ["dana", 'dana "Dana D"', 'dana "Dana D <d@example.org>"', "dana <d@example.org>"])
def test_a_user_is_found_by_the_sign_in_name_and_by_what_items_show(shown):
    assert accepts(past(user=shown), user="dana")
    assert accepts(past(user=shown), user=shown)
    assert not accepts(past(user=shown), user="dan")
    assert not accepts(past(user=shown), user="Dana D")


def test_the_beginning_of_a_user_name_finds_nobody():
    assert not accepts(past(user="dana2"), user="dana")
    assert not accepts(past(user=None, kwargs={"user": "dana"}), user="dana")


def test_times_are_compared_with_the_start():
    assert accepts(past(began=100.0), since=100, until=100)
    assert not accepts(past(began=100.0), since=100.5)
    assert not accepts(past(began=100.0), until=99.5)
    assert not accepts(past(began=None), since=0)


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ("S03", "S03", True),
        ("S03", "s0?", True),
        ("S03", "S0", False),
        ("Ni foil\nnew", "ni*", True),
        (300, "300", True),
        (1.5, "1.*", True),
        (True, "true", True),
        (None, "none", True),
        (["a", "b"], "*'b'*", True),
        ("Émail", "éMAIL", True),
        ("[x]", "[[]x]", True),
    ],
)
def test_metadata_is_compared_as_text_by_a_shell_pattern_in_any_case(value, pattern, expected):
    assert accepts(past(meta={"sample": value}), metadata={"sample": pattern}) is expected


def test_metadata_needs_all_keys_and_may_be_a_list_of_objects():
    meta = [{"sample": "S01"}, {"sample": "S02", "operator": "Ada"}]
    assert accepts(past(meta=meta), metadata={"sample": "S01", "operator": "ada"})  # as the run has it: the first wins
    assert not accepts(past(meta=meta), metadata={"sample": "S02"})
    assert not accepts(past(meta=meta), metadata={"sample": "*", "dose": "*"})
    assert not accepts(past(), metadata={"sample": "*"})
    assert not accepts(past(meta="odd"), metadata={"sample": "*"})
    assert not accepts(past(kwargs={"md": {"sample": "S01"}}), metadata={"sample": "S01"})


def test_a_scan_id_is_one_of_those_of_the_runs():
    item = past(kwargs={"num": 7})
    item["result"]["scan_ids"] = [5, 12]
    assert accepts(item, scan_id=12)
    assert not accepts(item, scan_id=2)
    assert not accepts(item, scan_id=7)
    assert not accepts(past(), scan_id=5)
    assert not accepts({**item, "result": {"scan_ids": None, "time_start": 5}}, scan_id=5)


def test_items_that_only_the_json_module_reads_are_compared_too():
    item = past("failed", args=[float("nan"), 2**70], meta={"sample": "S01"})
    assert accepts(item, exit_status="failed", metadata={"sample": "S*"}, since=1)


@pytest.mark.parametrize(
    "odd", [b"not json", b"[1]", b'{"result": []}', b'{"result": {"exit_status": 7}}', b"[" * 10_000]
)
def test_a_damaged_entry_is_not_accepted_and_breaks_nothing(odd):
    assert not HistoryFilter.of(exit_status="failed").accepts_json(odd + b'"failed"')
    assert not HistoryFilter.of(since=0).accepts_json(odd)


def test_without_parameters_it_accepts_everything():
    assert HistoryFilter.of().accepts_all
    assert HistoryFilter.of().accepts_json(b"not json")
    assert not HistoryFilter.of(metadata={"a": "*"}).accepts_all


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"since": 2.5, "until": 1}, "Parameter 'since' is later than 'until': since=2.5, until=1"),
        ({"since": float("nan")}, "Parameter 'since' must be a Unix time: since=nan"),
        ({"until": float("inf")}, "Parameter 'until' must be a Unix time: until=inf"),
    ],
)
def test_times_that_make_no_sense_are_refused(wanted, message):
    with pytest.raises(BadParams) as error:
        HistoryFilter.of(**wanted)
    assert error.value.message == message
