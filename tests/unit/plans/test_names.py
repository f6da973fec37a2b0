import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluesky_qs.plans.names import BadPattern, DeviceNames, Names

READABLE = {"is_readable": True, "is_movable": False, "is_flyable": False}
MOTOR = {"is_readable": True, "is_movable": True, "is_flyable": False}
FLYER = {"is_readable": False, "is_movable": False, "is_flyable": True}


def listed(pattern, *dotted, description=MOTOR):
    names = DeviceNames([pattern])
    return [name for name in dotted if names.match(tuple(name.split(".")), description)]


def test_plain_name_means_that_name_only():
    assert listed("sim", "sim", "sim2", "sim.mt") == ["sim"]
    assert listed("sim.mt", "sim", "sim.mt", "sim.mt.x") == ["sim.mt"]


def test_pattern_lists_the_matches_at_each_level():
    assert listed(":^sim:^mt:^x$", "sim", "sim.mt", "sim.mt.x", "sim.mt.xy", "sim.det", "other") == [
        "sim",
        "sim.mt",
        "sim.mt.x",
    ]


def test_minus_matches_a_level_without_listing_it_and_plus_lists_it():
    assert listed(":-^sim:^mt", "sim", "sim.mt") == ["sim.mt"]
    assert listed(":+^sim:-^mt:^x", "sim", "sim.mt", "sim.mt.x") == ["sim", "sim.mt.x"]


def test_question_mark_matches_the_rest_of_the_dotted_name():
    assert listed(":?.*", "sim", "sim.mt.x") == ["sim", "sim.mt.x"]
    assert listed(":^sim:?mt.*x$", "sim", "sim.mt", "sim.mt.x", "sim.mt.sub.x") == ["sim", "sim.mt.x", "sim.mt.sub.x"]


def test_depth_limits_the_levels_of_the_rest():
    assert listed(":?.*:depth=2", "a", "a.b", "a.b.c") == ["a", "a.b"]
    assert listed(":^a:?.*:depth=1", "a", "a.b", "a.b.c") == ["a", "a.b"]


def test_colon_inside_a_group_belongs_to_the_regular_expression():
    assert listed(":^(?:det|mot)1$", "det1", "mot1", "det2") == ["det1", "mot1"]


@pytest.mark.parametrize(
    ("prefix", "kinds"),
    [
        ("__READABLE__", [READABLE, MOTOR]),
        ("__DETECTOR__", [READABLE]),
        ("__MOTOR__", [MOTOR]),
        ("__FLYABLE__", [FLYER]),
    ],
)
def test_prefix_restricts_by_kind(prefix, kinds):
    for pattern in (prefix, f"{prefix}:?.*", f"{prefix}:^dev$"):
        matching = [kind for kind in (READABLE, MOTOR, FLYER) if listed(pattern, "dev", description=kind)]
        assert matching == kinds


def test_first_element_none_means_all():
    assert DeviceNames([None]).match(("anything", "below"), READABLE)
    assert "anything" in Names([None])


def test_no_elements_mean_nothing():
    assert not DeviceNames([]).match(("dev",), READABLE)
    assert "plan" not in Names([])


def test_plan_patterns_search_in_the_name():
    names = Names([":^count", ":scan$", "null"])
    assert [name for name in ("count_all", "recount", "rel_scan", "scan_nd", "null", "nul") if name in names] == [
        "count_all",
        "rel_scan",
        "null",
    ]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("not a name", "is not a name"),
        (":", "empty part"),
        (":a::b", "empty part"),
        (":(", "not a regular expression"),
        (":?a:b", "only the last part"),
        (":?.*:dept=5", "only ':depth=N' may follow it, not ':dept=5'"),
        (":a:depth=2", "may only follow"),
        (":?a:depth=0", "at least 1"),
        ("__WRITABLE__:a", "__READABLE__"),
        ("", "must be a name"),
        (7, "must be a name"),
    ],
)
def test_bad_device_pattern_is_refused_with_its_reason(pattern, words):
    with pytest.raises(BadPattern, match=words):
        DeviceNames([pattern])


def test_signs_of_device_levels_mean_nothing_for_plans():
    for pattern in (":-^count", ":+^count", ":?^count"):
        assert [name for name in ("count", "recount") if name in Names([pattern])] == ["count"]


def test_spaces_around_a_name_do_not_matter():
    assert "count" in Names([" count "])
    assert DeviceNames(["dev.x "]).match(("dev", "x"), READABLE)


def test_none_after_the_first_element_is_refused():
    with pytest.raises(BadPattern, match="element 1"):
        Names(["count", None])


def test_pattern_of_a_plan_has_one_part():
    with pytest.raises(BadPattern, match="only one"):
        Names([":a:b"])


@given(st.lists(st.one_of(st.none(), st.text(max_size=30), st.text("a:?+-_^$.*()[]|depth=1", max_size=20)), max_size=4))
def test_any_pattern_is_either_compiled_or_refused(elements):
    for make in (DeviceNames, Names):
        try:
            make(elements)
        except BadPattern as err:
            assert str(err)  # noqa: PT017 - the other outcome is a success
