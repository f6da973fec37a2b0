"""What becomes of items that run: the table of ends, the history, instructions."""

import json

import pytest

from bluesky_qs.errors import NotFound, WrongState
from bluesky_qs.plan_queue.changes import AddHistory, DropItem, PutItem, SetFact, Snapshot, StoredItem, TrimHistory
from bluesky_qs.plan_queue.items import DEEPEST
from bluesky_qs.plan_queue.queue import PlanQueue


def plan(name, **more):
    return {"item_type": "plan", "name": name, "user": "u", "user_group": "g", **more}


@pytest.fixture
def queue():
    queue = PlanQueue()
    queue.add_batch([plan("a"), plan("b")])
    return queue


def names(queue):
    return "".join(json.loads(data)["name"] for data in queue.items_json())


def run(queue, name="a", status="completed", **more):
    queue.add(plan(name))
    queue.move(pos="back", pos_dest="front")
    queue.start_next(1.0)
    queue.finish({"exit_status": status, **more})


def past(queue):
    """The items of the history, none of which is stored here, as JSON text."""
    numbers = queue.history.numbers
    return [data for _, data in queue.history.newest(numbers.start, numbers.stop)]


def uid_of(queue, place):
    return json.loads(past(queue)[place])["item_uid"]


def test_the_front_item_becomes_the_running_one(queue):
    uid = queue.item(pos=0)["item_uid"]
    edit = queue.start_next(12.5)
    assert names(queue) == "b"
    assert queue.running_uid == uid
    assert queue.running_since == 12.5
    assert not queue.running_immediately
    item = plan("a", item_uid=uid)
    assert queue.running == edit.items[0] == item
    assert queue.running_json() == json.dumps(item).encode()
    assert edit.changes == [
        DropItem(uid, json.dumps(item).encode()),
        SetFact("running_plan", json.dumps({**item, "properties": {"time_start": 12.5}}).encode()),
    ]


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ({"args": ['"properties"', {"result": 1}]}, {"time_start": 1.5}),
        ({"properties": {"mine": 2}}, {"mine": 2, "time_start": 1.5}),
        ({"properties": None, "result": {"exit_status": "unknown"}}, {"time_start": 1.5}),
    ],
)
def test_running_item_and_history_are_encoded_like_json_dumps_for_any_content(arguments, left):
    item = plan("a", item_uid="x", **arguments)  # by another service, which stores what it is sent
    queue = PlanQueue.restore(Snapshot([StoredItem("x", b"a", json.dumps(item).encode())]))
    queue.start_next(1.5)
    assert queue.running_json(with_run=True) == json.dumps({**item, "properties": left}).encode()
    queue.finish({"exit_status": "completed"})
    assert past(queue) == [json.dumps({**item, "result": {"exit_status": "completed"}}).encode()]


def test_nothing_starts_while_an_item_runs_or_none_waits(queue):
    queue.start_next(1.0)
    with pytest.raises(WrongState, match="already running"):
        queue.start_next(2.0)
    with pytest.raises(WrongState, match="already running"):
        queue.start_now(plan("X"), 2.0)
    with pytest.raises(NotFound, match="Queue is empty"):
        PlanQueue().start_next(1.0)


def test_nothing_finishes_that_does_not_run(queue):
    with pytest.raises(WrongState, match="No item is running"):
        queue.finish({"exit_status": "completed"})


@pytest.mark.parametrize(
    ("status", "mode", "left", "goes_on"),
    [
        ("completed", {}, "b", True),
        ("completed", {"loop": True}, "ba", True),
        ("stopped", {}, "b", False),
        ("stopped", {"loop": True}, "ba", False),
        ("failed", {}, "ab", False),
        ("failed", {"loop": True}, "ab", False),
        ("failed", {"ignore_failures": True}, "b", True),
        ("failed", {"ignore_failures": True, "loop": True}, "ba", True),
        ("aborted", {"ignore_failures": True, "loop": True}, "ab", False),
        ("halted", {}, "ab", False),
        ("unknown", {"ignore_failures": True}, "ab", False),
    ],
)
def test_the_exit_status_decides_where_the_item_goes_and_whether_the_queue_continues(
    queue, status, mode, left, goes_on
):
    queue.set_mode(mode)
    uid = queue.start_next(1.0).items[0]["item_uid"]
    result = {"exit_status": status, "run_uids": ["r"], "time_start": 1.0, "time_stop": 2.0, "msg": "", "traceback": ""}
    finished = queue.finish(result)
    assert names(queue) == left
    assert finished.ended.exit_status == status
    assert finished.continue_queue is finished.autostart_stays is goes_on
    assert queue.running is queue.running_uid is queue.running_json() is None
    assert json.loads(past(queue)[0]) == plan("a", item_uid=uid, result=result)
    if len(left) == 2:
        assert finished.ended.requeued_as == queue.item(pos=left.index("a"))["item_uid"] != uid
    else:
        assert finished.ended.requeued_as is None


@pytest.mark.parametrize(
    ("status", "mode", "kept"),
    [
        ("failed", {}, "failed"),
        ("aborted", {"loop": True}, "aborted"),
        ("halted", {}, "halted"),
        ("lost", {}, "unknown"),
        ("completed", {"loop": True}, None),
        ("stopped", {"loop": True}, None),
        ("failed", {"ignore_failures": True, "loop": True}, None),
    ],
)
def test_a_plan_that_goes_back_to_the_front_keeps_its_result(queue, status, mode, kept):
    queue.set_mode(mode)
    queue.start_next(1.0)
    queue.finish({"exit_status": status, "run_uids": ["r"], "msg": "no beam"})
    requeued = next(json.loads(data) for data in queue.items_json() if json.loads(data)["name"] == "a")
    assert requeued.get("result") == (kept and {"exit_status": kept, "run_uids": ["r"], "msg": "no beam"})


def test_a_requeued_plan_keeps_its_result_when_it_moves_and_until_it_has_run_again(queue):
    queue.start_next(1.0)
    queue.finish({"exit_status": "aborted"})
    queue.move(pos="front", pos_dest="back")
    assert queue.item()["result"] == {"exit_status": "aborted"}
    queue.move(pos="back", pos_dest="front")
    queue.start_next(2.0)
    assert queue.running["result"] == {"exit_status": "aborted"}
    queue.finish({"exit_status": "failed"})
    assert queue.item(pos=0)["result"] == json.loads(past(queue)[1])["result"] == {"exit_status": "failed"}
    queue.set_mode({"loop": True})
    queue.start_next(3.0)
    queue.finish({"exit_status": "completed"})
    assert "result" not in queue.item()


def test_a_result_does_not_count_for_the_limits_of_an_item(queue):
    deep = []
    for _ in range(DEEPEST):
        deep = [deep]
    queue.start_next(1.0)
    queue.finish({"exit_status": "failed", "return_value": deep})
    assert queue.item(pos=0)["result"]["return_value"] == deep


@pytest.mark.parametrize("change", ["add", "update", "replace"])
def test_a_client_that_adds_or_changes_an_item_drops_the_result(queue, change):
    queue.start_next(1.0)
    queue.finish({"exit_status": "aborted"})
    requeued = queue.item(pos=0)
    edit = queue.add(requeued) if change == "add" else queue.update(requeued, replace=change == "replace")
    assert "result" not in edit.items[0]
    stored = queue.item(uid=edit.items[0]["item_uid"])
    assert stored["name"] == "a"
    assert "result" not in stored


def test_an_interrupted_plan_returns_to_the_front_even_if_failures_are_ignored(queue):
    queue.set_mode({"ignore_failures": True, "loop": True})
    queue.start_next(1.0)
    finished = queue.finish({"exit_status": "failed"}, interrupted=True)
    assert names(queue) == "ab"
    assert not finished.continue_queue


def test_an_exit_status_that_is_not_known_counts_as_unknown(queue):
    queue.start_next(1.0)
    assert queue.finish({"exit_status": "vanished"}).ended.exit_status == "unknown"
    assert json.loads(past(queue)[0])["result"]["exit_status"] == "unknown"
    assert names(queue) == "ab"


@pytest.mark.parametrize("status", ["completed", "stopped", "failed", "aborted", "halted", "unknown"])
def test_an_immediate_item_never_enters_the_queue(queue, status):
    queue.set_mode({"loop": True})
    edit = queue.start_now(plan("X", properties={"time_start": 3}), 5.0)
    uid = edit.items[0]["item_uid"]
    assert queue.running_immediately
    assert queue.running == plan("X", item_uid=uid)
    stored = json.loads(edit.changes[0].data)
    assert stored["properties"] == {"time_start": 5.0, "immediate_execution": True}
    finished = queue.finish({"exit_status": status})
    assert names(queue) == "ab"
    assert finished.ended.requeued_as is None
    assert not finished.continue_queue
    assert json.loads(past(queue)[0]) == plan("X", item_uid=uid, result={"exit_status": status})


def test_the_move_from_running_to_history_and_queue_is_one_change_set(queue):
    uid = queue.start_next(1.0).items[0]["item_uid"]
    forget, remember, put = queue.finish({"exit_status": "failed"}).changes
    assert forget == SetFact("running_plan", None)
    assert isinstance(remember, AddHistory)
    assert remember.uid == uid
    assert isinstance(put, PutItem)
    assert put.before == queue.items_json()[1]


@pytest.mark.parametrize("immediate", [False, True])
def test_the_running_item_is_restored_from_what_is_stored(queue, immediate):
    edit = queue.start_now(plan("X"), 7.0) if immediate else queue.start_next(7.0)
    restored = PlanQueue.restore(Snapshot(facts={"running_plan": edit.changes[-1].data}))
    assert restored.running == queue.running
    assert restored.running_json() == queue.running_json()
    assert restored.running_since == 7.0
    assert restored.running_immediately is immediate


@pytest.mark.parametrize("stored", [b"{}", b'{"name": "no uid"}', b"null"])
def test_nothing_runs_where_the_stored_fact_names_no_item(stored):
    assert PlanQueue.restore(Snapshot(facts={"running_plan": stored})).running is None


def test_modes_are_restored_and_missing_ones_are_off():
    restored = PlanQueue.restore(Snapshot(facts={"plan_queue_mode": b'{"loop": true, "other": 1}'}))
    assert restored.mode.loop
    assert not restored.mode.ignore_failures


def test_an_instruction_is_consumed():
    queue = PlanQueue()
    queue.add_batch([{"item_type": "instruction", "name": "queue_stop"}, plan("b")])
    uid = queue.item(pos=0)["item_uid"]
    assert queue.pass_instruction().items[0]["item_uid"] == uid
    assert names(queue) == "b"


def test_an_instruction_goes_to_the_back_in_loop_mode_under_a_new_uid():
    queue = PlanQueue()
    queue.add_batch([{"item_type": "instruction", "name": "queue_stop"}, plan("b")])
    uid = queue.item(pos=0)["item_uid"]
    queue.set_mode({"loop": True})
    queue.pass_instruction()
    assert names(queue) == "bqueue_stop"
    assert queue.position_of(uid) is None


def test_the_history_uid_changes_with_the_history_and_only_then(queue):
    before = queue.history_uid
    queue.start_next(1.0)
    queue.clear_history()
    assert queue.history_uid == before
    queue.finish({"exit_status": "completed"})
    assert queue.history_uid != before
    after = queue.history_uid
    queue.clear_history(size=1)
    assert queue.history_uid == after
    queue.clear_history()
    assert queue.history_uid != after


@pytest.mark.parametrize(
    ("size", "kept"),
    [(None, ""), (0, ""), (-3, ""), (1, "c"), (2, "bc"), (3, "abc"), (9, "abc")],
)
def test_clearing_the_history_keeps_the_newest_items(size, kept):
    queue = PlanQueue()
    for name in "abc":
        run(queue, name)
    edit = queue.clear_history(size=size)
    assert "".join(json.loads(data)["name"] for data in past(queue)) == kept
    assert edit.changes == ([] if kept == "abc" else [TrimHistory(len(kept))])


def test_clearing_the_history_up_to_an_item_drops_it_and_all_older_ones():
    queue = PlanQueue()
    for name in "abc":
        run(queue, name)
    edit = queue.clear_history(through=queue.history.numbers[1])
    assert (edit.changes, [json.loads(data)["name"] for data in past(queue)]) == ([TrimHistory(1)], ["c"])
    assert queue.clear_history(through=queue.history.numbers.start - 1).changes == []


def test_the_history_is_trimmed_to_its_limit():
    queue = PlanQueue(history_limit=2)
    for name in "abc":
        run(queue, name)
    assert "".join(json.loads(data)["name"] for data in past(queue)) == "bc"


@pytest.mark.parametrize("immediate", [False, True])
def test_the_running_item_is_shown_with_the_properties_of_its_execution(immediate):
    queue = PlanQueue()
    if immediate:
        queue.start_now({"name": "p", "properties": {"mine": 1}}, 7.0)
    else:
        queue.add({"name": "p", "properties": {"mine": 1}})
        queue.start_next(7.0)
    shown = json.loads(queue.running_json(with_run=True))
    run = {"time_start": 7.0} | ({"immediate_execution": True} if immediate else {})
    assert shown == {**queue.running, "properties": {"mine": 1, **run}}
    assert queue.running["properties"] == {"mine": 1}
