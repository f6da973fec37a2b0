"""Times, lengths and tables as people read them."""

import re
import time

import pytest

from ipython_extension.shown.tables import (
    Row,
    Table,
    cells,
    cut_in_the_middle,
    length_of_time,
    moment,
    plural,
    ranges,
    shortened,
)


@pytest.mark.parametrize(
    ("seconds", "expected_text"),
    [
        (0.04, "0.0 s"), (3.14, "3.1 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"),
        (7500, "2 h 05 min"), (100_000, "1 d 3 h"), (-1, "0.0 s"),
    ],
)  # fmt: skip
def test_a_length_of_time_has_two_units_at_most(seconds, expected_text):
    assert length_of_time(seconds) == expected_text


def test_a_moment_of_today_needs_no_date():
    noon = time.mktime((2025, 6, 15, 12, 0, 5, 0, 0, -1))
    assert moment(noon, now=noon + 60) == "12:00:05"
    assert moment(noon, now=noon + 3 * 86400) == "15 Jun 12:00"
    assert moment(noon, now=noon + 365 * 86400) == "2025-06-15 12:00"


@pytest.mark.parametrize(
    ("numbers", "expected_text"), [([], ""), ([7], "7"), ([7, 8], "7, 8"), ([1, 2, 3, 9], "1-3, 9"), ([None], "None")]
)
def test_neighbouring_scans_are_drawn_together(numbers, expected_text):
    assert ranges(numbers) == expected_text


def test_nothing_one_and_many():
    assert [plural(n, "plan") for n in (0, 1, 2)] == ["no plans", "1 plan", "2 plans"]


@pytest.mark.parametrize(
    "text", ["plain text that is long", "wide 日本語 characters", "combining e\u0301e\u0301e\u0301", "a\nb"]
)
@pytest.mark.parametrize("width", range(1, 30))
def test_shortened_text_fits(text, width):
    assert cells(shortened(text, width)) <= width
    assert "\n" not in shortened(text, width)


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("wrap", [True, False])
def test_no_line_of_a_table_is_wider_than_the_terminal(width, wrap):
    rows = [Row((str(n), "word " * n, "日本"), note="why " * n) for n in range(60)]
    lines = Table((">#", "plan", "user"), rows, flexible=1, wrap=wrap).text(width).splitlines()
    assert max(map(cells, lines)) <= width


def test_html_shows_all_and_escapes_it():
    shown = Table(("#", "plan"), [Row(("0", "<b>" * 100))], flexible=1).html()
    assert "&lt;b&gt;" * 100 in shown
    assert "<b>" not in shown


def test_a_row_and_its_note_have_one_shade_and_the_next_row_another():
    rows = [Row(("0", "count()"), note="--md a=1"), Row(("1", "scan()"), note="--md a=2"), Row(("2", "mv()"))]
    shades = re.findall(r'<tr style="background-color:([^"]+)">', Table(("#", "plan"), rows, flexible=1).html())
    assert shades[0] == shades[1] == shades[4]
    assert shades[2] == shades[3] != shades[0]


def test_in_a_notebook_short_columns_stay_in_one_line_and_numbers_are_at_the_right():
    markup = Table(("plan", "took", ">scan id"), [Row(("count([det1])", "2.5 s", "12"))], flexible=0).html()
    plan, took, scan = re.findall(r'<td style="([^"]*)"', markup)
    assert "white-space:pre-wrap" in plan
    assert "word-break:normal" in plan
    assert "pre-wrap" not in took
    assert "text-align:right" in scan
    assert "text-align:left" in took


@pytest.mark.parametrize("width", range(1, 40))
@pytest.mark.parametrize(
    "text", ["TypeError: something that is long; back at the front", "wide 日本語 characters 日本語"]
)
def test_what_is_cut_in_the_middle_fits_and_keeps_its_end(text, width):
    short = cut_in_the_middle(text, width)
    assert cells(short) <= width
    assert short == text or text.startswith(short.partition("…")[0])
    assert text.endswith(short.rpartition("…")[2])


def test_the_note_below_a_row_keeps_its_beginning_and_its_end():
    note = f"TypeError: {'a device ' * 60}does not implement all Movable methods; back at the front of the queue"
    text = Table(("#", "plan"), [Row(("0", "count"), note)], flexible=1).text(80)
    joined = " ".join(" ".join(text.split("\n")[2:]).split())
    assert joined.startswith("TypeError: a device")
    assert joined.endswith("back at the front of the queue")
    assert len(text.split("\n")) == 5
