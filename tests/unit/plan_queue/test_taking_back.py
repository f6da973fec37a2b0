"""A change of the queue that is undone on request, later and after other changes."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluesky_qs.errors import ItemChanged
from bluesky_qs.plan_queue.queue import PlanQueue


def plan(name, **more):
    return {"item_type": "plan", "name": name, **more}


def names(queue):
    return "".join(json.loads(data)["name"] for data in queue.items_json())


def uids(queue):
    return [json.loads(data)["item_uid"] for data in queue.items_json()]


@pytest.fixture
def queue():
    """Plans a, b, c, d and e; the uid of each is its name."""
    queue = PlanQueue(new_uid=iter(["queue", "history", *"abcde", *map(str, range(1000))]).__next__)
    for name in "abcde":
        queue.add(plan(name))
    by_name = {json.loads(data)["name"]: json.loads(data)["item_uid"] for data in queue.items_json()}
    queue.uid = by_name.__getitem__
    return queue


def undone(queue, edit):
    return queue.take_back(edit.record, 7)


@pytest.mark.parametrize(
    "change",
    [
        lambda queue: queue.clear(),
        lambda queue: queue.remove(uid=queue.uid("c")),
        lambda queue: queue.remove(pos=0),
        lambda queue: queue.remove(),
        lambda queue: queue.remove_batch([queue.uid(name) for name in "eab"]),
        lambda queue: queue.move(uid=queue.uid("b"), pos_dest="back"),
        lambda queue: queue.move_batch([queue.uid(name) for name in "dab"], pos_dest="back"),
        lambda queue: queue.move_batch([queue.uid(name) for name in "ec"], before_uid=queue.uid("a")),
        lambda queue: queue.update(plan("C", item_uid=queue.uid("c"))),
        lambda queue: queue.update(plan("C", item_uid=queue.uid("c")), replace=True),
    ],
)
def test_an_undone_change_leaves_the_queue_as_it_was_and_can_be_made_again(queue, change):
    before = queue.items_json()
    edit = change(queue)
    after = queue.items_json()
    assert after != before
    back = undone(queue, edit)
    assert queue.items_json() == before
    assert (back.events[0].change, back.events[0].undoes) == ("undo", 7)
    undone(queue, back)
    assert queue.items_json() == after


def test_an_undo_that_could_not_be_stored_leaves_no_trace(queue):
    edit = queue.move_batch([queue.uid(name) for name in "dab"], pos_dest="back")
    after, version = queue.items_json(), queue.queue_uid
    back = undone(queue, edit)
    back.undo()
    assert (queue.items_json(), queue.queue_uid) == (after, version)


@pytest.mark.parametrize(
    ("meanwhile", "expected"),
    [
        (lambda queue: queue.add(plan("n")), "abcden"),
        (lambda queue: queue.add(plan("n"), pos="front"), "nabcde"),
        (lambda queue: queue.remove(uid=queue.uid("b")), "acde"),
        (lambda queue: queue.remove(uid=queue.uid("d")), "abce"),
        (lambda queue: queue.remove_batch([queue.uid("b"), queue.uid("d")]), "ace"),
        # In front of it now: the item that followed. The nearer of the two places is taken.
        (lambda queue: queue.move(uid=queue.uid("b"), pos_dest="back"), "acdeb"),
        (lambda queue: queue.move(uid=queue.uid("d"), pos_dest="front"), "dabce"),
        (lambda queue: queue.clear(), "c"),
    ],
)
def test_a_removed_item_comes_back_to_the_neighbors_that_are_left(queue, meanwhile, expected):
    edit = queue.remove(uid=queue.uid("c"))
    meanwhile(queue)
    undone(queue, edit)
    assert names(queue) == expected


def test_an_item_without_its_neighbors_comes_back_to_its_position(queue):
    edit = queue.remove(uid=queue.uid("c"))
    queue.clear()
    queue.add_batch([plan(name) for name in "vwxyz"])
    undone(queue, edit)
    assert names(queue) == "vwcxyz"


def test_a_cleared_queue_comes_back_in_front_of_what_was_added_since(queue):
    edit = queue.clear()
    queue.add_batch([plan("n"), plan("m")])
    undone(queue, edit)
    assert names(queue) == "abcdenm"


def test_a_removed_item_comes_back_to_the_front_after_those_before_it_have_run(queue):
    edit = queue.remove(uid=queue.uid("c"))
    for _ in range(2):
        queue.start_next(1.0)
        queue.finish({"exit_status": "completed"})
    undone(queue, edit)
    assert names(queue) == "cde"


def test_many_items_come_back_although_each_has_lost_most_of_its_neighbors():
    queue = PlanQueue()
    queue.add_batch([plan("p", args=[n]) for n in range(500)])
    before = uids(queue)
    edit = queue.remove_batch(before[::2])
    assert sum(len(stretch.uids) for stretch in edit.record.stretches) == 500  # overlapping surroundings are merged
    gone = queue.remove_batch(before[1:200:2])
    undone(queue, edit)
    assert uids(queue) == [uid for uid in before if uid not in [item["item_uid"] for item in gone.items]]


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["clear", "remove", "remove_batch", "move", "move_batch", "update", "replace"]),
        st.integers(0, 20),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=8,
)


def change(queue, kind, a, b):
    have = uids(queue)
    if not have:
        return queue.add_batch([plan("p", args=[a, n]) for n in range(b)])
    some = list(dict.fromkeys([have[b % len(have)], have[a % len(have)]]))
    match kind:
        case "clear":
            return queue.clear()
        case "remove":
            return queue.remove(uid=some[0])
        case "remove_batch":
            return queue.remove_batch(some)
        case "move":
            return queue.move(uid=some[0], pos_dest=a % len(have))
        case "move_batch":
            return queue.move_batch(some, pos_dest="front" if a % 2 else "back")
        case _:
            item = plan("q", args=[a, b], item_uid=some[0])
            return queue.update(item, replace=kind == "replace")


@settings(deadline=None)
@given(st.integers(0, 12), CHANGES)
def test_changes_undone_from_the_newest_on_leave_the_queue_as_it_was(size, steps):
    queue = PlanQueue()
    queue.add_batch([plan("p", args=[n]) for n in range(size)])
    states, edits = [], []
    for step in steps:
        states.append(queue.items_json())
        edits.append(change(queue, *step))
    for state, edit in reversed(list(zip(states, edits, strict=True))):
        if edit.record is None:  # an addition, or a move that changed nothing
            queue.remove_batch([item["item_uid"] for item in edit.items]) if edit.changes else None
        else:
            undone(queue, edit)
        assert queue.items_json() == state


EXPECTED = plan("a", args=[1, {"x": 1.0, "y": float("nan")}], kwargs={"n": 1}, user="me")


@pytest.mark.parametrize(
    "read",
    [
        {**EXPECTED, "args": [1.0, {"y": float("nan"), "x": 1}]},
        dict(reversed(EXPECTED.items())),
        {**EXPECTED, "result": {"exit_status": "failed"}},
    ],
)
def test_an_item_is_updated_if_it_is_still_the_one_that_was_read(read):
    queue = PlanQueue()
    (item,) = queue.add(EXPECTED).items
    queue.update({**item, "name": "b"}, expected={**read, "item_uid": item["item_uid"]})
    assert names(queue) == "b"


@pytest.mark.parametrize(
    "read",
    [
        {**EXPECTED, "args": [1]},
        {**EXPECTED, "args": [True, {"x": 1.0, "y": float("nan")}]},
        {**EXPECTED, "meta": {}},
        {**EXPECTED, "user": "you"},
        {"name": "a"},
    ],
)
def test_an_item_that_has_changed_since_it_was_read_is_not_updated(read):
    queue = PlanQueue()
    (item,) = queue.add(EXPECTED).items
    before = queue.items_json()
    with pytest.raises(ItemChanged) as refused:
        queue.update({**item, "name": "b"}, expected={**read, "item_uid": item["item_uid"]})
    assert refused.value.reply["item"]["name"] == "a"
    assert queue.items_json() == before
