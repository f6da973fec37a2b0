"""Changes of the queue that are undone on request, by a whole manager."""

import json

import pytest

from bluesky_qs.manager.edits.undo import KEPT, LARGEST, UndoBook
from bluesky_qs.plan_queue.changes import AddUndo, TrimUndo
from bluesky_qs.plan_queue.queue import PlanQueue

TESTER = {"user": "tester", "user_group": "primary"}


async def names(manager):
    return [item["kwargs"]["num"] for item in (await manager.do("queue_get"))["items"]]


@pytest.fixture
async def three(manager):
    """Three plans are in the queue; their uids."""
    return [(await manager.add("count", ["det1"], num=n))["item_uid"] for n in (1, 2, 3)]


async def last_event(manager):
    return (await manager.do("events_get", limit=1))["events"][0]


async def undo(manager, event=None, **params):
    return await manager.do("queue_undo", event=event or (await last_event(manager))["seq"], **params)


async def test_a_cleared_queue_comes_back_with_the_same_uids(manager, three):
    before = (await manager.do("queue_get"))["items"]
    assert (await manager.ask("queue_clear")).keys() == {"success", "msg"}
    answer = await undo(manager)
    assert (answer["change"], answer["items"], answer["qsize"]) == ("clear", before, 3)
    assert (await manager.do("queue_get"))["items"] == before


@pytest.mark.parametrize(
    ("method", "params", "change"),
    [
        ("queue_item_remove", lambda uids: {"uid": uids[1]}, "removal"),
        ("queue_item_remove_batch", lambda uids: {"uids": uids[1:]}, "removal"),
        ("queue_item_move", lambda uids: {"uid": uids[2], "pos_dest": "front"}, "move"),
        ("queue_item_move_batch", lambda uids: {"uids": [uids[0], uids[2]], "pos_dest": "back"}, "move"),
    ],
)
async def test_the_event_of_a_change_has_its_kind_and_its_user_and_is_undone_by_its_number(
    manager, three, method, params, change
):
    await manager.do(method, **params(three), user="grace")
    event = await last_event(manager)
    assert (event["type"], event["change"], event["user"]) == ("queue_changed", change, "grace")
    assert (await undo(manager, user="ada"))["change"] == change
    assert await names(manager) == [1, 2, 3]
    undoing = await last_event(manager)
    assert (undoing["change"], undoing["undoes"], undoing["user"]) == ("undo", event["seq"], "ada")


@pytest.mark.parametrize("replace", [True, False])
async def test_an_edited_item_gets_its_former_content_and_uid(manager, three, replace):
    before = (await manager.do("queue_get"))["items"]
    edited = {**before[1], "kwargs": {"num": 9}}
    await manager.do("queue_item_update", item=edited, replace=replace, **TESTER)
    await undo(manager)
    assert (await manager.do("queue_get"))["items"] == before


async def test_an_undo_can_be_undone(manager, three):
    await manager.do("queue_item_remove", pos=0)
    removal = (await last_event(manager))["seq"]
    await undo(manager)
    assert (await undo(manager))["change"] == "undo"
    assert await names(manager) == [2, 3]
    await undo(manager, removal)
    assert await names(manager) == [1, 2, 3]


async def test_a_change_is_undone_once(manager, three, refused):
    await manager.do("queue_item_remove", pos=0)
    event = (await last_event(manager))["seq"]
    await undo(manager)
    assert await refused("queue_undo", event=event) == (
        f"Failed to undo: Event {event} has been undone already, by event {event + 1}"
    )


async def test_what_is_no_such_change_is_refused(manager, three, refused):
    wanted = "is not a clear, removal, move or edit from the last hour"
    assert wanted in await refused("queue_undo", event=(await last_event(manager))["seq"])
    assert wanted in await refused("queue_undo", event=10**9)
    assert "unsupported value 'x'" in await refused("queue_undo", event="x")
    answer = await manager.ask("queue_undo", event=0)
    assert (answer["change"], answer["items"], answer["qsize"], answer["error"]) == (None, [], None, "NotFound")


@pytest.mark.parametrize(
    ("again", "word"),
    [
        (lambda item: ("queue_item_move", {"uid": item["item_uid"], "pos_dest": "front"}), "moved"),
        (lambda item: ("queue_item_remove", {"uid": item["item_uid"]}), "removed"),
        (lambda item: ("queue_clear", {}), "removed"),
        (
            lambda item: ("queue_item_update", {"item": {**item, "kwargs": {"num": 8}}, "user_group": "primary"}),
            "edited",
        ),
    ],
)
async def test_an_item_that_was_changed_again_keeps_the_change_until_that_is_undone(
    manager, three, refused, again, word
):
    await manager.do("queue_item_move", uid=three[1], pos_dest="back")
    first = (await last_event(manager))["seq"]
    item = (await manager.do("queue_get"))["items"][2]
    method, params = again(item)
    await manager.do(method, **params, user="grace")
    second = (await last_event(manager))["seq"]
    assert await refused("queue_undo", event=first) == (
        f"Failed to undo: Item with UID {three[1]!r} was {word} since then by grace (event {second})"
    )
    await undo(manager, second)
    await undo(manager, first)
    assert await names(manager) == [1, 2, 3]


async def test_an_item_that_runs_or_has_run_is_not_moved_back(opened, running, refused):
    _, second = await running(plans=2)
    await opened.do("queue_item_update", item={**second, "kwargs": {"num": 9}}, **TESTER)
    event = (await last_event(opened))["seq"]
    opened.worker.proceed()
    await opened.until(lambda status: status["running_item_uid"] == second["item_uid"] and opened.worker.is_waiting)
    assert "is currently running" in await refused("queue_undo", event=event)
    opened.worker.proceed()
    await opened.until_idle()
    assert "has run already" in await refused("queue_undo", event=event)


async def test_a_locked_queue_refuses_an_undo_without_the_key(manager, three, refused):
    await manager.do("queue_clear")
    event = (await last_event(manager))["seq"]
    await manager.do("lock", lock_key="key", queue=True, user="grace")
    assert "Invalid lock key" in await refused("queue_undo", event=event)
    await undo(manager, event, lock_key="key")
    assert await names(manager) == [1, 2, 3]


async def test_a_change_is_undone_after_a_restart(manager, three):
    await manager.do("queue_item_remove_batch", uids=three[:2])
    event = (await last_event(manager))["seq"]
    await manager.restart()
    await undo(manager, event)
    assert await names(manager) == [1, 2, 3]


async def test_an_undo_that_cannot_be_stored_changes_nothing(manager, three, refused):
    await manager.do("queue_clear")
    event = (await last_event(manager))["seq"]
    manager.store.refuse = "disk full"
    assert "disk full" in await refused("queue_undo", event=event)
    assert await names(manager) == []
    manager.store.refuse = None
    await undo(manager, event)
    assert await names(manager) == [1, 2, 3]


async def test_an_update_of_an_item_that_has_changed_gets_the_item_as_it_is_now(manager, three):
    read = (await manager.do("queue_get"))["items"][1]
    await manager.do("queue_item_update", item={**read, "kwargs": {"num": 5}}, **TESTER)
    params = {"item": {**read, "kwargs": {"num": 6}}, "expected": read, **TESTER}
    answer = await manager.ask("queue_item_update", **params)
    assert (answer["success"], answer["error"], answer["qsize"]) == (False, "ItemChanged", 3)
    assert answer["msg"] == "Failed to replace item: The item has changed since you read it."
    assert answer["item"]["kwargs"] == {"num": 5}
    await manager.do("queue_item_update", **{**params, "expected": answer["item"]})
    assert await names(manager) == [1, 6, 3]


async def test_the_status_lists_the_optional_parameters(manager):
    assert {"expected", "user"} <= set((await manager.do("status"))["extensions"])


# ------------------------------------------------------------------------------------------------- the book itself


class Time:
    now = 1000.0


def removal(size=10):
    queue = PlanQueue()
    queue.add({"name": "p", "args": ["x" * size]})
    return queue, queue.remove().record


def kept(book, number, record):
    texts = book.numbered([(number, record)])
    changes = book.changes(texts)
    book.made(texts)
    return changes


def test_a_record_is_kept_for_an_hour():
    book = UndoBook([], 0, lambda: Time.now)
    queue, record = removal()
    first = kept(book, 1, removal()[1])
    Time.now += KEPT
    assert [type(change) for change in kept(book, 2, record)] == [AddUndo]
    Time.now += 1
    assert kept(book, 3, removal()[1])[1:] == [TrimUndo(2)]
    assert book.find(2, queue, {}) == record
    with pytest.raises(Exception, match="Event 1 is not a clear, removal, move or edit from the last hour"):
        book.find(1, queue, {})
    assert json.loads(first[0].data)["seq"] == 1


def test_very_large_records_are_dropped_earlier_but_never_the_newest():
    book = UndoBook([], 0)
    queue, record = removal(LARGEST // 2)
    assert len(kept(book, 1, record)) == 1
    assert kept(book, 2, record)[1:] == [TrimUndo(1)]
    huge = removal(LARGEST + 1)[1]
    assert kept(book, 3, huge)[1:] == [TrimUndo(1)]
    assert book.find(3, queue, {}) == huge


def test_damaged_records_and_those_without_their_events_are_dropped(caplog):
    _, record = removal()
    good = UndoBook([], 0).numbered([(1, record), (5, record)])
    broken = [b"{", b'{"seq": 2, "time": 1.0, "record": {"change": "move", "uids": ["a"]}}']
    book = UndoBook([good[0], *broken, good[1]], last=4)
    assert "Ignored 3 stored changes" in caplog.text
    assert kept(book, 5, record)[:2] == [TrimUndo(0), AddUndo(good[0])]
    assert len(kept(book, 6, record)) == 1
