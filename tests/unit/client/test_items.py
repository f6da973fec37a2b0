import copy
import json
import pickle

import pytest

from bluesky_qs import BFunc, BInst, BItem, BPlan


def test_a_plan_is_the_dictionary_that_is_sent():
    plan = BPlan("count", ["det1"], num=5)
    assert plan.to_dict() == {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 5}}
    assert type(plan.to_dict()) is dict
    assert json.loads(json.dumps(plan)) == plan


def test_arguments_that_were_not_given_are_left_out():
    assert BPlan("null") == {"item_type": "plan", "name": "null"}
    assert (BPlan("null").args, BPlan("null").kwargs, BPlan("null").meta) == ([], {}, {})


@pytest.mark.parametrize("name", ["item_type", "name", "self", "args"])
def test_a_plan_may_have_parameters_of_any_name(name):
    assert BPlan("p", **{name: 1}).kwargs == {name: 1}


def test_items_are_equal_when_their_parts_are():
    assert BPlan("count", ["det1"]) == BItem("plan", "count", ["det1"])
    assert BPlan("count", ["det1"]) != BPlan("count", ["det2"])
    assert BFunc("f") != BPlan("f")


def test_an_item_shows_itself_as_one_would_type_it():
    assert repr(BPlan("count", ["det1"], num=5)) == "count(['det1'], num=5)"
    assert repr(BInst("queue_stop")) == "queue_stop"


def test_an_item_is_made_from_what_the_service_sent():
    sent = {"item_type": "plan", "name": "count", "item_uid": "a", "user": "ana", "args": [1]}
    plan = BPlan(sent)
    assert (plan, plan.item_uid) == (sent, "a")


def test_parts_can_be_changed():
    plan = BPlan("count")
    plan.args, plan.kwargs, plan.meta, plan.item_uid, plan.name = ([1], {"num": 2}, {"sample": "a"}, "u", "scan")
    assert plan == {
        "item_type": "plan",
        "name": "scan",
        "args": [1],
        "kwargs": {"num": 2},
        "meta": {"sample": "a"},
        "item_uid": "u",
    }
    plan.item_uid = None
    assert "item_uid" not in plan
    plan.dict_ref["user"] = "ana"
    assert plan["user"] == "ana"


@pytest.mark.parametrize("made", [lambda: BItem("plane", "count"), lambda: BPlan(""), lambda: BPlan(BFunc("f"))])
def test_an_item_of_no_type_or_name_is_refused(made):
    with pytest.raises(ValueError, match="item"):
        made()


@pytest.mark.parametrize(
    ("part", "value"), [("args", "det1"), ("kwargs", [1]), ("meta", 5), ("meta", "a"), ("meta", [{"a": 1}, 5])]
)
def test_a_part_of_another_type_is_refused(part, value):
    plan = BPlan("count")
    with pytest.raises(TypeError, match=part):
        setattr(plan, part, value)
    assert plan == BPlan("count")


@pytest.mark.parametrize("kind", [BPlan, BFunc, BItem])
def test_an_item_is_made_of_a_name_or_a_dictionary(kind):
    with pytest.raises(TypeError, match="or a dictionary, not 5"):
        kind(5)


def test_copies_are_items():
    plan = BPlan("count", ["det1"])
    for copied in (copy.deepcopy(plan), pickle.loads(pickle.dumps(plan))):
        assert copied == plan
        assert type(copied) is BPlan


def test_an_item_becomes_another_and_is_checked():
    item = BItem("plan", "count", ["det1"])
    item.from_dict({"item_type": "instruction", "name": "queue_stop"})
    assert item == BInst("queue_stop")
    item.name, item.item_type = "scan", "plan"
    assert item == BPlan("scan")
    with pytest.raises(ValueError, match="item_type"):
        item.item_type = "walk"
    with pytest.raises(ValueError, match="name"):
        item.name = 5
    assert item == BPlan("scan")
