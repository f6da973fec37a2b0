import math

import pytest

from bluesky_qs.plans.model import KINDS, PlanSpec
from bluesky_qs.plans.signature import Signature


def parameter(name, kind="POSITIONAL_OR_KEYWORD", type_=None, **rest):
    annotation = {} if type_ is None else {"annotation": {"type": type_}}
    return {"name": name, "kind": {"name": kind, "value": KINDS[kind]}, **annotation, **rest}


def signature(*parameters):
    return Signature(PlanSpec.from_dict({"name": "measure", "parameters": list(parameters)}))


def complaints(plan, *args, **kwargs):
    return [str(problem) for problem in plan.check(args, kwargs)]


def test_arguments_bind_as_python_binds_them():
    plan = signature(
        parameter("a", "POSITIONAL_ONLY"),
        parameter("b", default="2"),
        parameter("rest", "VAR_POSITIONAL"),
        parameter("c", "KEYWORD_ONLY", default="'x'"),
        parameter("more", "VAR_KEYWORD"),
    )
    assert complaints(plan, 1) == []
    assert plan.bind([1], {}) == {"a": 1, "b": 2, "rest": [], "c": "x", "more": {}}
    assert plan.bind([1, 3, 4, 5], {"c": 6, "d": 7, "a": 8}) == {
        "a": 1,
        "b": 3,
        "rest": [4, 5],
        "c": 6,
        "more": {"d": 7, "a": 8},
    }


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ([], {}, "parameter 'a' is required but missing"),
        ([1, 2, 3], {}, "takes 2 positional arguments but 3 were given"),
        ([1], {"a": 1}, "parameter 'a' is given twice"),
        ([1], {"bb": 1}, "has no parameter 'bb' (did you mean 'b'?)"),
    ],
)
def test_arguments_that_do_not_bind_are_named(args, kwargs, words):
    (complaint,) = complaints(signature(parameter("a"), parameter("b", default="1")), *args, **kwargs)
    assert words in complaint


def test_positional_only_parameter_given_by_name_is_reported_once():
    positional_only = {"name": "a", "kind": {"name": "POSITIONAL_ONLY", "value": 0}}
    assert complaints(signature(positional_only), a=1) == ["parameter 'a' is positional-only: pass it in 'args'"]


def test_every_problem_is_found_at_once():
    plan = signature(parameter("a", type_="int"), parameter("b", type_="str"), parameter("c"))
    assert len(plan.check(["x", 5], {"d": 1})) == 4


def test_problem_names_parameter_place_and_value():
    plan = signature(parameter("points", type_="typing.List[float]"))
    (problem,) = plan.check([[1, "two"]], {})
    assert (problem.parameter, problem.where, problem.value, problem.reason) == (
        "points",
        "[1]",
        "two",
        "is not a number",
    )
    assert str(problem) == "parameter 'points'[1]: 'two' is not a number"


def test_each_of_the_rest_is_checked():
    plan = signature(parameter("args", "VAR_POSITIONAL", "int"), parameter("kw", "VAR_KEYWORD", "str"))
    assert complaints(plan, 1, "2", a=3) == [
        "parameter 'args'[1]: '2' is not an integer",
        "parameter 'kw'['a']: 3 is not a string",
    ]


@pytest.mark.parametrize("text", ["tuple[__MOVABLE__, float]", "typing.Tuple[typing.Union[__MOVABLE__, float], ...]"])
def test_tuple_of_the_rest_may_mean_the_arguments_in_turn(text):
    plan = signature(parameter("args", "VAR_POSITIONAL", text))
    assert complaints(plan, "motor1", 1, "motor2", 2.5) == []
    assert complaints(plan, "motor1", None) != []


@pytest.mark.parametrize("value", [1, 2.5, 10, [1, 10], {"a": [5]}, "text", True, None, [], ["a", 3]])
def test_numbers_inside_the_range_pass(value):
    assert complaints(signature(parameter("x", min=1, max=10)), value) == []


@pytest.mark.parametrize("value", [0, 10.5, [5, 11], {"a": [0]}, math.nan, [1, math.nan], [math.inf], [5, "a", 0]])
def test_every_number_in_the_value_is_held_to_the_range(value):
    (complaint,) = complaints(signature(parameter("x", min=1, max=10)), value)
    assert "minimum 1" in complaint or "maximum 10" in complaint


def test_expressions_are_evaluated_before_they_are_checked():
    plan = signature(parameter("x", type_="float", eval_expressions=True, max=10))
    assert complaints(plan, "2 * 3") == []
    assert complaints(plan, "2 * 30") == ["parameter 'x': 60 is greater than the maximum 10"]
    assert complaints(plan, "det1") == ["parameter 'x': 'det1' is not a number"]


def test_annotation_of_another_program_that_we_cannot_read_is_as_if_absent():
    assert complaints(signature(parameter("x", type_="numpy.ndarray")), "anything") == []


def test_default_without_json_form_stays_text():
    plan = signature(
        parameter("a", default="..."), parameter("b", default="{1, 2}"), parameter("c", default="nonsense(")
    )
    assert plan.bind([], {}) == {"a": "...", "b": "{1, 2}", "c": "nonsense("}


def test_long_values_are_shortened_in_messages():
    (complaint,) = complaints(signature(parameter("x", type_="int")), "y" * 10_000)
    assert len(complaint) < 300


@pytest.mark.parametrize(
    ("type_", "value", "words"),
    [
        ("list[__READABLE__]", "det1", "parameter 'x': 'det1' is not a list: write ['det1']"),
        ("typing.Optional[typing.List[float]]", 2.5, "parameter 'x': 2.5 is not a list or None: write [2.5]"),
        ("list[float]", "det1", "parameter 'x': 'det1' is not a list"),
    ],
)
def test_hint_shows_how_to_write_one_element_as_a_list(type_, value, words):
    (problem,) = signature(parameter("x", type_=type_)).check([value], {})
    assert str(problem) == words


def test_message_lists_the_choices_of_an_enumeration():
    colour = {"name": "x", "annotation": {"type": "Colour", "enums": {"Colour": ["red", "blue"]}}}
    (problem,) = signature(colour).check([5], {})
    assert str(problem) == "parameter 'x': 5 is not one of 'red', 'blue'"


@pytest.mark.parametrize(
    ("type_", "what"), [("__READABLE__", "device"), ("__PLAN__", "plan"), ("__CALLABLE__", "function")]
)
@pytest.mark.parametrize("text", ["", "det 1", "det1, det2", "det1()", "'det1'", "1 + 2", ".det", "det."])
def test_text_that_cannot_be_a_name_is_refused(type_, what, text):
    (problem,) = signature(parameter("x", type_=type_)).check([text], {})
    assert str(problem) == f"parameter 'x': {text!r} is not the name of a {what}"


@pytest.mark.parametrize(
    ("type_", "given", "value"),
    [
        ("typing.Union[str, __CALLABLE__]", "2024", "2024"),
        ("typing.Union[float, __CALLABLE__]", "2 * 3", 6),
        ("__CALLABLE__", "device.method", "device.method"),
        ("float", "2 * 3", 6),
    ],
)
def test_a_type_that_asks_for_functions_evaluates_only_what_would_not_fit(type_, given, value):
    (x,) = signature(parameter("x", type_=type_, eval_expressions=True)).parameters
    assert x.value(given) == value


@pytest.mark.parametrize(
    ("args", "kwargs", "path"),
    [
        ([[1, "x"]], {}, (0, 1)),
        ([], {"points": [1, "x"]}, ("points", 1)),
        ([[1], "x"], {}, (1,)),
        ([[1], 1, 2, 3, "x"], {}, (4,)),
        ([[1], 1], {"table": {"a": [1, "x"]}}, ("table", "a", 1)),
        ([[1], 1], {"more": "x"}, ("more",)),
        ([[1]], {"points": []}, ("points",)),
        ([], {}, ()),
    ],
)
def test_the_path_of_a_problem_leads_to_the_value(args, kwargs, path):
    plan = signature(
        parameter("points", type_="list[float]"),
        parameter("n", type_="int", default="1"),
        parameter("rest", "VAR_POSITIONAL", type_="int"),
        parameter("table", "KEYWORD_ONLY", type_="dict[str, list[float]]", default="None"),
        parameter("others", "VAR_KEYWORD", type_="int"),
    )
    (problem,) = plan.check(args, kwargs)
    assert problem.path == path
