"""The table of a running scan from its documents."""

import pytest

from ipython_extension.live.columns import Column
from ipython_extension.live.live_table import Live, RunTables

_IDLE = {"running_item_uid": None}
_NO_KEY = {}
_NUMBER = {"dtype": "number", "shape": []}


def start(uid="r1", scan_id=7, **more):
    return "start", {"uid": uid, "scan_id": scan_id, "plan_name": "scan", "time": 1.0e9, **more}


def descriptor(fields, run="r1", stream="primary", hints=None, uid=None):
    hints = {field: {"fields": [field]} for field in fields} if hints is None else hints
    keys = dict.fromkeys(fields, _NUMBER)
    objects = {field: [field] for field in fields}
    uid = uid or f"{run}-{stream}"
    return "descriptor", {
        "uid": uid, "run_start": run, "name": stream, "data_keys": keys, "object_keys": objects, "hints": hints,
    }  # fmt: skip


def event(number, run="r1", stream="primary", **data):
    where = f"{run}-{stream}"
    return "event", {
        "uid": f"{where}-{number}", "descriptor": where, "seq_num": number, "time": 1.0e9 + number, "data": data,
    }  # fmt: skip


def stop(run="r1", status="success", reason=""):
    return "stop", {"uid": f"{run}-stop", "run_start": run, "exit_status": status, "reason": reason}


def printed(*documents, width=80):
    tables = RunTables(width, 20)
    return [line.printed for name, doc in documents for line in tables.take(name, doc)]


def columns(line):
    return line.split()


_ALONG_MOTOR = {"hints": {"dimensions": [[["motor"], "primary"]]}, "num_points": 2}


def test_the_motor_comes_before_what_is_read():
    lines = printed(
        start(**_ALONG_MOTOR),
        descriptor(["det1", "motor"]),
        event(1, det1=0.5, motor=-1.0),
        event(2, det1=0.25, motor=1.0),
        stop(),
    )
    assert lines[0].startswith("Scan 7: scan, 2 points, started ")
    assert columns(lines[1]) == ["#", "time", "motor", "det1"]
    assert [columns(line)[0:1] + columns(line)[2:] for line in lines[2:]] == [["1", "-1", "0.5"], ["2", "1", "0.25"]]


def test_only_hinted_fields_are_shown():
    hints = {"det1": {"fields": ["det1"]}, "other": {}}
    assert columns(printed(start(), descriptor(["det1", "other"], hints=hints), event(1, det1=1))[1])[2:] == ["det1"]


def test_without_hints_all_numbers_are_shown():
    assert columns(printed(start(), descriptor(["a", "b"], hints={}), event(1, a=1, b=2))[1])[2:] == ["a", "b"]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(width):
    fields = [f"a_rather_long_name_of_a_field_{i}" for i in range(30)]
    lines = printed(start(), descriptor(fields), event(1, **dict.fromkeys(fields, 1.23456789e-20)), width=width)
    assert max(map(len, lines)) <= width
    assert "columns omitted" in lines[1]


def test_runs_that_are_nested_have_a_table_each():
    documents = [
        start("r1", 1), descriptor(["a"], "r1"), event(1, "r1", a=1),
        start("r2", 2), descriptor(["b"], "r2"), event(1, "r2", b=2), event(2, "r2", b=3), stop("r2"),
        event(2, "r1", a=4), stop("r1"),
    ]  # fmt: skip
    lines = printed(*documents)
    headings = [line.partition(",")[0].partition(":")[0] for line in lines if line.startswith("Scan")]
    assert headings == ["Scan 1", "Scan 2", "Scan 1"]
    assert columns(lines[-1])[0] == "2"


def test_baselines_and_monitors_are_left_out():
    documents = [start(), descriptor(["m"], stream="baseline"), event(1, stream="baseline", m=1)]
    documents += [descriptor(["m"], stream="m_monitor"), event(1, stream="m_monitor", m=1)]
    assert printed(*documents) == []


def test_a_run_with_another_stream_only_shows_that():
    lines = printed(start(), descriptor(["x"], stream="fly"), event(1, stream="fly", x=1))
    assert columns(lines[1])[2:] == ["x"]


def test_a_failed_run_ends_with_its_failure():
    assert printed(start(), stop(status="fail", reason="no beam")) == ["Scan 7 failed: no beam"]


def test_a_long_reason_of_a_failed_run_keeps_its_end():
    reason = f"SynGauss({'prefix=0, ' * 30}) does not implement all methods"
    (line,) = printed(start(), stop(status="fail", reason=reason))
    assert line.startswith("Scan 7 failed: SynGauss(")
    assert line.endswith("all methods")


def test_a_table_that_begins_late_reports_the_number_of_missing_rows():
    lines = printed(start(), descriptor(["a"]), event(13, a=1))
    assert columns(lines[2]) == ["…", "12", "earlier", "points"]


def test_events_that_are_missing_are_counted_where_they_are_missing():
    documents = [start(), descriptor(["a"]), *(event(n, a=n) for n in (1, 2, 6, 8))]
    lines = printed(*documents, ("stop", stop()[1] | {"num_events": {"primary": 9, "baseline": 2}}))
    assert [columns(line)[0] for line in lines[2:]] == ["1", "2", "…", "6", "…", "8", "…"]
    assert [line.strip() for line in lines if "…" in line] == [
        "…  3 points are missing here",
        "…  1 point is missing here",
        "…  1 point is missing here",
    ]


def test_events_that_are_repeated_after_a_pause_are_not_missing():
    documents = [start(), descriptor(["a"]), *(event(n, a=n) for n in (1, 2, 3, 2, 3, 4))]
    assert "…" not in "".join(printed(*documents, ("stop", stop()[1] | {"num_events": {"primary": 4}})))


def shown(values, key=_NO_KEY, *, field="a", is_moved=False):
    """Values as a notebook shows them, with the digits of the whole column."""
    column = Column(field, key, is_moved=is_moved)
    for value in values:
        column.take(value)
    return [column.now(value) for value in values]


def printed_one_by_one(values, key=_NO_KEY, *, is_moved=False):
    """Values as a terminal shows them."""
    column = Column("a", key, is_moved=is_moved)
    texts = []
    for value in values:
        column.take(value)
        texts.append(column.next_printed(value))
    return texts


@pytest.mark.parametrize(
    ("value", "key", "text"),
    [
        (None, {}, "\N{EN DASH}"),
        (3, {}, "3"),
        (0.1 + 0.2, {}, "0.3"),
        (1.0, {"precision": 3}, "1.000"),
        (1.0, {"precision": "three"}, "1"),
        (float("nan"), {}, "nan"),
        (123456789012.5, {"precision": 3}, "1.23e+11"),
        ("open", {}, "open"),
        ([1, 2], {}, "[2]"),
        ({"a": 1}, {}, "…"),
    ],
)
def test_values_are_short(value, key, text):
    assert shown([value], key) == [text]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.5, 0.25, 1.0], ["0.50", "0.25", "1.00"]),
        ([1.0, 2.0, -3.0], ["1", "2", "-3"]),
        ([0.0111089965382423, 0.6065306597126334, 1.0], ["0.01111", "0.60653", "1.00000"]),
        ([1.2345e-9, 3e-12, -2.5e-9], ["1.2345e-09", "3.0000e-12", "-2.500e-09"]),
        ([1234.5678, 0.25], ["1234.57", "0.25"]),
    ],
)
def test_the_numbers_of_a_column_have_the_same_number_of_digits(values, texts):
    decimals = {len(text.partition("e")[0].partition(".")[2]) for text in shown(values)}
    assert len(decimals) == 1 or any("e" in text for text in texts)
    assert [float(text) for text in shown(values)] == pytest.approx([float(text) for text in texts], rel=1e-3)


def test_a_device_decides_about_the_digits_while_they_are_enough():
    assert shown([-1.0, 0.5], {"precision": 3}) == ["-1.000", "0.500"]
    assert shown([0.0123, 0.00214], {"precision": 3}) == ["0.012", "2.14e-03"]
    assert shown([0.005, 0.0], {"precision": 3}) == ["0.005", "0.000"]  # it has no more digits


def test_a_reading_looks_the_same_in_every_table_whatever_comes_before_and_after_it():
    """In the table of a running scan, in the one of a scan that has ended, and in that of a part of it."""
    peak = [0.00033546, 0.0111, 0.1353, 1.0, 0.1353, 3.7e-6]
    texts = ["3.35e-04", "0.011", "0.135", "1.000", "0.135", "3.70e-06"]
    assert shown(peak, {"precision": 3}) == printed_one_by_one(peak, {"precision": 3}) == texts
    assert [shown([value], {"precision": 3})[0] for value in peak] == texts


def test_a_device_that_asks_for_no_decimals_although_its_numbers_have_some_does_not_decide():
    assert shown([1500.0, 3.0], {"precision": 0}) == ["1500", "3"]
    assert shown([0.25, 0.5], {"precision": 0}) == printed_one_by_one([0.25, 0.5], {"precision": 0}) == ["0.25", "0.50"]


def test_a_value_that_is_not_zero_does_not_look_like_zero():
    assert shown([1.0, 0.00004, 0.0], {"precision": 3}) == ["1.000", "4.00e-05", "0.000"]
    assert shown([0.985, 0.004, -0.00017], {"precision": 3}) == ["0.985", "0.004", "-1.70e-04"]
    assert shown([1.0, 3.7e-9]) == ["1.0000e+00", "3.7000e-09"]


def test_positions_over_many_powers_of_ten_have_one_format():
    decades = [10.0**power for power in range(-6, 10)]
    for key in ({}, {"precision": 3}):
        assert all("e" in text for text in shown(decades, key, is_moved=True))
        assert all("e" in text for text in printed_one_by_one(decades, key, is_moved=True))
    wide = [0.0005, 400000.0004, 800000.0003, 2000000.0]
    assert all("e" in text for text in printed_one_by_one(wide, {"precision": 3}, is_moved=True))
    assert shown(wide, {"precision": 3}, is_moved=True) == [
        "5.0000e-04", "4.0000e+05", "8.0000e+05", "2.0000e+06"
    ]  # fmt: skip


def test_a_position_that_is_zero_with_an_error_leaves_the_column_as_it_is():
    assert shown([-0.2, 0.00004, 0.2], {"precision": 3}, is_moved=True) == ["-0.200", "<0.001", "0.200"]
    texts = shown([-0.2, 1e-17, 0.2], is_moved=True)
    assert (texts[0], texts[2]) == ("-0.200000", "0.200000")


def test_positions_that_differ_look_different():
    assert shown([10.0, 10.0002, 10.0004], {"precision": 3}, is_moved=True) == ["10.0000", "10.0002", "10.0004"]
    printed = printed_one_by_one([10.0, 10.0002, 10.0004], {"precision": 3}, is_moved=True)
    assert printed == ["10.000", "10.0002", "10.0004"]


def test_a_terminal_keeps_the_digits_of_the_rows_above_while_they_suit():
    assert printed_one_by_one([0.123456, 0.5, 1.25]) == ["0.123456", "0.500000", "1.250000"]
    assert printed_one_by_one([3.7e-06, 0.25, 0.5]) == ["3.7000e-06", "2.5000e-01", "5.0000e-01"]


@pytest.mark.parametrize(
    "value", [7.18054e-05, -7.18054e-05, -1.23456789e-100, -12345678.9, 123456789012, -0.000413412]
)
def test_a_number_never_loses_its_exponent(value):
    (text,) = shown([value], {"precision": 3})
    assert len(text) <= 10
    assert float(text) == pytest.approx(value, rel=1e-2)


def test_a_number_beyond_all_measure_is_cut():
    assert shown([10**400]) == [str(10**400)]


def test_a_row_holds_numbers_of_any_size_in_full():
    tables = RunTables(80, 20)
    for document in [start(), descriptor(["a"])]:
        tables.take(*document)
    row = tables.take(*event(1, a=-7.18054e-05))[-1].printed
    assert "…" not in row
    assert columns(row)[-1].endswith("e-05")


def test_headings_come_again_after_each_screenful():
    tables = RunTables(80, 10)
    documents = [start(), descriptor(["a"]), *(event(n, a=n) for n in range(1, 26))]
    lines = [line for name, doc in documents for line in tables.take(name, doc)]
    assert [at for at, line in enumerate(lines) if line.mark == "heading"] == [1, 12, 23]


def test_a_notebook_shows_all_rows_with_the_digits_of_the_latest():
    tables = RunTables(80, 20)
    lines = [
        line
        for name, doc in [start(), descriptor(["a"]), event(1, a=0.5), event(2, a=0.125)]
        for line in tables.take(name, doc)
    ]
    assert [columns(line.printed)[-1] for line in lines[2:]] == ["0.5", "0.125"]
    assert [columns(line.now())[-1] for line in lines[2:]] == ["0.500", "0.125"]


def message(document, item="i1"):
    return {"item_uid": item, "name": document[0], "doc": document[1]}


def test_a_document_that_comes_twice_is_shown_once():
    live = Live(80, item_uid="i1")
    documents = [start(), descriptor(["a"]), event(1, a=1)]
    for document in documents:
        live.take_document(message(document), True)
    for document in [*documents, event(2, a=2)]:
        live.take_document(message(document), False)
    assert len(live.show(_IDLE)) == 4
    assert live.show(_IDLE) == []


def test_documents_of_a_plan_that_has_ended_are_not_shown():
    live = Live(80)
    live.show({"running_item_uid": "i2"})
    for document in [start(), descriptor(["a"]), event(1, a=1)]:
        live.take_document(message(document, "i1"), True)
    assert live.show(_IDLE) == []


def test_of_very_many_lines_at_once_the_first_and_the_latest_are_shown():
    live = Live(80, item_uid="i1")
    for document in [start(), descriptor(["a"]), *(event(n, a=n) for n in range(1, 1001))]:
        live.take_document(message(document), False)
    lines = [line.printed for line in live.show(_IDLE)]
    assert len(lines) < 50
    assert columns(lines[-1])[0] == "1000"
