"""A plan for each row of a table, lines in a loop, and the queue in a file."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.errors import QSError
from bluesky_qs.words.queue_text import content, item_line
from ipython_extension.words.saved import read_line

SAMPLES = [{"name": "Si", "x": 1.5}, {"name": "Ge", "x": 2}]


class Frame:
    """What is used of a pandas.DataFrame."""

    columns = ("name", "x")

    def to_dict(self, orient):
        assert orient == "records"
        return SAMPLES


def arguments(manager):
    return [item["args"] for item in manager.do("queue_get")["items"]]


@pytest.mark.parametrize("table", [SAMPLES, tuple(SAMPLES), Frame()])
def test_a_plan_is_queued_for_each_row_with_one_request_and_one_sentence(qs, opened, shell, table):
    shell.user_ns["samples"] = table
    qs("status")
    opened.requests.clear()
    added = qs("add scan([det1], motor, $x, {x + 1}, 3) --for samples --md sample=$name")
    assert opened.methods == ["queue_item_add_batch"]
    assert pretty(added) == "Queued 2 scan plans at positions 0, 1.\n  --md sample=…"
    assert arguments(opened) == [[["det1"], "motor", 1.5, 2.5, 3], [["det1"], "motor", 2, 3, 3]]
    assert [item["meta"] for item in opened.do("queue_get")["items"]] == [{"sample": "Si"}, {"sample": "Ge"}]


def test_several_plans_of_a_cell_are_queued_row_by_row(shell, opened):
    shell.user_ns["samples"] = SAMPLES
    cell = "mv(motor, $x)\ncount([det1])\n"
    shell.run_cell(f"%%qs add --for samples --front\n{cell}", store_history=False).raise_error()
    assert arguments(opened) == [["motor", 1.5], [["det1"]], ["motor", 2], [["det1"]]]


def test_a_table_may_be_typed(qs, opened):
    added = qs("add count([det1], num=$n) --for [{'n': 1, 'who': 'a'}, {'n': 2, 'who': 'b'}] --md who=$who")
    assert [(item["kwargs"], item["meta"]) for item in added] == [
        ({"num": 1}, {"who": "a"}),
        ({"num": 2}, {"who": "b"}),
    ]
    assert pretty(added).startswith("Queued 2 count plans at positions 0, 1.")


@pytest.mark.parametrize(
    ("table", "line", "message"),
    [
        (None, "count([det1], $x) --for samples", "samples is of type NoneType; --for takes a list"),
        ([], "count([det1], $x) --for samples", "samples has no rows"),
        (SAMPLES, "count([det1], 1) --for samples", "The plan uses no column of samples. Its columns are name, x"),
        ([{"x": 1}, {}], "count([det1], $x) --for samples", "Row 1 of samples, column x: the row has no such column"),
        ([{"x": 1}, {"x": math.nan}], "count([det1], $x) --for samples", "Row 1 of samples, column x: the cell is"),
        ([{"x": 1}, {"x": 1j}], "count([det1], $x) --for samples", "column x: a value of type complex cannot be sent"),
        ([{"x": 1}, {"x": "a"}], "count([det1], {x + 1}) --for samples", "Row 1: Arithmetic needs numbers, not str"),
        (SAMPLES, "count([det1], $x) --for nothing", "This session has no variable 'nothing'"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit_is_refused_with_row_and_column(qs, opened, shell, table, line, message):
    shell.user_ns["samples"] = table
    with pytest.raises(UsageError) as refused:
        qs(f"add {line}")
    assert message in str(refused.value)
    assert arguments(opened) == []


def test_a_value_that_the_service_refuses_is_named_by_row_and_column(qs, opened, shell):
    shell.user_ns["samples"] = [{"n": 1}, {"n": "many"}]
    with pytest.raises(QSError) as refused:
        qs("add count([det1], num=$n) --for samples")
    assert "row 1, column n ('many'): " in str(refused.value)
    assert arguments(opened) == []


def test_lines_in_a_loop_show_what_they_have_added(shell, opened, capsys):
    code = "for n in (1, 2):\n    %qs add count([det1], num=$n)\n    x = %qs queue\n"
    shell.run_cell(code, store_history=False).raise_error()
    assert capsys.readouterr().out.splitlines() == [
        "Queued at position 0: count([det1], num=1)",
        "Queued at position 1: count([det1], num=2)",
    ]


@pytest.mark.parametrize("code", ["for n in (1, 2):\n    %qs add count([det1]);\n", "x = %qs add count([det1])\n"])
def test_lines_that_are_silent_or_keep_their_result_print_nothing(shell, opened, capsys, code):
    shell.run_cell(code, store_history=False).raise_error()
    assert capsys.readouterr().out == ""


# ------------------------------------------------------------------------------------------------------------ files
def test_a_saved_queue_is_queued_again(qs, opened, tmp_path):
    path = tmp_path / "tonight.txt"
    qs("add scan([det1, det2], motor, -1, 1, num=5) queue_stop count([det1]) --md sample='Si 111' n=3")
    before = opened.do("queue_get")["items"]
    assert pretty(qs(f"save {path}")) == f"Saved 3 items to {path}."
    assert path.read_text().splitlines()[1:] == [
        "scan([det1, det2], motor, -1, 1, num=5) --md sample='Si 111' n=3",
        "queue_stop",
        "count([det1]) --md sample='Si 111' n=3",
    ]
    qs("clear")
    assert pretty(qs(f"add --file {path}")) == "Queued 3 items at positions 0-2.\n  --md sample='Si 111' n=3"
    assert list(map(content, opened.do("queue_get")["items"])) == list(map(content, before))


def test_a_file_is_replaced_only_with_force(qs, opened, tmp_path):
    path = tmp_path / "tonight.txt"
    path.write_text("mine")
    qs("add count([det1])")
    with pytest.raises(UsageError, match=r"exists\. To replace it: %qs save .* --force"):
        qs(f"save {path}")
    assert path.read_text() == "mine"
    qs(f"save {path} --force")
    assert "count([det1])" in path.read_text()
    assert [each.name for each in tmp_path.iterdir() if "tonight" in each.name] == ["tonight.txt"]


def test_a_file_of_ones_own_has_comments_and_plans_of_several_lines(qs, opened, tmp_path):
    path = tmp_path / "plans.txt"
    path.write_text("# my plans\n\ncount([det1],\n      num=3)  # thrice\ncount([det2]) --md a=1\n")
    qs(f"add --file {path} --front --md b=2")
    assert [item["meta"] for item in opened.do("queue_get")["items"]] == [{"b": 2}, {"a": 1, "b": 2}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing", "contains no plans"),
        ("count([det1])\ncount([det1]\n", "line 2: "),
        ("count([det1])\n{x", "line 2: "),
    ],
)
def test_a_file_with_an_error_is_refused_with_its_line(qs, opened, tmp_path, text, message):
    path = tmp_path / "plans.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        qs(f"add --file {path}")
    assert arguments(opened) == []


def test_an_empty_queue_is_not_saved(qs, opened, tmp_path):
    assert "Nothing was saved" in pretty(qs(f"save {tmp_path / 'none.txt'}"))
    assert not (tmp_path / "none.txt").exists()


KNOWN = {"det1", "motor", "motor.setpoint", "vec.axes.1", "None", "ﬁ", "for"}
TEXTS = st.one_of(
    st.text(max_size=8), st.sampled_from(sorted(KNOWN)), st.sampled_from(["$x", "{x}", "a#b", "ǂ", "\ud800"])
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)
METADATA = st.dictionaries(TEXTS, VALUES, max_size=3)
ITEMS = st.fixed_dictionaries(
    {"item_type": st.just("plan"), "name": st.sampled_from(["count", "a.b", "my plan", "RE", "queue_stop"])},
    optional={
        "args": st.lists(VALUES, max_size=3),
        "kwargs": st.dictionaries(TEXTS, VALUES, max_size=3),
        "meta": st.one_of(METADATA, st.lists(METADATA, max_size=2)),
    },
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(ITEMS)
def test_every_item_comes_back_exactly_from_its_line(item):
    line = item_line(item, KNOWN, read_line)
    assert "\n" not in line
    again = json.loads(line) if line.startswith("{") else read_line(line)
    assert json.dumps(content(again)) == json.dumps(content(item))


def test_usual_items_are_lines_as_one_would_type_them():
    item = {"item_type": "plan", "name": "count", "args": [["det1", "x"], math.nan, math.inf], "kwargs": {"a b": 1}}
    assert item_line(item, KNOWN, read_line) == "count([det1, 'x'], 1e999-1e999, 1e999, **{'a b': 1})"
