"""Which events a change of the queue makes, as clients see them."""

import msgspec
import pytest

from bluesky_qs.plan_queue.queue import PlanQueue


def events(edit):
    return [msgspec.to_builtins(event) for event in edit.events]


@pytest.fixture
def queue():
    """Three plans with the uids u1, u2 and u3."""
    uids = iter(["queue", "history"])
    queue = PlanQueue(new_uid=lambda: next(uids))
    numbers = iter(range(1, 1000))
    queue._new_uid = lambda: f"u{next(numbers)}"
    queue.add_batch([{"name": "p"}] * 3)
    queue._new_uid = lambda: "new"
    return queue


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda queue: queue.add({"name": "p"}), {"put": ["new"]}),
        (lambda queue: queue.remove(uid="u2"), {"dropped": ["u2"], "change": "removal"}),
        (lambda queue: queue.move(uid="u1", pos_dest="back"), {"put": ["u1"], "change": "move"}),
        (
            lambda queue: queue.move_batch(["u3", "u1"], pos_dest="front"),
            {"put": ["u3", "u1"], "change": "move"},
        ),
        (lambda queue: queue.update({"name": "q", "item_uid": "u2"}), {"put": ["u2"], "change": "edit"}),
        (
            lambda queue: queue.update({"name": "q", "item_uid": "u2"}, replace=True),
            {"put": ["new"], "dropped": ["u2"], "change": "edit"},
        ),
        (lambda queue: queue.clear(), {"cleared": True, "change": "clear"}),
        (lambda queue: queue.pass_instruction(), {"dropped": ["u1"]}),
    ],
)
def test_a_change_of_the_queue_is_one_event_that_names_the_items(queue, change, expected):
    assert events(change(queue)) == [{"type": "queue_changed", **expected}]


def test_very_many_items_are_only_counted():
    queue = PlanQueue()
    edit = queue.add_batch([{"name": "p"}] * 101)
    assert events(edit) == [{"type": "queue_changed", "put_count": 101}]
    uids = [item["item_uid"] for item in edit.items]
    assert events(queue.remove_batch(uids)) == [{"type": "queue_changed", "dropped_count": 101, "change": "removal"}]


def test_a_start_takes_the_item_from_the_queue(queue):
    assert events(queue.start_next(1.0)) == [
        {"type": "queue_changed", "dropped": ["u1"]},
        {"type": "item_started", "item_uid": "u1"},
    ]


def test_an_immediate_start_does_not_touch_the_queue(queue):
    assert events(queue.start_now({"name": "p"}, 1.0)) == [{"type": "item_started", "item_uid": "new"}]


def test_an_end_names_the_exit_status(queue):
    queue.start_next(1.0)
    assert events(queue.finish({"exit_status": "completed"})) == [
        {"type": "item_ended", "item_uid": "u1", "exit_status": "completed"}
    ]


def test_an_item_that_goes_back_to_the_queue_is_named_with_its_new_uid(queue):
    queue.start_next(1.0)
    assert events(queue.finish({"exit_status": "failed"})) == [
        {"type": "queue_changed", "put": ["new"]},
        {"type": "item_ended", "item_uid": "u1", "exit_status": "failed", "requeued_as": "new"},
    ]


def test_the_mode_is_reported_whole(queue):
    assert events(queue.set_mode({"loop": True})) == [
        {"type": "mode_changed", "mode": {"loop": True, "ignore_failures": False}}
    ]


def test_the_event_for_a_cleared_history_has_the_number_of_remaining_items(queue):
    for _ in range(2):
        queue.start_next(1.0)
        queue.finish({"exit_status": "completed"})
    assert events(queue.clear_history(through=queue.history.numbers.start - 1)) == []
    assert events(queue.clear_history(size=1)) == [{"type": "history_cleared", "items_left": 1}]


def test_what_changes_nothing_makes_no_event(queue):
    for edit in (queue.set_mode({}), queue.move(pos=0, pos_dest=0), PlanQueue().clear(), queue.clear_history()):
        assert (edit.changes, edit.events) == ([], ())
