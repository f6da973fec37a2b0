"""Stored events that somebody has damaged: what is kept is still found by its number."""

import json

import pytest

from bluesky_qs.manager.edits.events import EventBook


def event(seq):
    return json.dumps({"seq": seq, "time": 0, "type": "x"}).encode()


def book(*stored):
    return EventBook(stored, publish=lambda _: None)


@pytest.mark.parametrize("damaged", [b"not json", b"[1]", b'{"seq": "1"}', b"{}", b"[" * 10_000])
def test_a_damaged_event_and_all_before_it_are_ignored_with_a_warning(damaged, caplog):
    events = book(event(1), damaged, event(3), event(4))
    assert (events.first, events.last) == (3, 4)
    assert events.since(3, 10) == [event(4)]
    (record,) = caplog.records
    assert record.getMessage().startswith("Ignored 2 stored events")


def test_a_damaged_event_at_the_end_does_not_begin_the_numbers_anew():
    events = book(event(7), event(8), b"not json")
    assert (events.first, events.last) == (7, 8)


def test_a_gap_counts_as_damage():
    assert book(event(1), event(5), event(6)).first == 5


def test_events_in_order_are_kept_without_a_word(caplog):
    events = book(event(5), event(6))
    assert (events.first, events.last, caplog.records) == (5, 6, [])
