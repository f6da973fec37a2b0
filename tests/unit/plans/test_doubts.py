"""Names in the arguments of an accepted plan that mean nothing, or another kind of device."""

import pytest

from bluesky_qs.plans.catalog import Catalog
from bluesky_qs.plans.permissions import Permissions

DETECTOR = {"classname": "D", "module": "m", "is_readable": True, "is_movable": False, "is_flyable": False}
MOTOR = {**DETECTOR, "is_movable": True}
FLYER = {**DETECTOR, "is_readable": False, "is_flyable": True}
DEVICES = {
    "det1": DETECTOR,
    "det2": DETECTOR,
    "motor": MOTOR,
    "flyer": FLYER,
    "camera": DETECTOR,  # an area detector: the lists leave its parts out
    "stage": {**DETECTOR, "components": {"x": MOTOR, "y": {**MOTOR, "components": {"readback": DETECTOR}}}},
    "_hidden": DETECTOR,
}
FAILS = "the plan will fail unless that is mended"


def plan(annotation, *, kind="POSITIONAL_OR_KEYWORD", **rest):
    value = {"POSITIONAL_OR_KEYWORD": 1, "VAR_POSITIONAL": 2, "VAR_KEYWORD": 4}[kind]
    described = annotation if isinstance(annotation, dict) else {"type": annotation}
    parameter = {"name": "p", "kind": {"name": kind, "value": value}, "annotation": described, **rest}
    return {"name": "plan", "module": "m", "parameters": [parameter], "properties": {"is_generator": True}}


@pytest.fixture
def doubts():
    """Accept a plan with one parameter of this type, and return what is doubtful about its arguments."""

    def doubts(annotation, *args, devices=DEVICES, kwargs=None, **rest):
        everything = {"allowed_plans": [None], "allowed_devices": [None]}
        groups = {"root": {**everything, "forbidden_devices": [":^_"]}, "primary": everything}
        plans = {"plan": plan(annotation, **rest), "count": plan("int")}
        catalog = Catalog(plans, devices, Permissions.from_dict({"user_groups": groups}))
        item = {"name": "plan", "args": list(args), "kwargs": kwargs or {}}
        catalog.check(item, "primary")
        return catalog.doubts(item, "primary")

    return doubts


def test_a_name_that_is_none_is_told_with_its_place_and_those_alike(doubts):
    (found,) = doubts("list[__READABLE__]", ["det1", "det9", "motor"])
    assert (found.parameter, found.where, found.value, found.suggestions) == ("p", "[1]", "det9", ["det1", "det2"])
    assert found.sentence == (
        "Parameter 'p'[1]: 'det9' is not the name of a device that the user group 'primary' may use "
        f"(did you mean 'det1' or 'det2'?): {FAILS}"
    )


def test_a_device_that_the_group_may_not_use_is_told(doubts):
    (found,) = doubts("__READABLE__", "_hidden")
    assert "'_hidden' is not the name of a device that the user group 'primary' may use" in found.sentence


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
def test_a_device_of_another_kind_is_told(doubts, annotation, name, able, near):
    (found,) = doubts(annotation, name)
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
def test_a_text_that_has_to_be_a_name_is_found_wherever_it_is(doubts, annotation, value, where):
    (found,) = doubts(annotation, value)
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
        # The lists end above these.
        ("__READABLE__", "camera.cam.acquire_time"),
        ("__MOVABLE__", "stage.x.setpoint"),
        ("__PLAN_OR_DEVICE__", "camera.cam"),
        # Whether there is such a function is known where the plan runs.
        ("__CALLABLE__", "nobody.knows"),
        ("__CALLABLE__ | __READABLE__", "nobody"),
        # A text may be no more than a text.
        ("str | __READABLE__", "a remark"),
        ("str | __READABLE__", "remark"),
        ("str | list[__READABLE__]", "remark"),
        ("typing.Any | __READABLE__", "remark"),
        ("list[typing.Union[__MOVABLE__, typing.Any]]", ["mtr"]),
        ("collections.abc.Hashable | __READABLE__", "remark"),
        ("list[str] | list[__READABLE__]", ["remark"]),
        ("list | __READABLE__", ["remark"]),
        ("typing.Literal['all'] | __READABLE__", "all"),
        ("dict[str, __READABLE__]", {"remark": "det1"}),
        ("typing.Optional[__READABLE__]", None),
        ("list[__READABLE__]", []),
        ("str", "remark"),
        # A list has been asked already.
        ({"type": "Some", "devices": {"Some": ["flyer"]}}, "flyer"),
        ({"type": "Some | __MOVABLE__", "devices": {"Some": ["det1"]}}, "det1"),
        ({"type": "Mode | __READABLE__", "enums": {"Mode": ["FAST"]}}, "FAST"),
    ],
)
def test_there_is_no_false_alarm(doubts, annotation, value):
    assert doubts(annotation, value) == []


@pytest.mark.parametrize("flag", ["convert_device_names", "convert_plan_names"])
def test_a_text_that_stays_one_need_not_be_a_name(doubts, flag):
    assert doubts("list[__READABLE__]", ["det9"], **{flag: False}) == []
    assert len(doubts("list[__READABLE__]", ["det9"], **{flag: True})) == 1


def test_an_expression_is_judged_by_its_value(doubts):
    assert len(doubts("list[__READABLE__]", "['det1', 'det9']", eval_expressions=True)) == 1
    assert doubts("list[__READABLE__]", "['det1']", eval_expressions=True) == []


def test_further_arguments_are_looked_at_as_well(doubts):
    (found,) = doubts("__READABLE__", "det1", "det9", kind="VAR_POSITIONAL")
    assert found.where == "[1]"
    (found,) = doubts("__READABLE__", kwargs={"a": "det1", "b": "det9"}, kind="VAR_KEYWORD")
    assert found.where == "['b']"
    (found,) = doubts("__READABLE__", kwargs={"p": "det9"})
    assert found.value == "det9"


def test_nothing_is_doubtful_as_long_as_no_device_is_known(doubts):
    assert doubts("list[__READABLE__]", ["det9"], devices={}) == []


def test_a_list_written_by_hand_may_have_dots_in_its_names(doubts):
    devices = {"a.b": DETECTOR, "det1": DETECTOR}
    assert doubts("list[__READABLE__]", ["a.b", "det1"], devices=devices) == []


def test_the_first_of_many_are_told(doubts):
    found = doubts("list[__READABLE__]", [f"nothing{n}" for n in range(2000)])
    assert [each.where for each in found] == ["[0]", "[1]", "[2]", "[3]", "[4]"]


def test_each_group_is_told_of_what_it_may_not_use():
    everything = {"allowed_plans": [None], "allowed_devices": [None]}
    few = {"allowed_plans": [None], "allowed_devices": ["det1", "stage.x"]}
    groups = {"root": everything, "primary": everything, "guests": few}
    catalog = Catalog({"plan": plan("__DEVICE__")}, DEVICES, Permissions.from_dict({"user_groups": groups}))

    def doubted(group):
        return [name for name in ("det1", "det2", "stage", "stage.x") if catalog.doubts(item(name), group)]

    def item(name):
        return {"name": "plan", "args": [name]}

    assert doubted("primary") == []
    assert doubted("guests") == ["det2", "stage"]
