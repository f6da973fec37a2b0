"""A change that could not be stored leaves no trace in memory."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from bluesky_qs.plan_queue.queue import PlanQueue


def plan(name):
    return {"item_type": "plan", "name": name}


def past(queue):
    numbers = queue.history.numbers
    return queue.history.newest(numbers.start, numbers.stop)


def everything(queue):
    return (
        queue.items_json(),
        queue.history.numbers,
        past(queue),
        queue.running_json(),
        queue.running_since,
        queue.queue_uid,
        queue.history_uid,
        queue.mode,
        [queue.position_of(json.loads(data)["item_uid"]) for data in queue.items_json()],
    )


def random_edit(queue, kind, a, b):
    """Some change that is possible now; None if this kind is not."""
    uids = [json.loads(data)["item_uid"] for data in queue.items_json()]
    some = sorted({uids[a % len(uids)], uids[b % len(uids)]}) if uids else []
    match kind:
        case "add":
            return queue.add_batch([plan(f"p{n}") for n in range(b % 3)], pos=a)
        case "update" if uids:
            return queue.update({**plan(f"u{b}"), "item_uid": uids[a % len(uids)]}, replace=b % 2 == 0)
        case "remove" if uids:
            return queue.remove(pos=a % len(uids))
        case "remove_batch":
            return queue.remove_batch(some)
        case "move" if uids:
            return queue.move(pos=a % len(uids), pos_dest=b % len(uids))
        case "move_batch":
            return queue.move_batch(some, pos_dest="front" if a % 2 else "back")
        case "clear":
            return queue.clear()
        case "mode":
            return queue.set_mode({"loop": a % 2 == 0, "ignore_failures": b % 2 == 0})
        case "start" if uids and queue.running is None:
            return queue.start_next(float(a))
        case "now" if queue.running is None:
            return queue.start_now(plan("now"), float(a))
        case "finish" if queue.running is not None:
            return queue.finish({"exit_status": ("completed", "failed", "stopped")[a % 3]})
        case "pass" if uids:
            return queue.pass_instruction()
        case "clear_history":
            return queue.clear_history(size=a % 4)
    return None


KINDS = [
    *("add", "add", "update", "remove", "remove_batch", "move", "move_batch", "clear", "mode"),
    *("start", "now", "finish", "finish", "pass", "clear_history"),
]
EDITS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 20), st.integers(0, 20)), max_size=25)


@settings(deadline=None)  # the machine may be busy
@given(EDITS, EDITS)
def test_edits_that_stand_on_each_other_are_undone_from_the_newest_on(kept, undone):
    queue = PlanQueue(history_limit=3)
    for step in kept:
        random_edit(queue, *step)
    before = everything(queue)
    edits = [edit for step in undone if (edit := random_edit(queue, *step))]
    for edit in reversed(edits):
        edit.undo()
    assert everything(queue) == before


def test_an_edit_made_after_an_undone_one_is_not_undone_with_it():
    queue = PlanQueue()
    first = queue.add(plan("a"))
    first.undo()
    queue.add(plan("b"))
    first.undo()
    assert queue.item(pos=0)["name"] == "b"
