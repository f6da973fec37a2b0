"""Dry runs of plans as they enter the queue, in a whole manager."""

import json

import pytest

from bluesky_qs.config.schema import Settings, Worker
from bluesky_qs.ipc.commands import DryRun
from bluesky_qs.testing import AsyncManager, Wait

GROUP = {"user_group": "primary"}
COUNT = {"item_type": "plan", "name": "count", "args": [["det1"]]}
STOP = {"item_type": "instruction", "name": "queue_stop"}
ERROR = {"msg": "ValueError: no beam", "traceback": "", "step": 2}


@pytest.fixture
async def manager():
    async with AsyncManager(settings=Settings(worker=Worker(dry_run_on_add=True))) as manager:
        yield manager


def walked(manager):
    """The items that the worker was to walk, and where devices were before them."""
    commands = [command for command in manager.worker.commands if isinstance(command, DryRun)]
    return [(json.loads(command.items)[0]["item_uid"], json.loads(command.carried)) for command in commands]


async def found(manager, number):
    """Wait for the events of this many dry runs; return them."""

    async def events():
        return [e for e in (await manager.do("events_get", since=0))["events"] if e["type"] == "dry_run_found"]

    await manager.until(lambda status: status["dry_runs_uid"])
    while len(made := await events()) < number:
        before = (await manager.do("status"))["dry_runs_uid"]
        if len(made := await events()) < number:
            await manager.until(lambda status, before=before: status["dry_runs_uid"] != before)
    return made


async def state_of(manager, uid):
    return (await manager.do("item_status", item_uid=uid))["status"]


async def test_the_finding_follows_the_reply_as_an_event_and_in_the_state_of_the_item(opened):
    opened.worker.dry_run = {"ok": False, "errors": [ERROR]}
    uid = (await opened.add("count", ["det1"]))["item_uid"]
    (event,) = await found(opened, 1)
    assert {key: event[key] for key in ("item_uid", "ok", "msg")} == {
        "item_uid": uid,
        "ok": False,
        "msg": "ValueError: no beam",
    }
    assert (await state_of(opened, uid))["dry_run"] == {"ok": False, "msg": "ValueError: no beam"}


async def test_each_plan_is_walked_once_from_where_the_one_before_it_ends(opened):
    first, stop, second = (
        item["item_uid"]
        for item in (await opened.do("queue_item_add_batch", items=[COUNT, STOP, COUNT], user="Ann", **GROUP))["items"]
    )
    await found(opened, 2)
    third = (await opened.add("count", ["det1"]))["item_uid"]
    await found(opened, 3)
    assert [uid for uid, _ in walked(opened)] == [first, second, third]
    assert "dry_run" not in await state_of(opened, stop)


async def test_where_devices_are_is_carried_on(opened, monkeypatch):
    opened.worker.dry_run_carried = lambda item: {"positions": {"motor": item["kwargs"]["num"]}}
    for num in (2, 3):
        await opened.do("queue_item_add", item=COUNT | {"kwargs": {"num": num}}, user="Ann", **GROUP)
        await found(opened, num - 1)
    assert [carried for _, carried in walked(opened)] == [{}, {"positions": {"motor": 2}}]


async def test_a_plan_that_was_changed_is_walked_again(opened):
    item = await opened.add("count", ["det1"])
    await found(opened, 1)
    await opened.do("queue_item_update", item=item | {"kwargs": {"num": 5}}, user="Ann", **GROUP)
    first, second = await found(opened, 2)
    assert first["item_uid"] == second["item_uid"] == item["item_uid"]


async def test_a_move_walks_nothing_again(opened):
    items = [await opened.add("count", ["det1"]) for _ in range(3)]
    await found(opened, 3)
    await opened.do("queue_item_move", uid=items[2]["item_uid"], pos_dest="front")
    await opened.add("count", ["det1"])
    await found(opened, 4)
    assert len(walked(opened)) == 4


async def test_plans_are_walked_when_the_environment_opens(manager):
    uid = (await manager.add("count", ["det1"]))["item_uid"]
    assert walked(manager) == []
    await manager.open()
    await found(manager, 1)
    assert [each for each, _ in walked(manager)] == [uid]
    await manager.do("environment_close")
    await manager.until(lambda status: not status["worker_environment_exists"])
    await manager.open()
    await found(manager, 2)


async def test_the_reply_does_not_wait_for_the_worker(opened):
    opened.worker.hang()
    item = await opened.add("count", ["det1"])
    assert "dry_run" not in await state_of(opened, item["item_uid"])
    opened.worker.recover()
    await found(opened, 1)


async def test_a_refusal_is_tried_again_after_a_change(opened):
    opened.worker.dry_run_refusal = "A dry run is not possible while a plan or a task is running."
    item = await opened.add("count", ["det1"])
    await opened.until(lambda _: walked(opened))
    assert "dry_run" not in await state_of(opened, item["item_uid"])
    opened.worker.dry_run_refusal = ""
    await opened.add("count", ["det1"])
    await found(opened, 2)


async def test_plans_are_walked_while_another_one_runs(opened):
    opened.worker.on_plan("count", Wait())
    await opened.add("count", ["det1"])
    await found(opened, 1)
    await opened.do("queue_start")
    await opened.until(lambda _: opened.worker.is_waiting)
    await opened.add("count", ["det1"])
    await found(opened, 2)


async def test_without_the_option_nothing_is_walked():
    async with AsyncManager() as manager:
        await manager.open()
        await manager.add("count", ["det1"])
        assert (await manager.do("status"))["dry_runs_uid"] is None
        assert walked(manager) == []
