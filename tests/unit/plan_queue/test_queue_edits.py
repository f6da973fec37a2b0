"""What users may do to the queue: where items go, what is refused and with which words."""

import json
import re

import pytest

from bluesky_qs.errors import BadParams, ItemError, NotFound
from bluesky_qs.plan_queue.changes import ClearQueue, PutItem, Snapshot, StoredItem
from bluesky_qs.plan_queue.items import DEEPEST
from bluesky_qs.plan_queue.position import spread
from bluesky_qs.plan_queue.queue import PlanQueue


def plan(name, **more):
    return {"item_type": "plan", "name": name, "user": "u", "user_group": "g", **more}


@pytest.fixture
def queue():
    """Plans a b c d e, with the uids 0 1 2 3 4."""
    snapshot = Snapshot(
        [
            StoredItem(str(n), rank, json.dumps(plan(name, item_uid=str(n))).encode())
            for n, (name, rank) in enumerate(zip("abcde", spread(None, None, 5), strict=True))
        ],
    )
    return PlanQueue.restore(snapshot)


def names(queue):
    return "".join(json.loads(data)["name"] for data in queue.items_json())


@pytest.mark.parametrize(
    ("place", "result"),
    [
        ({}, "abcdeX"),
        ({"pos": "back"}, "abcdeX"),
        ({"pos": "front"}, "Xabcde"),
        ({"pos": 0}, "Xabcde"),
        ({"pos": 2}, "abXcde"),
        ({"pos": 5}, "abcdeX"),
        ({"pos": 99}, "abcdeX"),
        ({"pos": -1}, "abcdXe"),
        ({"pos": -2}, "abcXde"),
        ({"pos": -5}, "Xabcde"),
        ({"pos": -99}, "Xabcde"),
        ({"before_uid": "0"}, "Xabcde"),
        ({"before_uid": "3"}, "abcXde"),
        ({"after_uid": "3"}, "abcdXe"),
        ({"after_uid": "4"}, "abcdeX"),
    ],
)
def test_an_item_is_added_at_the_requested_place(queue, place, result):
    edit = queue.add(plan("X"), **place)
    assert names(queue) == result
    assert edit.items[0]["item_uid"] == json.loads(queue.items_json()[result.index("X")])["item_uid"]


def test_a_batch_stays_together_in_its_order(queue):
    edit = queue.add_batch([plan(name) for name in "XYZ"], after_uid="1")
    assert names(queue) == "abXYZcde"
    assert [item["name"] for item in edit.items] == ["X", "Y", "Z"]


def test_items_prepared_beforehand_are_added_as_they_are(queue):
    prepared = queue.prepare(plan("X"))
    edit = queue.add_batch([prepared], pos="front")
    assert names(queue) == "Xabcde"
    assert edit.items == [prepared.item]


def test_an_empty_batch_changes_nothing(queue):
    before = queue.queue_uid
    assert queue.add_batch([]).changes == []
    assert queue.queue_uid == before


@pytest.mark.parametrize(
    ("place", "error", "words"),
    [
        ({"pos": 1, "before_uid": "0"}, BadParams, "Ambiguous parameters"),
        ({"before_uid": "1", "after_uid": "0"}, BadParams, "Ambiguous parameters"),
        ({"before_uid": "x"}, NotFound, "Plan with UID 'x' is not in the queue"),
        ({"after_uid": "x"}, NotFound, "Plan with UID 'x' is not in the queue"),
    ],
)
def test_a_place_that_is_not_there_is_refused_and_nothing_added(queue, place, error, words):
    with pytest.raises(error, match=words):
        queue.add(plan("X"), **place)
    assert names(queue) == "abcde"


def test_behind_the_running_item_is_the_front_of_the_queue(queue):
    queue.start_next(1.0)
    queue.add(plan("X"), after_uid="0")
    queue.move(uid="4", after_uid="0")
    queue.move_batch(["3", "2"], after_uid="0")
    assert names(queue) == "dceXb"


@pytest.mark.parametrize(
    "change",
    [
        lambda queue: queue.add(plan("X"), before_uid="0"),
        lambda queue: queue.move(pos=1, before_uid="0"),
        lambda queue: queue.move_batch(["3"], before_uid="0"),
    ],
)
def test_before_the_running_item_there_is_no_place(queue, change):
    queue.start_next(1.0)
    with pytest.raises(ItemError, match="Can not insert a plan in the queue before a currently running plan"):
        change(queue)


def test_only_known_keys_are_queued_under_a_new_uid(queue):
    sent = plan(
        "X",
        item_uid="mine",
        args=[1],
        kwargs={"a": 2},
        meta=[{"k": 1}],
        result={"exit_status": "completed"},
        colour="red",
        properties={"time_start": 1.0, "immediate_execution": True},
    )
    kept = queue.add(sent).items[0]
    uid = kept.pop("item_uid")
    assert uid != "mine"
    assert kept == plan("X", args=[1], kwargs={"a": 2}, meta=[{"k": 1}])


def test_properties_that_are_not_of_an_execution_stay_with_the_item(queue):
    item = queue.add(plan("X", properties={"time_start": 1.0, "colour": "red"})).items[0]
    assert item["properties"] == {"colour": "red"}


def test_an_item_is_kept_byte_for_byte_as_json_dumps_writes_it(queue):
    item = queue.add(plan("é", kwargs={"x": float("nan"), "y": float("inf"), "z": 2**70})).items[0]
    assert queue.items_json()[-1] == json.dumps(item).encode()


def test_what_has_no_json_form_is_refused_and_a_batch_as_a_whole(queue):
    with pytest.raises(ItemError, match=r"args\[0\] is of type bytes"):
        queue.add_batch([plan("X"), plan("Y", args=[b"raw"])])
    assert names(queue) == "abcde"


def test_update_changes_an_item_in_its_place(queue):
    edit = queue.update(plan("X", item_uid="2", colour="red"))
    assert names(queue) == "abXde"
    assert edit.items == [plan("X", item_uid="2")]
    assert edit.changes == [
        PutItem(
            "2",
            edit.changes[0].rank,
            json.dumps(plan("X", item_uid="2")).encode(),
            before=queue.items_json()[3],
            replaces=json.dumps(plan("c", item_uid="2")).encode(),
        ),
    ]


def test_update_with_replace_gives_a_new_uid(queue):
    uid = queue.update(plan("X", item_uid="2"), replace=True).items[0]["item_uid"]
    assert names(queue) == "abXde"
    assert queue.position_of("2") is None
    assert queue.position_of(uid) == 2


def test_an_update_with_the_same_content_changes_nothing(queue):
    before = queue.queue_uid
    assert queue.update(plan("c", item_uid="2")).changes == []
    assert queue.queue_uid == before


@pytest.mark.parametrize("uid", [{}, {"item_uid": "x"}, {"item_uid": 5}])
def test_update_of_an_item_that_is_not_queued_is_refused(queue, uid):
    with pytest.raises(NotFound, match=r"Item with UID .* is not in the queue"):
        queue.update(plan("X", **uid))


def test_the_running_item_is_neither_got_nor_updated_nor_removed(queue):
    queue.start_next(1.0)
    with pytest.raises(ItemError, match="is currently running"):
        queue.item(uid="0")
    with pytest.raises(ItemError, match="is currently running"):
        queue.update(plan("X", item_uid="0"))
    with pytest.raises(ItemError, match="Can not remove an item which is currently running"):
        queue.remove(uid="0")


@pytest.mark.parametrize(
    ("which", "uid"),
    [
        ({}, "4"),
        ({"pos": "back"}, "4"),
        ({"pos": "front"}, "0"),
        ({"pos": 1}, "1"),
        ({"pos": -2}, "3"),
        ({"uid": "2"}, "2"),
    ],
)
def test_an_item_is_got_and_removed_by_place_or_uid(queue, which, uid):
    assert queue.item(**which)["item_uid"] == uid
    assert queue.remove(**which).items[0]["item_uid"] == uid
    assert queue.position_of(uid) is None
    assert len(queue) == 4


@pytest.mark.parametrize(
    ("which", "error", "words"),
    [
        ({"pos": 5}, NotFound, "Position 5 is out of range"),
        ({"pos": -6}, NotFound, "Position -6 is out of range"),
        ({"uid": "x"}, NotFound, "'x' is not in the queue"),
        ({"pos": 1, "uid": "1"}, BadParams, "Ambiguous parameters"),
    ],
)
def test_no_item_is_got_or_removed_where_there_is_none(queue, which, error, words):
    with pytest.raises(error, match=words):
        queue.item(**which)
    with pytest.raises(error, match=words):
        queue.remove(**which)
    assert names(queue) == "abcde"


def test_an_empty_queue_has_no_item():
    with pytest.raises(NotFound, match="Queue is empty"):
        PlanQueue().remove()


def test_a_batch_is_removed_in_the_order_of_the_uids(queue):
    edit = queue.remove_batch(["3", "x", "1", "3"])
    assert [item["item_uid"] for item in edit.items] == ["3", "1"]
    assert names(queue) == "ace"


def test_a_batch_with_a_missing_item_is_not_removed_unless_missing_items_are_ignored(queue):
    words = r"The queue does not contain items with the following UIDs: \['7', '8'\]"
    with pytest.raises(NotFound, match=words):
        queue.remove_batch(["1", "7", "8"], ignore_missing=False)
    with pytest.raises(BadParams, match=r"repeated UIDs: \['1'\]"):
        queue.remove_batch(["1", "1"], ignore_missing=False)
    assert names(queue) == "abcde"


@pytest.mark.parametrize(
    ("request_", "result"),
    [
        ({"pos": "front", "pos_dest": "back"}, "bcdea"),
        ({"pos": "back", "pos_dest": "front"}, "eabcd"),
        ({"pos": 1, "pos_dest": 3}, "acdbe"),
        ({"pos": 3, "pos_dest": 1}, "adbce"),
        ({"pos": 1, "pos_dest": -1}, "acdeb"),
        ({"pos": -1, "pos_dest": -2}, "abced"),
        ({"uid": "1", "before_uid": "4"}, "acdbe"),
        ({"uid": "1", "after_uid": "4"}, "acdeb"),
        ({"uid": "4", "before_uid": "1"}, "aebcd"),
        ({"uid": "4", "after_uid": "1"}, "abecd"),
    ],
)
def test_an_item_moves_to_its_destination(queue, request_, result):
    edit = queue.move(**request_)
    assert names(queue) == result
    assert len(edit.changes) == 1


@pytest.mark.parametrize(
    "request_",
    [
        {"pos": 2, "pos_dest": 2},
        {"uid": "2", "before_uid": "3"},
        {"uid": "2", "after_uid": "1"},
        {"uid": "2", "before_uid": "2"},
        {"uid": "4", "pos_dest": "back"},
    ],
)
def test_a_move_to_the_same_place_changes_nothing(queue, request_):
    before = queue.queue_uid
    edit = queue.move(**request_)
    assert edit.changes == []
    assert edit.items[0]["item_uid"] in ("2", "4")
    assert names(queue) == "abcde"
    assert queue.queue_uid == before


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({"pos": 50, "pos_dest": 1}, NotFound, r"Source plan \(position 50\) was not found"),
        ({"uid": "x", "pos_dest": 1}, NotFound, r"Source plan \(UID 'x'\) was not found"),
        ({"pos": 1, "pos_dest": 50}, NotFound, r"Destination plan \(position 50\) was not found"),
        ({"pos": 1, "pos_dest": -6}, NotFound, r"Destination plan \(position -6\) was not found"),
        ({"pos": 1, "before_uid": "x"}, NotFound, r"Destination plan \(UID 'x'\) was not found"),
        ({"pos_dest": 1}, BadParams, "Source position or UID is not specified"),
        ({"pos": 1}, BadParams, "Destination position or UID is not specified"),
        ({"pos": 1, "uid": "1", "pos_dest": 1}, BadParams, "Ambiguous parameters"),
        ({"pos": 1, "pos_dest": 1, "after_uid": "3"}, BadParams, "Ambiguous parameters"),
    ],
)
def test_a_move_without_source_or_destination_is_refused(queue, request_, error, words):
    with pytest.raises(error, match=words):
        queue.move(**request_)
    assert names(queue) == "abcde"


@pytest.mark.parametrize(
    ("uids", "where", "result"),
    [
        ("31", {"pos_dest": "front"}, "dbace"),
        ("31", {"pos_dest": "back"}, "acedb"),
        ("31", {"pos_dest": "back", "reorder": True}, "acebd"),
        ("40", {"before_uid": "2"}, "beacd"),
        ("40", {"after_uid": "2"}, "bcead"),
        ("43210", {"pos_dest": "front"}, "edcba"),
        ("12", {"after_uid": "3"}, "adbce"),
    ],
)
def test_a_batch_moves_side_by_side(queue, uids, where, result):
    edit = queue.move_batch(list(uids), **where)
    assert names(queue) == result
    assert len(edit.items) == len(edit.changes) == len(uids)


@pytest.mark.parametrize(
    ("uids", "where"),
    [
        ("12", {"before_uid": "3"}),
        ("01", {"pos_dest": "front"}),
        ("10", {"pos_dest": "front", "reorder": True}),
        ("", {"pos_dest": "back"}),
    ],
)
def test_a_batch_that_is_in_its_place_already_changes_nothing(queue, uids, where):
    before = queue.queue_uid
    assert queue.move_batch(list(uids), **where).changes == []
    assert names(queue) == "abcde"
    assert queue.queue_uid == before


@pytest.mark.parametrize(
    ("uids", "where", "error", "words"),
    [
        ("12", {}, BadParams, "Destination for the batch is not specified"),
        ("12", {"before_uid": "2"}, BadParams, "item with UID '2' is in the batch"),
        ("12", {"before_uid": "x"}, NotFound, r"Destination plan \(UID 'x'\) was not found"),
        ("12", {"before_uid": "3", "after_uid": "4"}, BadParams, "Ambiguous parameters"),
        ("12", {"pos_dest": 1}, BadParams, "'front' or 'back'"),
        ("121", {"pos_dest": "front"}, BadParams, r"repeated UIDs: \['1'\]"),
        ("178", {"pos_dest": "front"}, NotFound, r"following UIDs: \['7', '8'\]"),
    ],
)
def test_a_batch_that_cannot_be_moved_stays(queue, uids, where, error, words):
    with pytest.raises(error, match=words):
        queue.move_batch(list(uids), **where)
    assert names(queue) == "abcde"


def test_clear_takes_all_but_the_running_item(queue):
    queue.start_next(1.0)
    edit = queue.clear()
    assert edit.changes == [ClearQueue()]
    assert len(queue) == 0
    assert queue.running_uid == "0"


def test_clearing_an_empty_queue_changes_nothing():
    queue = PlanQueue()
    before = queue.queue_uid
    assert queue.clear().changes == []
    assert queue.queue_uid == before


def test_every_change_gives_the_queue_a_new_uid(queue):
    seen = {queue.queue_uid}
    for change in (
        lambda: queue.add(plan("X")),
        lambda: queue.update(plan("Y", item_uid="1")),
        lambda: queue.move(pos=0, pos_dest=1),
        lambda: queue.move_batch(["4"], pos_dest="front"),
        queue.remove,
        lambda: queue.remove_batch(["4"]),
        lambda: queue.start_next(1.0),
        lambda: queue.finish({"exit_status": "completed"}),
        queue.clear,
    ):
        change()
        assert queue.queue_uid not in seen
        seen.add(queue.queue_uid)


def test_mode_parameters_that_are_not_named_stay(queue):
    queue.set_mode({"loop": True})
    edit = queue.set_mode({"ignore_failures": True})
    assert (queue.mode.loop, queue.mode.ignore_failures) == (True, True)
    assert edit.changes[0].data == b'{"loop": true, "ignore_failures": true}'
    queue.set_mode("default")
    assert (queue.mode.loop, queue.mode.ignore_failures) == (False, False)
    assert queue.set_mode({"loop": False}).changes == []


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (["loop"], r"Queue mode is passed using object of unsupported type '<class 'list'>'"),
        ("other", r"Queue mode is passed using object of unsupported type '<class 'str'>'"),
        ({"lopo": True}, "Unsupported plan queue mode parameter 'lopo'"),
        ({"loop": 1}, r"Unsupported type '<class 'int'>' of the parameter 'loop'"),
        ({"loop": True, "ignore_failures": None}, "Unsupported type"),
    ],
)
def test_a_mode_that_is_not_one_is_refused_as_a_whole(queue, mode, words):
    with pytest.raises(BadParams, match=words):
        queue.set_mode(mode)
    assert not queue.mode.loop


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: {"k": value}], ids=["lists", "objects"])
def test_an_item_that_is_nested_too_deeply_is_refused(wrap):
    def nested(levels):
        value = "x"
        for _ in range(levels):
            value = wrap(value)
        return {"name": "p", "args": [value]}

    queue = PlanQueue()
    queue.add(nested(DEEPEST - 2))
    queue.add({"name": "p", "args": [[[n] for n in range(1000)]]})
    with pytest.raises(ItemError, match=f"nested more than {DEEPEST} levels deep"):
        queue.add(nested(DEEPEST - 1))
    assert len(queue) == 2


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"kwargs": {"mask": [1, b"x"]}}, "kwargs['mask'][1] is of type bytes"),
        ({"args": ["det", {"a": {1, 2}}]}, "args[1]['a'] is of type set"),
        ({"meta": {"sample": {b"key": 1}}}, "meta['sample'] has a key of type bytes"),
        ({"name": object()}, "name is of type object"),
    ],
)
def test_a_value_that_cannot_be_stored_is_named_and_the_queue_stays_as_it_is(item, message):
    queue = PlanQueue()
    queue.add({"name": "p"})
    before = queue.items_json(), queue.queue_uid
    with pytest.raises(
        ItemError, match=re.escape(f"The item cannot be stored: {message}, which JSON does not support")
    ):
        queue.add_batch([{"name": "p"}, item])
    assert (queue.items_json(), queue.queue_uid) == before


def test_an_item_that_no_store_can_keep_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr("bluesky_qs.plan_queue.items.LARGEST", 2_000_000)
    queue = PlanQueue()
    queue.add({"name": "p", "args": ["x" * 1_900_000]})
    with pytest.raises(ItemError, match="too large: 3 MB as JSON, at most 2 MB can be stored"):
        queue.add({"name": "p", "args": ["x" * 3_000_000]})
    assert len(queue) == 1
