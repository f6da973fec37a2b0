"""Several items on one line: all or none, with one sentence."""

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.errors import QSError
from bluesky_qs.manager.execution.results import unreported


@pytest.fixture
def six(qs, opened, plan):
    """Six plans are in the queue, and six in the history, of which the last one failed; both were shown."""
    past = [plan("count", f"old-{at}", ["det1"], num=at) | {"result": ended("completed")} for at in range(5)]
    past.append(plan("count", "old-5", ["det1"], num=5) | {"result": ended("failed")})
    opened.fill([plan("count", f"uid-{at}", ["det1"], num=at) for at in range(6)], past)
    for line in ("history", "queue"):
        qs(line)
    opened.requests.clear()
    return opened


def ended(status):
    return unreported(status, "", now=2.0) | {"run_uids": ["r"], "scan_ids": [1], "time_start": 1.0, "time_stop": 2.0}


def nums(manager):
    return [item["kwargs"]["num"] for item in manager.do("queue_get")["items"]]


def first(view):
    return pretty(view).splitlines()[0]


@pytest.mark.parametrize(
    ("line", "expected", "sentence"),
    [
        ("move 2-4 front", [2, 3, 4, 0, 1, 5], "Moved 3 items to positions 0-2."),
        ("move 0,2 back", [1, 3, 4, 5, 0, 2], "Moved 2 items to positions 4, 5."),
        ("move 4-5 1", [0, 4, 5, 1, 2, 3], "Moved 2 items to positions 1, 2."),
        ("move 0-1 -1", [2, 3, 4, 5, 0, 1], "Moved 2 items to positions 4, 5."),
        ("move 0-1 9", [2, 3, 4, 5, 0, 1], "Moved 2 items to positions 4, 5."),
        ("move 0-1 after 4", [2, 3, 4, 0, 1, 5], "Moved 2 items to positions 3, 4."),
        ("move 4-5 before 0", [4, 5, 0, 1, 2, 3], "Moved 2 items to positions 0, 1."),
    ],
)
def test_several_items_are_moved(qs, six, line, expected, sentence):
    moved = qs(line)
    assert len(six.requests) <= 2, six.methods
    assert nums(six) == expected
    assert [item["kwargs"]["num"] for item in moved.queue] == expected
    assert first(moved).replace("4-5", "4, 5") == sentence
    qs("undo")
    assert nums(six) == [0, 1, 2, 3, 4, 5]


def test_several_plans_are_edited_with_one_request_and_one_undo(qs, six):
    changed = qs("edit 1-3 num=9 --md sample='Si'")
    assert six.methods == ["queue_get", "queue_item_update_batch"]
    assert nums(six) == [0, 9, 9, 9, 4, 5]
    assert pretty(changed) == "Changed 3 plans at positions 1-3.\n  --md sample='Si'"
    assert [item.get("meta") for item in six.do("queue_get")["items"]][:2] == [None, {"sample": "Si"}]
    assert first(qs("undo")).startswith("Undid the edit of 3 plans at ")
    assert nums(six) == [0, 1, 2, 3, 4, 5]


def test_an_edit_that_one_plan_cannot_take_changes_none(qs, six):
    with pytest.raises(QSError, match="item 1"):
        qs("edit 1-3 num='x'")
    with pytest.raises(UsageError, match="A whole plan"):
        qs("edit 1-3 count([det1])")
    assert nums(six) == [0, 1, 2, 3, 4, 5]


def test_an_edit_of_several_that_somebody_has_overtaken_changes_none(qs, six):
    read = six.do("queue_get")
    six.answers["queue_get"] = {"success": True, "msg": "", **read}  # as it was just before
    six.do("queue_item_update", item={**read["items"][2], "kwargs": {"num": 8}}, user="grace", user_group="admin")
    with pytest.raises(QSError, match="has changed"):
        qs("edit 1-3 num=9")
    del six.answers["queue_get"]
    assert nums(six) == [0, 1, 8, 3, 4, 5]


def test_several_plans_of_the_history_are_queued_again(qs, six):
    again = qs("redo 1-3")
    assert six.methods == ["queue_item_add_batch"]
    assert nums(six)[6:] == [1, 2, 3]
    assert first(again) == "Queued 3 count plans at positions 6-8."


def test_plans_are_queued_again_with_other_values(qs, six):
    qs("redo 3 num=80 --front")
    qs("redo 0-1 num=7 --md sample='Si'")
    assert nums(six) == [80, 0, 1, 2, 3, 4, 5, 7, 7]
    assert six.do("queue_get")["items"][-1]["meta"] == {"sample": "Si"}


def test_a_failed_plan_that_is_back_is_queued_again_only_if_it_is_changed(qs, opened, plan):
    result = ended("failed")
    failed = plan("count", "old-1", ["det1"], num=1) | {"result": result}
    good = plan("count", "old-0", ["det1"], num=0) | {"result": ended("completed")}
    opened.fill([{**failed, "item_uid": "back"}], [good, failed])
    qs("history")
    assert (
        first(qs("redo 0-1"))
        == "Queued 1 count plan at position 1. 1 plan was already back in the queue and not queued again."
    )
    qs("redo 1 num=5")
    assert nums(opened) == [1, 0, 5]


def test_an_edit_of_several_that_changes_nothing_says_so(qs, six):
    qs("edit 3-5 num=7")
    with pytest.raises(UsageError, match="Nothing would change: all of these plans already have these values"):
        qs("edit 3-5 num=7")
    with pytest.raises(UsageError, match="Expected NAME=VALUE"):
        qs("edit 3-5")
