import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluesky_qs.plans.expressions import NotAnExpression, evaluate, evaluated


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2*3 + 1", 7),
        ("-(1 + 2)", -3),
        ("10 / 4", 2.5),
        ("7 // 2", 3),
        ("2**10", 1024),
        ("[1, 2 * 2]", [1, 4]),
        ("(1, 'a')", (1, "a")),
        ("{'a': -1.5}", {"a": -1.5}),
        ("True", True),
        ("None", None),
        ("'text'", "text"),
    ],
)
def test_literals_and_arithmetic_have_a_value(text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "det1",
        "os.system('x')",
        "__import__('os')",
        "(lambda: 1)()",
        "[x for x in (1, 2)]",
        "'a' * 10",
        "True + 1",
        "9**9**9",
        "2**99999",
        "1e308 * 10",
        "1 / 0",
        "...",
        "f'{1}'",
        "{**{}}",
        "1 if 1 else 2",
        "",
        "(" * 500,
        "1" * 20_000,
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(NotAnExpression):
        evaluate(text)


def test_strings_that_are_no_expressions_stay_in_place():
    assert evaluated({"a": ["1 + 1", "det1"], "b": ("2", 3)}) == {"a": [2, "det1"], "b": (2, 3)}


@given(st.one_of(st.text(max_size=60), st.text("0123456789+-*/()[]{}., 'ae", max_size=40)))
def test_any_text_is_either_evaluated_or_refused(text):
    try:
        evaluate(text)
    except NotAnExpression as err:
        assert err.args  # noqa: PT017 - the other outcome is a success
