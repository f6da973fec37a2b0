"""Console output cut into messages, and the latest kept."""

import json

import pytest

from bluesky_qs.supervisor.record import BURST, PERIOD, SIZE, Batcher, Record


@pytest.fixture
def batcher():
    return Batcher()


@pytest.fixture
def busy():
    """A batcher after as many lines as may leave at once."""
    batcher = Batcher()
    for _ in range(BURST):
        batcher.add("line\n", 10)
        assert batcher.take(10) == "line\n"
    return batcher


def test_first_text_is_due_at_once(batcher):
    batcher.add("a\n", 10)
    assert batcher.due == 10
    assert batcher.take(10) == "a\n"
    assert batcher.due is None


def test_lines_of_a_slow_stream_do_not_wait_for_each_other(batcher):
    for number in range(10 * BURST):
        now = 10 + number * PERIOD + 0.3 * PERIOD * (number % 3)  # as many as there may be, and not evenly
        batcher.add("a\n", now)
        assert batcher.take(now) == "a\n"


def test_lines_that_follow_a_burst_wait_for_a_period(busy):
    busy.add("b\n", 10.001)
    busy.add("c\n", 10.002)
    assert busy.take(10.003) == ""
    assert busy.due == pytest.approx(10 + PERIOD)
    assert busy.take(10 + PERIOD) == "b\nc\n"
    busy.add("d\n", 10 + PERIOD)
    assert busy.due == pytest.approx(10 + 2 * PERIOD)


def test_after_a_pause_a_burst_does_not_wait(busy):
    now = 10 + BURST * PERIOD
    for _ in range(BURST):
        busy.add("a\n", now)
        assert busy.take(now) == "a\n"


def test_much_text_does_not_wait(busy):
    line = "x" * 99 + "\n"
    for _ in range(2 * BURST):
        busy.add(line * (SIZE // 100 + 1), 10.001)
        assert len(busy.take(10.001)) >= SIZE
    busy.add("end\n", 10.001)
    assert busy.due <= 10.001 + PERIOD


@pytest.mark.parametrize("end", ["\n", "\r"])
def test_message_ends_where_a_line_ends(batcher, end):
    batcher.add("one" + end + "tw", 10)
    assert batcher.take(10) == "one" + end
    batcher.add("o" + end + "thr", 10)
    assert batcher.take(10 + PERIOD) == "two" + end


def test_line_without_an_end_is_held_for_one_period(batcher):
    batcher.add("name? ", 10)
    assert batcher.take(10) == ""
    assert batcher.due == 10 + PERIOD
    assert batcher.take(10 + PERIOD) == "name? "


def test_line_that_ends_while_it_is_held_does_not_wait(batcher):
    batcher.add("mot", 10)
    batcher.add("or\n", 10.001)
    assert batcher.take(10.001) == "motor\n"


def test_endless_line_is_cut(batcher):
    batcher.add("x" * SIZE, 10)
    assert len(batcher.take(10)) == SIZE


def test_at_the_end_everything_is_given_out(batcher):
    batcher.add("a\nb", 10)
    assert batcher.take(10, everything=True) == "a\nb"
    assert batcher.due is None


def page(record, since, limit):
    found = record.page(since, limit)
    return [json.loads(message)["msg"] for message in found.messages], found.last


@pytest.fixture
def record():
    record = Record()
    for text in "abc":
        record.add(text, 1.5)
    return record


def test_messages_are_numbered_from_1(record):
    assert json.loads(record.page(0, 1).messages[0]) == {"time": 1.5, "msg": "a", "seq": 1}


@pytest.mark.parametrize(
    ("since", "limit", "expected"),
    [
        (None, 2, ["b", "c"]),
        (None, 10, ["a", "b", "c"]),
        (None, 0, []),
        (0, 10, ["a", "b", "c"]),
        (1, 1, ["b"]),
        (3, 10, []),
        (99, 10, []),
        (-5, 1, ["a"]),
    ],
)
def test_page_has_messages_after_a_number_or_the_latest(record, since, limit, expected):
    assert page(record, since, limit) == (expected, 3)


def test_oldest_messages_are_dropped_for_new_ones():
    record = Record(kept=150)
    for number in range(10):
        record.add("x" * 30 + str(number), 0.0)
    kept, last = page(record, 0, 100)
    assert [text[-1] for text in kept] == ["8", "9"]
    assert last == 10


def test_message_longer_than_all_that_may_be_kept_is_kept_alone():
    record = Record(kept=10)
    record.add("a", 0.0)
    record.add("x" * 100, 0.0)
    assert page(record, None, 5) == (["x" * 100], 2)


def test_text_is_the_end_of_it(record):
    assert record.text(2) == "bc"
