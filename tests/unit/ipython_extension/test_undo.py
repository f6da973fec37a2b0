"""``%qs undo``, and edits that somebody else has overtaken."""

import re

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.errors import QSError
from ipython_extension.shown.undo_text import own_changes

pytestmark = pytest.mark.over_http_too


@pytest.fixture
def four(qs, opened, plan):
    """Four plans are in the queue and were shown."""
    opened.fill([plan("count", f"uid-{at}", ["det1"], num=at) for at in range(4)])
    qs("queue")
    return opened


def displayed(error):
    (line,) = error._render_traceback_()
    return line.removeprefix("Refused: ")


def nums(manager):
    return [item["kwargs"]["num"] for item in manager.do("queue_get")["items"]]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("clear", "Put back 4 plans, cleared at "),
        ("rm 1", "Put back 1 plan, removed at "),
        ("rm 1-2", "Put back 2 plans, removed at "),
        ("move 0 back", "Undid the move of 1 plan at "),
        ("edit 1 num=9", "Undid the edit of 1 plan at "),
    ],
)
def test_the_latest_change_is_undone_and_named(qs, four, line, sentence):
    qs(line)
    assert nums(four) != [0, 1, 2, 3]
    undone = qs("undo")
    assert nums(four) == [0, 1, 2, 3]
    assert pretty(undone).splitlines()[0].startswith(sentence)
    assert [item["item_uid"] for item in undone] == [item["item_uid"] for item in undone["items"]]


def test_the_plans_that_come_back_are_listed(qs, four):
    qs("rm 1")
    lines = pretty(qs("undo")).splitlines()
    assert re.fullmatch(r"Put back 1 plan, removed at [\d:]+\.", lines[0])
    assert lines[1:] == ["  count([det1], num=1)"]


def test_undo_goes_further_back_each_time_until_there_is_nothing(qs, four):
    qs("move 0 back")
    qs("rm 0")
    qs("undo")
    assert nums(four) == [1, 2, 3, 0]
    qs("undo")
    assert nums(four) == [0, 1, 2, 3]
    assert pretty(qs("undo")) == (
        "There is nothing to undo: none of your clears, removals, moves or edits in the last hour is in effect."
    )


def test_changes_of_others_stay_and_are_named(qs, four):
    qs("rm 0")
    four.do("queue_item_remove", uid="uid-3", user="grace")
    four.do("queue_item_add", item={"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 7}},
            user="bob", user_group="admin")  # fmt: skip
    text = " ".join(pretty(qs("undo")).split())
    assert nums(four) == [0, 1, 2, 7]
    assert re.search(
        r"Later changes by other users remain: grace removed 1 item at [\d:]+, bob added 1 item at [\d:]+\.", text
    )


def test_only_ones_own_changes_are_undone(qs, four):
    four.do("queue_clear", user="grace")
    assert "nothing to undo" in pretty(qs("undo"))


def test_a_plan_that_somebody_has_changed_since_then_is_named_with_the_reason(qs, four):
    qs("move 1 back")
    four.do("queue_item_move", uid="uid-1", pos_dest="front", user="grace")
    with pytest.raises(QSError) as refused:
        qs("undo")
    assert displayed(refused.value) == "Not undone: count([det1], num=1) was moved since then by grace"


def test_a_refused_undo_offers_the_earlier_change_which_can_then_be_undone(qs, four):
    qs("edit 2 num=7")
    qs("move 0 back")
    four.do("queue_item_move", uid="uid-0", pos_dest="front", user="grace")
    with pytest.raises(QSError) as refused:
        qs("undo")
    reason, offer = displayed(refused.value).split(". ")
    assert reason == "Not undone: count([det1], num=0) was moved since then by grace"
    offered = re.fullmatch(r"To undo your earlier edit of 1 item at [\d:]+: %qs (undo \d+)", offer)
    undone = qs(offered[1])
    assert pretty(undone).startswith("Undid the edit of 1 plan at ")
    assert nums(four) == [0, 1, 2, 3]
    with pytest.raises(QSError) as refused:  # nothing more to offer
        qs("undo")
    assert displayed(refused.value) == reason


def test_an_earlier_change_of_the_same_item_is_not_offered(qs, four):
    qs("rm 3")
    qs("edit 0 num=7")
    qs("move 0 back")
    (uid,) = [item["item_uid"] for item in four.do("queue_get")["items"] if item["kwargs"]["num"] == 7]
    four.do("queue_item_move", uid=uid, pos_dest="front", user="grace")
    with pytest.raises(QSError, match="To undo your earlier removal of 1 item at") as refused:
        qs("undo")
    qs(displayed(refused.value).rpartition("%qs ")[2])
    assert nums(four) == [7, 1, 2, 3]


@pytest.mark.parametrize("number", ["1", "grace's"])
def test_only_a_change_of_ones_own_is_undone_by_its_number(qs, four, number):
    qs("rm 0")
    four.do("queue_item_remove", uid="uid-3", user="grace")
    event = four.do("events_get")["events"][-1]["seq"] if number == "grace's" else number
    with pytest.raises(UsageError, match=f"You have no change number {event} that can be undone"):
        qs(f"undo {event}")
    assert nums(four) == [1, 2]


@pytest.fixture
def tables(tmp_path):
    """Options that add plans: from a table of 3 rows and one of 120, and from a file."""
    (tmp_path / "three.csv").write_text("n\n7\n8\n9\n")
    (tmp_path / "many.csv").write_text("n\n" + "7\n" * 120)
    (tmp_path / "plans.txt").write_text("count([det1], num=7)\ncount([det1], num=8)\n")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "remove"),
    [
        ("add count([det1], num=7)", "To remove it: %qs rm 3"),
        ("add count([det1], num=7) --front", "To remove it: %qs rm 0"),
        ("add count([det1], num=7) count([det1], num=8)", "To remove them: %qs rm 3, 4"),
        ("add count([det1], num=$n) --for {tables}/three.csv", "To remove them: %qs rm 3-5"),
        ("add count([det1], num=$n) --for {tables}/many.csv", "To remove them: %qs rm 3-122"),
        ("add --file {tables}/plans.txt", "To remove them: %qs rm 3, 4"),
    ],
)
def test_plans_that_were_added_last_are_not_undone_and_the_commands_are_given(qs, four, tables, line, remove):
    qs("rm 0")
    qs(line.format(tables=tables))
    before = nums(four)
    with pytest.raises(QSError) as refused:
        qs("undo")
    assert nums(four) == before
    reason, how, earlier = displayed(refused.value).split(". ")
    assert re.fullmatch(
        r"Error: Your latest change, at [\d:]+, added \d+ items?, and %qs undo does not remove (it|them)", reason
    )
    assert how == remove
    earlier = re.fullmatch(r"To undo your earlier removal of 1 item at [\d:]+: %qs (undo \d+)", earlier)
    qs(how.rpartition("%qs ")[2])
    assert nums(four) == [1, 2, 3]
    qs(earlier[1])
    assert nums(four) == [0, 1, 2, 3]


def test_a_redone_plan_is_not_undone_either(qs, opened):
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.wait_idle()
    qs("history")
    qs("redo -1")
    with pytest.raises(QSError, match=r"To remove it: %qs rm 0$"):
        qs("undo")
    assert len(opened.do("queue_get")["items"]) == 1


def test_added_plans_that_have_left_the_queue_are_not_offered(qs, four):
    qs("rm 0")
    qs("add count([det1], num=7) count([det1], num=8)")
    four.do("queue_item_remove", pos="back", user="grace")
    with pytest.raises(QSError, match=r"To remove the 1 that is still in the queue: %qs rm 3\. To undo your earlier"):
        qs("undo")
    four.do("queue_item_remove", pos="back", user="grace")
    with pytest.raises(QSError, match=r"They are no longer in the queue\. To undo your earlier removal"):
        qs("undo")
    assert nums(four) == [1, 2, 3]


def test_many_plans_that_another_session_added_are_not_named_by_positions(qs, four):
    item = {"item_type": "plan", "name": "count", "args": [["det1"]]}
    user = qs("rm 0") and four.do("events_get")["events"][-1]["user"]
    four.do("queue_item_add_batch", items=[item] * 101, user=user, user_group="admin")
    with pytest.raises(QSError, match=r"look up their positions \(%qs queue\), then %qs rm A-B\. To undo"):
        qs("undo")
    assert four.do("status")["items_in_queue"] == 104


@pytest.mark.parametrize(("count", "them"), [(4, "them"), (1, "it")])
def test_clear_mentions_undo(qs, four, count, them):
    if count == 1:
        qs("rm 1-3")
    items = "1 item" if count == 1 else f"{count} items"
    assert pretty(qs("clear")) == f"Removed {items} (%qs undo puts {them} back)."
    qs("undo")
    assert len(nums(four)) == count


def test_what_is_no_number_is_refused(qs, four):
    qs("rm 0")
    with pytest.raises(UsageError, match="'first'"):
        qs("undo first")
    assert nums(four) == [1, 2, 3]


def test_an_undo_costs_two_requests(qs, four):
    qs("rm 1")
    four.requests.clear()
    qs("undo")
    assert four.methods == ["events_get", "queue_undo"]


def test_an_edit_that_somebody_has_overtaken_is_refused_with_the_plan_as_it_is_now(qs, four, monkeypatch):
    read = four.do("queue_get")
    four.answers["queue_get"] = {"success": True, "msg": "", **read}  # as it was just before
    four.do("queue_item_update", item={**read["items"][1], "kwargs": {"num": 8}}, user="grace", user_group="admin")
    with pytest.raises(QSError) as refused:
        qs("edit 1 num=9")
    assert displayed(refused.value) == (
        "Not changed: somebody else has changed this plan. It is now count([det1], num=8). "
        "Enter the line again to edit it."
    )
    del four.answers["queue_get"]
    qs("edit 1 num=9")
    assert nums(four) == [0, 9, 2, 3]


def test_an_edit_sends_what_it_read_only_to_a_service_that_takes_it(qs, four):
    qs("edit 1 num=9")
    assert four.asked("queue_item_update")[-1]["expected"]["kwargs"] == {"num": 1}
    status = {**four.do("status"), "extensions": []}
    four.answers["status"] = status
    qs("status")
    qs("edit 1 num=10")
    assert "expected" not in four.asked("queue_item_update")[-1]


def change(seq, kind=None, user="me", **more):
    return {
        "seq": seq,
        "time": 0.0,
        "type": "queue_changed",
        "user": user,
        **({"change": kind} if kind else {}),
        **more,
    }


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], None),
        ([change(1)], None),
        ([change(1, "move"), change(2)], 1),
        ([change(1, "move"), change(2, "edit"), change(3, "undo", undoes=2)], 1),
        # The undo of 2 was undone, so that 2 is in effect again.
        ([change(1, "move"), change(2, "edit"), change(3, "undo", undoes=2), change(4, "undo", undoes=3)], 2),
        ([change(1, "clear"), change(2, "undo", user="grace", undoes=1)], None),
    ],
)
def test_the_latest_change_in_effect_is_found(events, expected):
    found = own_changes(events, "me")
    assert (found[0].event["seq"] if found else None) == expected
