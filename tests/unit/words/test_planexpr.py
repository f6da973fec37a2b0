"""A typed plan becomes an item and comes back; nothing of it is ever evaluated."""

import enum

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bluesky_qs.words.planexpr import ExpressionError, names_at, plan_at, value_at
from bluesky_qs.words.plantext import plan_text


def any_name(_name):
    return None


def item(text, **session):
    return plan_at(text, session=session)[0]


def error(text, **session):
    with pytest.raises(ExpressionError) as caught:
        plan_at(text, session=session)
    return caught.value


def complaint(text, **session):
    return error(text, **session).message


def test_names_become_strings_and_literals_stay():
    assert item("count([det1, sim.dets.a], num=10, delay=-1.5, per_shot=None, x=(1, 'a'))") == {
        "item_type": "plan",
        "name": "count",
        "args": [["det1", "sim.dets.a"]],
        "kwargs": {"num": 10, "delay": -1.5, "per_shot": None, "x": [1, "a"]},
    }


def test_a_plan_may_stand_in_RE():
    assert item("RE(count([det1]))") == item("count([det1])")


def test_keywords_of_RE_are_metadata_of_the_runs():
    assert item("RE(count([det1]), purpose='align')")["meta"] == {"purpose": "align"}


def test_a_call_without_arguments_has_none():
    assert item("null()") == {"item_type": "plan", "name": "null"}


@pytest.mark.parametrize("text", ["queue_stop", "queue-stop", "queue_stop()"])
def test_queue_stop_is_an_instruction(text):
    assert plan_at(text) == ({"item_type": "instruction", "name": "queue_stop"}, len(text))


def test_the_plan_ends_at_its_closing_bracket():
    text = "add count([det1], md={'a': ')'}) --front"
    assert plan_at(text, 4)[1] == text.index(" --front")


def test_arithmetic_on_literals_is_done():
    assert item("p(2 * (3 + 4) - 1, 7 // 2, 7 % 4, 2**10, 1 / 4, -(-3))")["args"] == [13, 3, 3, 1024, 0.25, 3]


def test_variables_come_in_by_dollar_and_by_braces():
    assert item("p($n, {n}, {n * 2 + 1}, $s, num=$n)", n=5, s="it's {n}") == {
        "item_type": "plan",
        "name": "p",
        "args": [5, 5, 11, "it's {n}"],
        "kwargs": {"num": 5},
    }


def test_braces_take_part_in_arithmetic():
    assert item("p(-{n}, {n} * 2, 2 ** {n}, [{n} - {m / 2}])", n=3, m=4)["args"] == [-3, 6, 8, [1.0]]
    with pytest.raises(ExpressionError, match="A set cannot be sent"):
        item("p({{n}})", n=3)


def test_a_dollar_or_a_brace_in_a_string_is_text():
    assert item("p('$n {n}', n=1)", n=5)["args"] == ["$n {n}"]


def test_arrays_become_lists_and_take_part_in_arithmetic():
    x = np.array([[1, 2], [3, 4]])
    assert item("p($x, {x / 2})", x=x)["args"] == [
        [[1, 2], [3, 4]],
        [[0.5, 1.0], [1.5, 2.0]],
    ]
    assert type(item("p($x)", x=np.float64(0.5))["args"][0]) is float


def test_values_of_the_session_become_what_a_message_can_carry():
    class Colour(enum.StrEnum):
        RED = "red"

    sent = item("p($a, $b)", a=(1, {"k": (True, None)}), b=Colour.RED)["args"]
    assert sent == [[1, {"k": [True, None]}], "red"]
    assert type(sent[1]) is str


def test_lists_and_dictionaries_can_be_spread():
    assert item("scan([*$dets, det3], *$where, **$more)", dets=["a"], where=["m", -1, 1], more={"num": 5}) == {
        "item_type": "plan",
        "name": "scan",
        "args": [["a", "det3"], "m", -1, 1],
        "kwargs": {"num": 5},
    }


def test_a_plan_may_go_over_several_lines_with_comments():
    text = "count(\n    [det1],  # the diode (left)\n    num=3,\n)"
    assert item(text) == {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 3}}


def test_a_value_alone_can_be_read():
    text = "--md sample={'a': [1, $n]}"
    assert value_at(text, 12, len(text), session={"n": 2}) == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("text", "pointed_at"),
    [
        ("count(det[0])", "det[0]"),
        ("count(f(x))", "f(x)"),
        ("count(num=n * 2)", "n * 2"),
        ("count($x.real)", "$x.real"),
        ("count({a, b})", "{a, b}"),
        ("count({det.x})", "det.x"),
        ("count(f'{x}')", "f'{x}'"),
        ("count([det1, det2", "[det1"),
        ("count('abc)", "'abc"),
        ("count(num=10**10**10)", "10**10"),
        ("count(1, 1 / 0)", "1 / 0"),
        ("count(1, (-1) ** 0.5)", "(-1)"),
        ("count(b'a')", "b'a'"),
        ("count(1j)", "1j"),
        ("count(..., 1)", "..."),
        ("count({1: 2})", "1: 2"),
        ("count(é, num=$)", "$)"),
        ("count(num=é$n)", "$n"),
        ("count(det$1.x)", "$1.x"),
        ("count(é, num=$nowhere)", "$nowhere"),
        ("count(lambda: 1)", "lambda"),
        ("count(x for x in y)", "(x for"),
        ("count(not x)", "not x"),
        ("count(x := 1)", "x := 1"),
        ("count(1 < 2)", "1 < 2"),
        ("count('a' + 'b')", "'a' + "),
        ("count(*5)", "*5"),
        ("count(**[1])", "[1]"),
        ("count(a=1, a=2)", "a=2"),
        ("count($x=1)", "$x=1"),
        ("RE()", "RE()"),
        ("RE(count)", "count)"),
        ("RE(count(), print)", "print"),
        ("count", ""),
        ("'count'", "'count'"),
        ("count(1]", "]"),
    ],
)
def test_what_cannot_be_sent_is_pointed_at(text, pointed_at):
    expected = len(text) if pointed_at == "" else text.index(pointed_at)
    assert error(text).column == expected


def test_the_line_and_the_extent_of_what_is_wrong_are_known():
    wrong = error("count(\n  [det1],\n  num=a.b[0])")
    assert (wrong.line, wrong.column, wrong.length) == (2, 6, len("a.b[0]"))


@pytest.mark.parametrize("wrong", ["f(x)", "'é' + 'é'", "{a, b}", "lambda: 1"])
def test_all_of_what_is_wrong_is_pointed_at(wrong):
    found = error(f"count('é', {wrong}, 3)")
    assert found.text[found.offset : found.offset + found.length] in (wrong, "'é'")


def test_a_misspelt_variable_is_recognised():
    assert "did you mean 'energies'" in complaint("p($energy_s)", energies=[1])


def test_a_name_in_arithmetic_is_explained():
    assert "for the variable, write $n" in complaint("p(n + 1)", n=1)


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, {1: 2}, 1j, np.array(["2020-01-01"], "datetime64[D]")])
def test_values_that_no_message_can_carry_are_refused(value):
    assert "cannot be sent" in complaint("p($x)", x=value) or "must be a string" in complaint("p($x)", x=value)


def test_a_list_that_holds_itself_is_refused():
    endless = []
    endless.append(endless)
    assert "nested too deeply" in complaint("p($x)", x=endless)


@pytest.mark.parametrize(
    "text", ["p(" + "[" * 5000 + "]" * 5000 + ")", "p(" + "-" * 20000 + "1)", "p(" + "9" * 10000 + ")", "p('\0')"]
)
def test_monstrous_text_is_refused(text):
    assert complaint(text)


class Tripwire:
    """An object of the session that notices every use of it."""

    def _tripped(self, *_args, **_kwargs):
        raise AssertionError("evaluated")

    __call__ = __getattr__ = __getitem__ = __add__ = __radd__ = __neg__ = __mul__ = _tripped
    __iter__ = __len__ = __bool__ = __eq__ = __str__ = __repr__ = __int__ = __float__ = __index__ = _tripped
    __hash__ = object.__hash__


_PUNCTUATION = "()[]{},=.:*-+/%#$'\"\\ \n\0é0"
_WORDS = (
    "count",
    "det1",
    "trip",
    "$trip",
    "n",
    "$n",
    "{n}",
    "v.1",
    "v[1]",
    "**",
    "RE",
    "lambda",
    "await",
    "f'",
    "b'",
    ":=",
    "1e9",
)
_MORE = ("0x", "queue_stop", "ǂ", "__import__('os')", "not ", " if ", " for x in ", "yield ")
_pieces = st.sampled_from([*_PUNCTUATION, *_WORDS, *_MORE])


@given(st.one_of(st.text(), st.lists(_pieces).map("".join), st.lists(_pieces).map(lambda some: f"p({''.join(some)})")))
def test_any_text_is_an_item_or_an_error_and_nothing_is_evaluated(text):
    session = {"trip": Tripwire(), "det1": Tripwire(), "count": Tripwire(), "n": 3}
    for objection in (None, any_name):
        try:
            found, end = plan_at(text, session=session, objection=objection)
        except ExpressionError:
            continue
        assert found["item_type"] in {"plan", "instruction"}
        assert 0 < end <= len(text)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
_parameters = st.text().filter(lambda name: not name.startswith("ǂ"))


@example(args=[], kwargs={"if": 1, "ﬁ": 2})
@given(args=st.lists(_values, max_size=4), kwargs=st.dictionaries(_parameters, _values, max_size=4))
def test_an_item_shown_as_text_reads_back_as_itself(args, kwargs):
    shown = plan_text({"item_type": "plan", "name": "p", "args": args, "kwargs": kwargs})
    assume("ǂ" not in shown)
    read = item(shown)
    assert (read.get("args", []), read.get("kwargs", {})) == (args, kwargs)


def test_known_names_are_shown_without_quotes():
    shown = plan_text({"name": "scan", "args": [["det1", "other"], "m.x", -1], "kwargs": {"num": 5}}, {"det1", "m.x"})
    assert shown == "scan([det1, 'other'], m.x, -1, num=5)"


def test_an_instruction_is_shown_by_its_name():
    assert plan_text({"item_type": "instruction", "name": "queue_stop"}) == "queue_stop"


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("mv(vec.axes[1], 3)", ["vec.axes.1", 3]),
        ("mv(vec.axes.12, -1.5)", ["vec.axes.12", -1.5]),
        ("count([vec[0].x, vec.0.x.2,stage.y])", [["vec.0.x", "vec.0.x.2", "stage.y"]]),
        ("mv({vec.axes[1]: 2.5, 'é.1': .5})", [{"vec.axes.1": 2.5, "é.1": 0.5}]),
        ("p('vec.axes[1]', 'vec.axes.1')", ["vec.axes[1]", "vec.axes.1"]),
        ("p(\n  é.ü[10],  # vec.axes.1\n  $x)", ["é.ü.10", 1.5]),
        ("p(x1.y2.3, 2 - 1.5)", ["x1.y2.3", 0.5]),
    ],
)
def test_elements_of_a_vector_are_named_as_in_python_or_as_the_service_names_them(text, args):
    found, end = plan_at(text, session={"x": 1.5}, objection=any_name)
    assert (found["args"], end) == (args, len(text))


@pytest.mark.parametrize(
    "text",
    [
        "p(vec[-1])", "p(vec['a'])", "p(vec[1:2])", "p(vec[True])", "p($x[1])", "p($x.1)", "p({vec.axes[1]})",
        "p(vec.1a)", "p(vec[1]())", "p(vec.axes[n])", "vec.axes[1](3)", "vec.axes.1(3)", "p(a[1] + 1)",
    ],
)  # fmt: skip
def test_other_subscripts_are_refused(text):
    with pytest.raises(ExpressionError):
        plan_at(text, session={"x": [1, 2], "n": 1}, objection=any_name)


def test_an_objection_to_an_element_points_at_all_of_it():
    with pytest.raises(ExpressionError, match="no vec") as caught:
        plan_at("mv(vec.axes[3], 1)", objection=lambda name: f"no {name}" if name.endswith("3") else None)
    assert (caught.value.offset, caught.value.length) == (3, len("vec.axes[3]"))


def test_elements_of_a_vector_are_shown_as_they_are_typed():
    shown = plan_text({"name": "mv", "args": ["vec.axes.1", 3, "vec.0.x", 1, "a.1"]}, {"vec.axes.1", "vec.0.x"})
    assert shown == "mv(vec.axes[1], 3, vec[0].x, 1, 'a.1')"
    assert plan_at(shown, objection=any_name)[0]["args"] == ["vec.axes.1", 3, "vec.0.x", 1, "a.1"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("count([det1, 'det2'], num=3)", ["det1"]),
        ("RE(mv(é.x, 1, vec.axes[1], 2), sample=S03)", ["é.x", "vec.axes.1", "S03"]),
        ("p({motor: a}, *[b, c], **{'k': d})", ["motor", "a", "b", "c", "d"]),
        ("p(1 + 2, None, True, [])", []),
        ("queue_stop", []),
    ],
)
def test_names_without_quotes_are_found_with_their_places(text, names):
    found = names_at(f"  {text} --front", 2)
    assert [each.name for each in found] == names
    for each in found:
        typed = f"  {text}"[each.offset : each.offset + each.length]
        assert typed.replace("[", ".").replace("]", "") == each.name
