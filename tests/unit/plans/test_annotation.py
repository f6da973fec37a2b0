import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluesky_qs.plans.annotation import NAME_TYPES, AnnotationError, read
from bluesky_qs.plans.model import Annotation
from bluesky_qs.plans.values import Mismatch, Wanted

DETECTORS = {"Detectors": ["det1", "det2"]}


def mismatch(text, value, **names):
    return read(Annotation(text, **names)).check(value)


def fits(text, value, **names):
    return mismatch(text, value, **names) is None


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("int", [1, -5, 5.0, 10**30], ["1", 1.5, True, None, [1]]),
        ("float", [1, 1.5], ["1", True, None]),
        ("bool", [True, False], [1, 0, "True", None]),
        ("str", ["", "a"], [1, None, ["a"]]),
        ("None", [None], [0, False, ""]),
        ("NoneType", [None], [0]),
        ("typing.Any", [None, 1, "a", [{}]], []),
        ("object", [None, 1], []),
        ("typing.Hashable", ["a", 1, None], [[1], {}]),
        ("list", [[], [1, "a"]], ["ab", {}, 1]),
        ("typing.List[int]", [[], [1, 2]], [["1"], 1, [None]]),
        ("list[list[float]]", [[[1, 2.5]], []], [[1], [["a"]]]),
        ("collections.abc.Sequence[str]", [["a"], ("a",)], ["a", [1]]),
        ("typing.Iterable", [[1]], [1, "abc"]),
        ("typing.Tuple[int, str]", [[1, "a"], (1, "a")], [[1], [1, "a", 2], ["a", 1], "1a"]),
        ("tuple[int, ...]", [[], [1, 2, 3]], [[1, "a"]]),
        ("tuple[()]", [[]], [[1]]),
        ("set[str]", [["a", "b"]], [[1], "ab"]),
        ("set", [["a", 1]], [[[1]], [{}]]),
        ("set[tuple[int, int]]", [[[1, 2], [3, 4]]], [[[1]]]),
        ("typing.Dict[str, int]", [{}, {"a": 1}], [{"a": "b"}, [1], {1: 1}]),
        ("collections.abc.Mapping", [{"a": 1}], [[]]),
        ("typing.Union[int, str]", [1, "a"], [None, 1.5, []]),
        ("int | str | None", [1, "a", None], [1.5, []]),
        ("typing.Optional[float]", [None, 1.5], ["a"]),
        ("typing.Literal['a', 1, -2, None]", ["a", 1, -2, None], ["b", True, 2, [], 1.0, ([],)]),
        ("typing.Annotated[int, 'steps']", [1], ["a"]),
        ("typing.List['int']", [[1]], [["a"]]),
        ("__READABLE__", ["det1", "no_such"], [1, None, ["det1"]]),
        ("typing.List[__MOVABLE__]", [["m"]], ["m", [1]]),
        ("__CALLABLE__", ["f"], [1]),
        ("typing.Callable[[int], str]", ["f"], [1]),
        ("bluesky.protocols.Readable", ["det"], [1]),
    ],
)
def test_values_that_fit_a_type_and_values_that_do_not(text, good, bad):
    assert [value for value in good if not fits(text, value)] == []
    assert [value for value in bad if fits(text, value)] == []


def test_lists_of_names_take_their_names_only():
    assert fits("typing.List[Detectors]", ["det1", "det2"], devices=DETECTORS)
    found = mismatch("typing.List[Detectors]", ["det1", "det22"], devices=DETECTORS)
    assert found == Mismatch("[1]", "det22", "is not one of 'det1', 'det2'", ["det2"])


def test_list_may_bear_the_name_of_a_builtin_type():
    assert not fits("__DEVICE__", "det3", devices={"__DEVICE__": ["det1"]})


def test_same_name_for_devices_and_plans_takes_both():
    for value in ("det1", "count"):
        assert fits("Things", value, devices={"Things": ["det1"]}, plans={"Things": ["count"]})


def test_enum_member_may_be_written_with_its_class():
    assert fits("Mode", "Mode.FAST", enums={"Mode": ["FAST"]})


def test_mismatch_has_its_place():
    assert mismatch("dict[str, list[int]]", {"a": [1, "b"]}).where == "['a'][1]"


@pytest.mark.parametrize(
    ("text", "given", "meant"),
    [
        ("dict[int, str]", {"1": "a", 2: "b"}, {1: "a", 2: "b"}),
        ("typing.Dict[float, float]", {"0.5": 1, "1e3": 2}, {0.5: 1, 1000.0: 2}),
        ("dict[str, int]", {"1": 1}, {"1": 1}),
        ("dict[typing.Any, int]", {"1": 1}, {"1": 1}),
        ("dict[Mode, __READABLE__]", {"FAST": "det"}, {"fast mode": "<det>"}),
    ],
)
def test_keys_are_texts_in_json_and_become_what_is_meant(text, given, meant):
    kind = read(Annotation(text, enums={"Mode": ["FAST"]}))
    assert kind.check(given) is None
    assert kind.convert(given, lambda wanted, _, name: "fast mode" if wanted is Wanted.ENUM else f"<{name}>") == meant


def test_key_that_is_not_a_number_is_reported():
    assert mismatch("dict[int, str]", {"one": "a"}) == Mismatch("['one'] (key)", "one", "is not an integer", [])


def test_union_blames_the_alternative_that_was_meant():
    assert mismatch("float | list[float]", [1, "a"]).where == "[1]"
    assert mismatch("float | Modes", "fats", enums={"Modes": ["fast"]}).suggestions == ["fast"]
    assert mismatch("float | list[float]", "a").reason == "is not a number or a list"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a type"),
        ("Unknown", "unknown type 'Unknown'"),
        ("numpy.ndarray", "unknown type"),
        ("int()", "Call is not allowed"),
        ("__import__('os').system('true')", "not allowed"),
        ("[int]", "List is not allowed"),
        ("lambda: 1", "Lambda is not allowed"),
        ("int if 1 else str", "not allowed"),
        ("5", "Constant is not allowed"),
        ("int + str", "not allowed"),
        ("typing.Optional[int, str]", "needs 1 type argument"),
        ("typing.Dict[str]", "needs 2 type arguments"),
        ("typing.Union[()]", "needs type arguments"),
        ("__READABLE__[int]", "takes no type arguments"),
        ("int[str]", "unknown generic type"),
        ("typing.Literal[x]", "Literal takes"),
        ("f().List[int]", "not allowed"),
        ("list[" * 45 + "int" + "]" * 45, "nested too deeply"),
        ("list[" * 5000 + "int" + "]" * 5000, "longer than"),
        ("(" * 1000, "not a type"),
        ("int;str", "not a type"),
        ("a\x00b", "not a type"),
    ],
)
def test_anything_else_is_refused_with_its_reason(text, words):
    with pytest.raises(AnnotationError, match=words.replace("(", r"\(")):
        read(Annotation(text))


def test_long_unions_are_not_too_deep():
    assert fits(" | ".join(["int"] * 500 + ["str"]), "a")


def test_name_of_a_list_is_an_identifier():
    with pytest.raises(AnnotationError, match="not an identifier"):
        read(Annotation("a-b", devices={"a-b": ["det"]}))


PLAIN = ["int", "float", "bool", "str", "None", "typing.Any", "list", "dict", "tuple", "set", "Detectors", *NAME_TYPES]
TYPES = st.recursive(
    st.sampled_from(PLAIN) | st.sampled_from(["typing.Literal['a', 1, None]", "'int'"]),
    lambda inner: st.one_of(
        st.builds("typing.List[{}]".format, inner),
        st.builds("typing.Dict[str, {}]".format, inner),
        st.builds("typing.Tuple[{}, {}]".format, inner, inner),
        st.builds("tuple[{}, ...]".format, inner),
        st.builds("set[{}]".format, inner),
        st.builds("typing.Union[{}, {}]".format, inner, inner),
        st.builds("({}) | ({})".format, inner, inner),
        st.builds("typing.Optional[{}]".format, inner),
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["det1", "a", "", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)


@given(TYPES, VALUES)
def test_every_type_checks_any_value(text, value):
    kind = read(Annotation(text, devices=DETECTORS))
    found = kind.check(value)
    if found is not None:
        assert found.reason
    else:
        kind.convert(value, lambda _wanted, _label, name: name)


@given(
    st.one_of(
        st.text(max_size=50),
        st.text("typing.ListUnonDc[]|,'() x12_", max_size=50),
        TYPES.flatmap(lambda text: st.integers(0, len(text)).map(lambda cut: text[:cut] + text[cut + 1 :])),
        st.builds("{}{}{}".format, TYPES, st.sampled_from(["()", ".x", "[0]", " and ", ":=", "\n", "#"]), TYPES),
    )
)
def test_any_text_is_either_a_type_or_refused(text):
    try:
        read(Annotation(text, devices=DETECTORS))
    except AnnotationError as err:
        assert "annotation" in str(err)  # noqa: PT017 - the other outcome is a success


def found(text, value, **names):
    """The converted value where every name is found: (kind, name)."""
    kind = read(Annotation(text, **names))
    assert kind.check(value) is None
    return kind.convert(value, lambda wanted, _label, name: (wanted.name, name))


def test_names_are_replaced_where_the_type_has_them_and_nowhere_else():
    assert found("dict[str, typing.Tuple[str, __READABLE__]]", {"a": ["x", "y"]}) == {"a": ("x", ("DEVICE", "y"))}
    assert found("typing.List[str]", ["a"]) == ["a"]
    assert found("typing.Any", "a") == ("PLAN_OR_DEVICE", "a")
    assert found("list", ["a", 1]) == [("PLAN_OR_DEVICE", "a"), 1]
    assert found("dict", {"a": "b"}) == {"a": "b"}


def test_name_wins_over_string_in_a_union():
    assert found("typing.Union[str, Detectors]", "det1", devices=DETECTORS) == ("DEVICE", "det1")
    assert found("typing.Union[str, Detectors]", "other", devices=DETECTORS) == "other"


def test_lists_become_the_type_of_the_annotation():
    assert found("tuple[int, ...]", [1, 2.0]) == (1, 2)
    assert found("set[str]", ["a", "a"]) == {"a"}
    assert type(found("int", 5.0)) is int


def test_unchanged_values_are_the_same_objects():
    value = [1, 2]
    assert found("list[int]", value) is value
