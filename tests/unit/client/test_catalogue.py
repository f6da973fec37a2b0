import inspect

import pytest

from bluesky_qs import BPlan

COUNT = {
    "name": "count",
    "description": "Take readings.",
    "parameters": [
        {
            "name": "detectors",
            "kind": {"name": "POSITIONAL_OR_KEYWORD", "value": 1},
            "annotation": {"type": "typing.List[__READABLE__]"},
            "description": "what is read",
        },
        {"name": "num", "kind": {"name": "KEYWORD_ONLY", "value": 3}, "default": "1", "min": "0"},
    ],
}
BUNDLE = {
    "is_readable": True,
    "is_movable": False,
    "module": "ophyd.sim",
    "classname": "SynBundle",
    "components": {"mtrs": {"components": {"x": {"is_movable": True}}}, "count": {"is_readable": True}},
}


@pytest.fixture(autouse=True)
def lists(qs_manager):
    qs_manager.worker.plans, qs_manager.worker.devices = {"count": COUNT}, {"bundle": BUNDLE}
    qs_manager.open()


def test_a_plan_of_the_catalogue_makes_its_item(RM):
    assert RM.plans.count(["det1"], num=5) == BPlan("count", ["det1"], num=5)


def test_a_plan_shows_signature_and_documentation(RM):
    assert str(inspect.signature(RM.plans.count)) == "(detectors: typing.List[__READABLE__], *, num=1)"
    text = inspect.getdoc(RM.plans.count)
    assert text.startswith("Take readings.")
    assert "detectors\n    what is read" in text
    assert "num\n    (min 0)" in text


def test_a_device_is_its_name_with_subdevices(RM):
    x = RM.devices.bundle.mtrs.x
    assert x == "bundle.mtrs.x"
    assert isinstance(x, str)
    assert RM.devices.bundle.count == "bundle.count"
    assert sorted(dir(RM.devices.bundle)) == ["count", "mtrs"]
    assert "ophyd.sim.SynBundle (readable)" in RM.devices.bundle.__doc__


def test_an_unknown_name_is_refused_with_similar_names(RM):
    with pytest.raises(AttributeError, match="did you mean 'count'"):
        RM.plans.cuont  # noqa: B018


def test_completion_never_asks_the_service(qs_manager, RM):
    assert dir(RM.plans) == []
    assert qs_manager.requests == []
    assert list(RM.plans) == ["count"]
    qs_manager.requests.clear()
    assert dir(RM.plans) == ["count"]
    assert qs_manager.requests == []
