import pytest

from bluesky_qs.errors import InvalidPlan, NotPermitted
from bluesky_qs.plans.catalog import Catalog
from bluesky_qs.plans.permissions import PermissionRules

SIGNAL = {"classname": "S", "module": "m", "is_readable": True, "is_movable": True, "is_flyable": False}
DETECTOR = {**SIGNAL, "is_movable": False}


def parameter(name, annotation=None, **rest):
    kind = {"name": "POSITIONAL_OR_KEYWORD", "value": 1}
    return {"name": name, "kind": kind, **({"annotation": annotation} if annotation else {}), **rest}


def plan(name, *parameters):
    return {"name": name, "module": "m", "parameters": list(parameters), "properties": {"is_generator": True}}


PLANS = {
    "count": plan(
        "count", parameter("detectors", {"type": "typing.List[__READABLE__]"}), parameter("num", default="1")
    ),
    "pick": plan(
        "pick",
        parameter("device", {"type": "Some", "devices": {"Some": ["det2", "det1", ":-^stage:?x$", "no_such"]}}),
        parameter("then", {"type": "Plans", "plans": {"Plans": [":^c", "_private"]}}, default="None"),
    ),
    "_private": plan("_private"),
}
DEVICES = {
    "det1": DETECTOR,
    "det2": DETECTOR,
    "stage": {**DETECTOR, "components": {"x": SIGNAL, "y": {**SIGNAL, "components": {"x": SIGNAL}}}},
    "_hidden": SIGNAL,
}


def catalog(plans=PLANS, devices=DEVICES, **groups):
    root = {
        "allowed_plans": [None],
        "forbidden_plans": [":^_"],
        "allowed_devices": [None],
        "forbidden_devices": [":^_:?.*"],
        "allowed_functions": [None],
        "forbidden_functions": [":^_"],
    }
    return Catalog(plans, devices, PermissionRules.from_dict({"user_groups": {"root": root, **groups}}))


ALL = {"allowed_plans": [":.*"], "allowed_devices": [":?.*"], "allowed_functions": [":.*"]}


def test_root_filters_what_every_group_may_use():
    seen = catalog(primary=ALL)
    assert list(seen.plans_allowed("primary")) == ["count", "pick"]
    assert list(seen.devices_allowed("primary")) == ["det1", "det2", "stage"]
    assert seen.function_allowed("f", "primary")
    assert not seen.function_allowed("_f", "primary")


def test_group_without_lists_sees_nothing():
    seen = catalog(guests=None)
    assert seen.plans_allowed("guests") == {}
    assert seen.devices_allowed("guests") == {}
    assert not seen.function_allowed("f", "guests")


def test_unknown_group_is_refused_everywhere():
    seen = catalog(primary=ALL)
    for ask in (
        lambda: seen.plans_allowed("x"),
        lambda: seen.devices_allowed("x"),
        lambda: seen.function_allowed("f", "x"),
        lambda: seen.check({"name": "count"}, "x"),
    ):
        with pytest.raises(NotPermitted, match="Unknown user group: 'x'"):
            ask()


def test_subdevices_are_cut_to_what_is_allowed():
    seen = catalog(primary={"allowed_devices": [":?.*:depth=2"], "forbidden_devices": ["stage.x"]})
    assert seen.devices_allowed("primary")["stage"] == {**DETECTOR, "components": {"y": SIGNAL}}
    assert list(seen.device_names("primary")) == ["det1", "det2", "stage", "stage.y"]


def test_device_kept_for_its_subdevices_can_do_nothing_itself():
    seen = catalog(primary={"allowed_devices": [":-^stage$:^x$"]})
    stage = seen.devices_allowed("primary")["stage"]
    assert (stage["is_readable"], stage["is_movable"], stage["is_flyable"]) == (False, False, False)
    assert stage["excluded"] is True
    assert "excluded" not in stage["components"]["x"]
    assert list(stage["components"]) == ["x"]
    assert list(seen.device_names("primary")) == ["stage.x"]


def test_existing_lists_are_not_changed_by_looking():
    before = repr((PLANS, DEVICES))
    seen = catalog(primary={**ALL, "forbidden_devices": [":?x"]})
    seen.plans_allowed("primary")
    seen.devices_allowed("primary")
    assert repr((PLANS, DEVICES)) == before


def test_lists_of_names_hold_what_the_group_may_use_patterns_written_out():
    device, then = catalog(primary={**ALL, "forbidden_devices": ["det1"]}).plans_allowed("primary")["pick"][
        "parameters"
    ]
    assert device["annotation"]["devices"] == {"Some": ["det2", "stage.x", "stage.y.x"]}
    assert then["annotation"]["plans"] == {"Plans": ["count"]}


def test_fitting_plan_passes():
    seen = catalog(primary=ALL)
    seen.check({"name": "count", "args": [["det1"]], "kwargs": {"num": 5}, "meta": [{"a": 1}]}, "primary")
    seen.check({"name": "pick", "kwargs": {"device": "stage.x", "then": "count"}}, "primary")


def test_plan_that_is_not_allowed_is_named_with_those_like_it():
    seen = catalog(primary=ALL)
    with pytest.raises(
        InvalidPlan, match=r"validation failed: Plan 'cuont' is not in the list of allowed plans .*'count'"
    ):
        seen.check({"name": "cuont"}, "primary")
    with pytest.raises(InvalidPlan, match="Plan '_private' is not in the list of allowed plans"):
        seen.check({"name": "_private"}, "primary")


def test_refusal_names_parameter_value_and_nearest_choice():
    seen = catalog(primary={**ALL, "forbidden_devices": ["det1"]})
    with pytest.raises(InvalidPlan, match=r"^Plan validation failed: parameter 'device': 'det1' .*did you mean 'det2'"):
        seen.check({"name": "pick", "args": ["det1"]}, "primary")


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({}, "Plan name is not specified"),
        ({"name": 5}, "Plan name must be a non-empty string, not 5"),
        ({"name": "count", "args": "det1"}, "'args' must be a list"),
        ({"name": "count", "kwargs": []}, "'kwargs' must be an object"),
        ({"name": "count", "kwargs": {1: 2}}, "keys of 'kwargs'"),
        ({"name": "count", "meta": "x"}, "'meta' must be an object or a list of objects"),
        ({"name": "count", "meta": [{}, 5]}, "'meta' must be an object or a list of objects"),
    ],
)
def test_malformed_item_is_refused(item, words):
    with pytest.raises(InvalidPlan, match=words):
        catalog(primary=ALL).check(item, "primary")


def test_description_that_cannot_be_read_refuses_its_plan_only():
    bad = {**PLANS, "bad": plan("bad", parameter("x", {"type": "Oops", "devices": {"Other": []}}))}
    seen = catalog(bad, primary=ALL)
    with pytest.raises(InvalidPlan, match=r"description of plan 'bad' is invalid.*'x'.*'Oops'"):
        seen.check({"name": "bad", "args": [1]}, "primary")
    seen.check({"name": "count", "args": [[]]}, "primary")


def test_arguments_are_bound_with_defaults():
    seen = catalog(primary=ALL)
    assert seen.arguments({"name": "count", "args": [["det1"]]}, "primary") == {"detectors": ["det1"], "num": 1}


def test_plan_is_compiled_once_per_group():
    seen = catalog(primary=ALL, other=ALL)
    assert seen.signature("count", "primary") is seen.signature("count", "primary")
    assert seen.signature("count", "primary") is not seen.signature("count", "other")
