"""Warnings about names in an accepted plan: unknown names, and devices of the wrong kind."""

import pytest

from bluesky_qs.plans.catalog import Catalog
from bluesky_qs.plans.permissions import PermissionRules

DETECTOR = {"classname": "D", "module": "m", "is_readable": True, "is_movable": False, "is_flyable": False}
MOTOR = {**DETECTOR, "is_movable": True}
FLYER = {**DETECTOR, "is_readable": False, "is_flyable": True}
DEVICES = {
    "det1": DETECTOR,
    "det2": DETECTOR,
    "motor": MOTOR,
    "flyer": FLYER,
    "camera": DETECTOR,  # an area detector: the lists omit its parts
    "stage": {**DETECTOR, "components": {"x": MOTOR, "y": {**MOTOR, "components": {"readback": DETECTOR}}}},
    "_hidden": DETECTOR,
}
FAILS = "the plan will fail unless this is fixed"


def plan(annotation, *, kind="POSITIONAL_OR_KEYWORD", **rest):
    value = {"POSITIONAL_OR_KEYWORD": 1, "VAR_POSITIONAL": 2, "VAR_KEYWORD": 4}[kind]
    described = annotation if isinstance(annotation, dict) else {"type": annotation}
    parameter = {"name": "p", "kind": {"name": kind, "value": value}, "annotation": described, **rest}
    return {"name": "plan", "module": "m", "parameters": [parameter], "properties": {"is_generator": True}}


@pytest.fixture
def warnings():
    """Accept a plan with one parameter of this type, and return the warnings about its arguments."""

    def warnings(annotation, *args, devices=DEVICES, kwargs=None, **rest):
        everything = {"allowed_plans": [None], "allowed_devices": [None]}
        groups = {"root": {**everything, "forbidden_devices": [":^_"]}, "primary": everything}
        plans = {"plan": plan(annotation, **rest), "count": plan("int")}
        catalog = Catalog(plans, devices, PermissionRules.from_dict({"user_groups": groups}))
        item = {"name": "plan", "args": list(args), "kwargs": kwargs or {}}
        catalog.check(item, "primary")
        return catalog.warnings(item, "primary")

    return warnings


def test_an_unknown_name_is_reported_with_its_place_and_similar_names(warnings):
    (found,) = warnings("list[__READABLE__]", ["det1", "det9", "motor"])
    assert (found.parameter, found.where, found.value, found.suggestions) == ("p", "[1]", "det9", ["det1", "det2"])
    assert found.sentence == (
        "Parameter 'p'[1]: 'det9' is not the name of a device that you may use "
        f"(did you mean 'det1' or 'det2'?): {FAILS}"
    )


def test_a_device_that_the_group_may_not_use_is_reported(warnings):
    (found,) = warnings("__READABLE__", "_hidden")
    assert found.reason == "is a device that you may not use (your user group is 'primary')"


@pytest.mark.parametrize(
    ("annotation", "name", "able", "near"),
    [
        ("__MOVABLE__", "det1", "be moved", []),
        ("__READABLE__", "flyer", "be read", []),
        ("__FLYABLE__", "motor", "fly", []),
        ("__MOVABLE__", "stage", "be moved", ["stage.x", "stage.y"]),
        ("__READABLE__ | __MOVABLE__", "flyer", "be read or be moved", []),
    ],
)
def test_a_device_of_the_wrong_kind_is_reported(warnings, annotation, name, able, near):
    (found,) = warnings(annotation, name)
    assert found.reason == f"is a device that cannot {able}"
    assert found.suggestions == near
    assert found.sentence.endswith("the plan is likely to fail")


@pytest.mark.parametrize(
    ("annotation", "value", "where"),
    [
        ("typing.Optional[__MOVABLE__]", "mtr", ""),
        ("typing.Optional[list[__MOVABLE__]]", ["motor", "mtr"], "[1]"),
        ("tuple[__MOVABLE__, float]", ["mtr", 1], "[0]"),
        ("tuple[__MOVABLE__, ...]", ["mtr"], "[0]"),
        ("set[__MOVABLE__]", ["mtr"], "[0]"),
        ("dict[str, list[__MOVABLE__]]", {"a": ["motor"], "b": ["mtr"]}, "['b'][0]"),
        ("__MOVABLE__ | list[float]", "mtr", ""),
        ("list[__MOVABLE__ | float]", [1, "mtr"], "[1]"),
        ("__MOVABLE__ | list[__MOVABLE__]", ["mtr"], "[0]"),
        ("typing.Literal['all'] | __MOVABLE__", "mtr", ""),
        ("__DEVICE__", "count", ""),
        ("__PLAN__", "motor", ""),
        ("__PLAN_OR_DEVICE__", "mtr", ""),
        ("__MOVABLE__", "stage.z", ""),
        ("__MOVABLE__", "stage.y.z", ""),
        ("__MOVABLE__", "mtr.x", ""),
    ],
)
def test_a_name_is_checked_at_any_depth(warnings, annotation, value, where):
    (found,) = warnings(annotation, value)
    assert found.where == where
    assert found.sentence.endswith(FAILS)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("__MOVABLE__", "motor"),
        ("__MOVABLE__", "stage.x"),
        ("__READABLE__", "stage.y.readback"),
        ("__DEVICE__", "flyer"),
        ("__PLAN__", "count"),
        ("__PLAN_OR_DEVICE__", "count"),
        ("__PLAN_OR_DEVICE__", "det1"),
        ("__PLAN__ | __DEVICE__", "count"),
        ("__READABLE__ | __MOVABLE__", "det1"),
        # These are deeper than the lists go.
        # The functions that exist are known when the plan runs.
        ("__CALLABLE__", "nobody.knows"),
        ("__CALLABLE__ | __READABLE__", "nobody"),
        # The text may be plain text.
        ("str | __READABLE__", "a remark"),
        ("str | __READABLE__", "remark"),
        ("str | list[__READABLE__]", "remark"),
        ("typing.Any | __READABLE__", "remark"),
        ("list[typing.Union[__MOVABLE__, typing.Any]]", ["remark", "count", 5]),
        ("typing.Any", "det9"),
        ("list", ["det9"]),
        ("typing.Union[str, __MOVABLE__, typing.Any]", "mtr"),
        ("typing.Union[__MOVABLE__, typing.Any]", "motor"),
        ("typing.Union[__MOVABLE__, typing.Any]", ["mtr"]),
        ("collections.abc.Hashable | __READABLE__", "remark"),
        ("list[str] | list[__READABLE__]", ["remark"]),
        ("list | __READABLE__", ["remark"]),
        ("typing.Literal['all'] | __READABLE__", "all"),
        ("dict[str, __READABLE__]", {"remark": "det1"}),
        ("dict[__MOVABLE__, float]", {"motor": 1, "stage.x": 2}),
        ("dict[typing.Any, float]", {"mtor": 1}),
        ("typing.Union[__MOVABLE__, typing.Any]", "det.1 is broken"),
        ("typing.Optional[__READABLE__]", None),
        ("list[__READABLE__]", []),
        ("str", "remark"),
        # The check has compared these with a list.
        ({"type": "Some", "devices": {"Some": ["flyer"]}}, "flyer"),
        ({"type": "Some | __MOVABLE__", "devices": {"Some": ["det1"]}}, "det1"),
        ({"type": "Mode | __READABLE__", "enums": {"Mode": ["FAST"]}}, "FAST"),
    ],
)
def test_there_is_no_false_alarm(warnings, annotation, value):
    assert warnings(annotation, value) == []


@pytest.mark.parametrize("flag", ["convert_device_names", "convert_plan_names"])
def test_text_that_is_not_replaced_need_not_be_a_name(warnings, flag):
    assert warnings("list[__READABLE__]", ["det9"], **{flag: False}) == []
    assert len(warnings("list[__READABLE__]", ["det9"], **{flag: True})) == 1


def test_an_expression_is_evaluated_before_the_check(warnings):
    assert len(warnings("list[__READABLE__]", "['det1', 'det9']", eval_expressions=True)) == 1
    assert warnings("list[__READABLE__]", "['det1']", eval_expressions=True) == []


def test_additional_arguments_are_checked(warnings):
    (found,) = warnings("__READABLE__", "det1", "det9", kind="VAR_POSITIONAL")
    assert found.where == "[1]"
    (found,) = warnings("__READABLE__", kwargs={"a": "det1", "b": "det9"}, kind="VAR_KEYWORD")
    assert found.where == "['b']"
    (found,) = warnings("__READABLE__", kwargs={"p": "det9"})
    assert found.value == "det9"


def test_there_are_no_warnings_while_no_device_is_known(warnings):
    assert warnings("list[__READABLE__]", ["det9"], devices={}) == []


def test_names_in_a_manually_written_list_may_contain_dots(warnings):
    devices = {"a.b": DETECTOR, "det1": DETECTOR}
    assert warnings("list[__READABLE__]", ["a.b", "det1"], devices=devices) == []


def test_only_the_first_of_many_warnings_are_reported(warnings):
    found = warnings("list[__READABLE__]", [f"nothing{n}" for n in range(2000)])
    assert [each.where for each in found] == ["[0]", "[1]", "[2]", "[3]", "[4]"]


def test_each_group_is_warned_about_devices_that_it_may_not_use():
    everything = {"allowed_plans": [None], "allowed_devices": [None]}
    few = {"allowed_plans": [None], "allowed_devices": ["det1", "stage.x"]}
    groups = {"root": everything, "primary": everything, "guests": few}
    catalog = Catalog({"plan": plan("__DEVICE__")}, DEVICES, PermissionRules.from_dict({"user_groups": groups}))

    def warned(group):
        return [name for name in ("det1", "det2", "stage", "stage.x") if catalog.warnings(item(name), group)]

    def item(name):
        return {"name": "plan", "args": [name]}

    assert warned("primary") == []
    assert warned("guests") == ["det2", "stage"]


@pytest.mark.parametrize(
    ("annotation", "value", "where", "reason", "near"),
    [
        ("typing.Union[__MOVABLE__, typing.Any]", "mtor", "", "is not the name of a device", ["motor"]),
        ("list[__MOVABLE__ | object]", [1, "mtor"], "[1]", "is not the name of a device", ["motor"]),
        ("list[__MOVABLE__] | typing.Any", ["motor", "mtor"], "[1]", "is not the name of a device", ["motor"]),
        ("typing.Union[__MOVABLE__, typing.Any]", "det1", "", "is a device that cannot be moved", []),
        ("typing.Union[__READABLE__, typing.Any]", "_hidden", "", "is a device that you may not use", []),
        ("typing.Union[__FLYABLE__, typing.Any, None]", "flyr", "", "is not the name of a device", ["flyer"]),
        ("typing.Union[__PLAN__, typing.Any]", "cuont", "", "is not the name of a plan", ["count"]),
    ],
)
def test_beside_anything_a_similar_name_and_a_device_of_the_wrong_kind_are_reported(
    warnings, annotation, value, where, reason, near
):
    (found,) = warnings(annotation, value)
    assert (found.where, found.suggestions, found.outlook) == (where, near, "the plan is likely to fail")
    assert found.reason.startswith(reason)


@pytest.mark.parametrize("annotation", ["dict[__MOVABLE__, float]", "typing.Mapping[__MOVABLE__, typing.Any] | None"])
def test_keys_that_are_devices_are_checked(warnings, annotation):
    (found,) = warnings(annotation, {"motor": 1, "mtor": 2})
    assert (found.where, found.suggestions, found.path) == ("['mtor'] (key)", ["motor"], (0, "mtor"))
    (found,) = warnings(annotation, {"det1": 1})
    assert found.reason == "is a device that cannot be moved"


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("__READABLE__", "camera.cam.acquire_time"),
        ("__MOVABLE__", "stage.x.setpoint"),
        ("__PLAN_OR_DEVICE__", "camera.cam"),
        ("typing.Union[__MOVABLE__, typing.Any]", "camera.cam.acquire_time"),
    ],
)
def test_a_name_below_the_lists_is_accepted_with_a_warning(warnings, annotation, value):
    (found,) = warnings(annotation, value)
    assert found.reason == "is a subdevice that is not in the list of devices"
    assert found.outlook.startswith("the plan will fail unless this device exists")
