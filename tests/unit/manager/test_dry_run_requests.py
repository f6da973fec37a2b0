"""Dry runs, in a whole manager."""

import asyncio
import json

import pytest

from bluesky_qs.config.schema import Settings, Worker
from bluesky_qs.errors import NoRunEngine
from bluesky_qs.foresight.work import Member, Work
from bluesky_qs.ipc.commands import DryRun
from bluesky_qs.testing import AsyncManager

GROUP = {"user_group": "primary"}
COUNT = {"item_type": "plan", "name": "count", "args": [["det1"]]}


def asked(manager):
    return [command for command in manager.worker.commands if isinstance(command, DryRun)]


async def test_a_plan_is_walked_and_not_queued(opened):
    opened.worker.dry_run = {"points": 3, "runs": 1}
    reply = await opened.do("item_dry_run", item=COUNT, user="Ann", **GROUP)
    assert reply["item"] == COUNT | {"user": "Ann", "user_group": "primary"}
    assert (reply["report"]["ok"], reply["report"]["points"]) == (True, 3)
    assert (await opened.do("queue_get"))["items"] == []
    (command,) = asked(opened)
    assert (command.timeout, command.for_each) == (10.0, 10.0)


async def test_a_plan_that_would_fail_is_a_success_of_the_method(opened):
    opened.worker.dry_run = {"ok": False, "errors": [{"msg": "ValueError: no beam", "traceback": "", "step": 2}]}
    reply = await opened.do("item_dry_run", item=COUNT, **GROUP)
    assert reply["report"]["errors"][0]["step"] == 2


async def test_a_plan_is_walked_while_another_one_runs(opened, running):
    await running()
    assert (await opened.do("item_dry_run", item=COUNT, **GROUP))["report"]["ok"] is True


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (COUNT | {"kwargs": {"nmu": 5}}, "No dry run: Plan validation failed"),
        ({"item_type": "instruction", "name": "queue_stop"}, "only plans can have a dry run"),
        ({"item_type": "function", "name": "f"}, "unsupported 'item_type'"),
        ({}, "'item_type' key is not found"),
    ],
)
async def test_an_item_that_is_not_a_valid_plan_is_refused(opened, refused, item, said):
    assert said in await refused("item_dry_run", item=item, **GROUP)
    assert asked(opened) == []


@pytest.mark.parametrize("seconds", [0, -1, 601, "x"])
async def test_a_wrong_timeout_is_refused(opened, refused, seconds):
    assert "'timeout' of 'item_dry_run'" in await refused("item_dry_run", item=COUNT, timeout=seconds, **GROUP)


async def test_without_an_environment_a_dry_run_is_refused_with_the_reason(manager, refused):
    message = await refused("item_dry_run", item=COUNT, **GROUP)
    assert message.startswith("No dry run: ")


async def test_the_reason_of_the_worker_is_passed_on(opened, refused):
    opened.worker.refuse(DryRun, NoRunEngine())
    assert "No dry run: " in await refused("item_dry_run", item=COUNT, **GROUP)
    opened.worker.dry_run_refusal = "This system cannot copy the worker"
    assert await refused("item_dry_run", item=COUNT, **GROUP) == "No dry run: This system cannot copy the worker"


async def test_a_dry_run_ends_with_the_worker(opened, refused):
    opened.worker.hang()
    walking = asyncio.create_task(refused("item_dry_run", item=COUNT, **GROUP))
    await opened.until(lambda _: opened.worker.unheard)
    opened.worker.die()
    assert "No dry run" in await walking


async def test_devices_that_must_not_be_read_are_named_to_the_worker():
    settings = Settings(worker=Worker(device_read_exclude=("det*",)))
    async with AsyncManager(settings=settings) as manager:
        await manager.open()
        await manager.do("item_dry_run", item=COUNT, **GROUP)
        assert asked(manager)[0].excluded == ["det*"]


STOP = {"item_type": "instruction", "name": "queue_stop"}


async def add(manager, *items, **options):
    reply = await manager.do("queue_item_add_batch", items=list(items), user="Ann", **GROUP, **options)
    return [item["item_uid"] for item in reply["items"]]


def points_by_num(item):
    return {"points": item.get("kwargs", {}).get("num", 1), "runs": 1}


async def test_the_plans_of_the_queue_are_walked_in_its_order_in_one_request(opened):
    opened.worker.dry_run = points_by_num
    uids = await add(opened, *(COUNT | {"kwargs": {"num": num}} for num in (2, 3)), STOP, COUNT)
    reply = await opened.do("queue_dry_run", **GROUP)
    assert [(each["item_uid"], each["name"]) for each in reply["reports"]] == list(
        zip(uids, ["count", "count", "queue_stop", "count"], strict=True)
    )
    assert [each["report"] and each["report"]["points"] for each in reply["reports"]] == [2, 3, None, 1]
    assert reply["total"] == {"seconds": None, "low": None, "high": None, "points": 6, "runs": 3}
    assert reply["task_uid"] is None
    (command,) = asked(opened)
    assert [item["item_uid"] for item in json.loads(command.items)] == [uids[0], uids[1], uids[3]]
    assert (command.timeout, command.for_each) == (60.0, 10.0)


async def test_items_before_those_that_are_asked_for_are_walked_and_not_reported(opened):
    opened.worker.dry_run = points_by_num
    uids = await add(opened, *(COUNT | {"kwargs": {"num": num}} for num in (2, 3, 4, 5)))
    reply = await opened.do("queue_dry_run", uids=[uids[2], uids[1]], timeout=5.0, **GROUP)
    assert [each["item_uid"] for each in reply["reports"]] == [uids[1], uids[2]]
    assert reply["total"]["points"] == 7
    (command,) = asked(opened)
    assert (len(json.loads(command.items)), command.timeout) == (3, 5.0)


async def test_times_are_added_only_if_all_are_known(opened):
    sleeps, moves = Work(), Work()
    sleeps.slept = 10.0
    moves.waits[Member("set", "motor", 1.0, 0),] = 1
    uids = await add(opened, COUNT, COUNT, COUNT)
    opened.worker.dry_run = lambda item: {"work": (moves if item["item_uid"] == uids[2] else sleeps).to_json()}
    total = (await opened.do("queue_dry_run", uids=uids[:2], **GROUP))["total"]
    assert total["seconds"] == pytest.approx(20.0, rel=0.01)
    assert total["low"] < total["seconds"] < total["high"]
    assert (await opened.do("queue_dry_run", **GROUP))["total"]["seconds"] is None


async def test_an_empty_queue_has_no_reports(opened):
    reply = await opened.do("queue_dry_run", **GROUP)
    assert (reply["reports"], reply["total"]["points"]) == ([], 0)
    assert asked(opened) == []


async def test_in_the_background_the_reports_are_the_value_of_a_task(opened):
    await add(opened, COUNT)
    opened.worker.hang()
    reply = await opened.do("queue_dry_run", run_in_background=True, **GROUP)
    assert (reply["reports"], reply["total"]) == ([], None)
    uid = reply["task_uid"]
    assert (await opened.do("task_status", task_uid=uid))["status"] == "running"
    opened.worker.recover()
    await opened.until(lambda status: not status["worker_background_tasks"])
    result = (await opened.do("task_result", task_uid=uid))["result"]
    assert result["success"]
    assert result["return_value"]["reports"][0]["report"]["ok"] is True
    assert result["return_value"]["total"]["points"] == 0


async def test_a_task_that_is_lost_with_its_manager_fails_and_says_so(opened):
    await add(opened, COUNT)
    opened.worker.hang()
    uid = (await opened.do("queue_dry_run", run_in_background=True, **GROUP))["task_uid"]
    await opened.until(lambda _: opened.worker.unheard)
    opened.worker.recover()
    await opened.die()
    await opened.replace()
    assert (await opened.do("task_status", task_uid=uid))["status"] == "completed"
    result = (await opened.do("task_result", task_uid=uid))["result"]
    assert result["success"] is False
    assert result["msg"].endswith("Start the dry run again.")


async def test_a_task_fails_with_the_reason_of_the_worker(opened):
    await add(opened, COUNT)
    opened.worker.dry_run_refusal = "This system cannot copy the worker"
    uid = (await opened.do("queue_dry_run", run_in_background=True, **GROUP))["task_uid"]
    await opened.until(lambda status: not status["worker_background_tasks"])
    result = (await opened.do("task_result", task_uid=uid))["result"]
    assert (result["success"], result["msg"]) == (False, "No dry run: This system cannot copy the worker")


async def test_others_are_answered_while_the_queue_is_walked(opened, refused):
    await add(opened, COUNT)
    opened.worker.hang()
    walking = asyncio.create_task(refused("queue_dry_run", **GROUP))
    await opened.until(lambda _: opened.worker.unheard)
    assert (await opened.do("queue_get"))["items"]
    opened.worker.die()
    assert "No dry run" in await walking


async def test_a_wrong_uid_is_refused(opened, refused):
    message = await refused("queue_dry_run", uids=["nobody"], **GROUP)
    assert message == "No dry run: the queue has no item with the uid 'nobody'"
    uids = await add(opened, *[COUNT] * 1001)
    assert "only the first 1000 items" in await refused("queue_dry_run", uids=uids[-1:], **GROUP)
    assert len((await opened.do("queue_dry_run", **GROUP))["reports"]) == 1000


async def test_without_an_environment_the_queue_is_not_walked(manager, refused):
    assert "No dry run: RE Worker environment does not exist" in await refused("queue_dry_run", **GROUP)
