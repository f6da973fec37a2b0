"""Dry runs of plans as they enter the queue, in a whole manager."""

import json

import pytest

from bluesky_qs.config.schema import Settings, Worker
from bluesky_qs.ipc.commands import DryRun
from bluesky_qs.testing import AsyncManager, Clock, Wait

GROUP = {"user_group": "primary"}
COUNT = {"item_type": "plan", "name": "count", "args": [["det1"]]}
STOP = {"item_type": "instruction", "name": "queue_stop"}
ERROR = {"msg": "ValueError: no beam", "traceback": "", "step": 2}


@pytest.fixture
async def manager():
    settings = Settings(worker=Worker(dry_run_on_add=True))
    async with AsyncManager(settings=settings, clock=Clock(still=True)) as manager:
        yield manager


def counts(number):
    """Plans with different parameters."""
    return [COUNT | {"kwargs": {"num": num}} for num in range(1, number + 1)]


async def add(manager, *items):
    reply = await manager.do("queue_item_add_batch", items=list(items), user="Ann", **GROUP)
    return [item["item_uid"] for item in reply["items"]]


def walked(manager):
    """The uids of the items that the worker was to walk."""
    commands = [command for command in manager.worker.commands if isinstance(command, DryRun)]
    return [item["item_uid"] for command in commands for item in json.loads(command.items)]


async def found(manager, number):
    """Wait for the events of this many dry runs; return them."""
    while True:
        events = (await manager.do("events_get", since=0))["events"]
        if len(made := [each for each in events if each["type"] == "dry_run_found"]) >= number:
            return made
        manager.clock.advance(0.5)


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
    assert (await opened.do("status"))["dry_runs_uid"]


async def test_each_plan_is_walked_once_and_equal_plans_together(opened):
    one, other = counts(2)
    first, stop, second, equal = await add(opened, one, STOP, other, one)
    await found(opened, 3)
    (third,) = await add(opened, COUNT)
    events = await found(opened, 4)
    assert [event["item_uid"] for event in events] == [first, second, equal, third]
    assert walked(opened) == [first, second, third]
    assert "dry_run" not in await state_of(opened, stop)


async def test_a_plan_that_was_changed_is_walked_again(opened):
    item = await opened.add("count", ["det1"])
    await found(opened, 1)
    await opened.do("queue_item_update", item=item | {"kwargs": {"num": 5}}, user="Ann", **GROUP)
    assert "dry_run" not in await state_of(opened, item["item_uid"]), "it is of the plan as it was"
    first, second = await found(opened, 2)
    assert first["item_uid"] == second["item_uid"] == item["item_uid"]


async def test_a_move_renews_the_findings_of_plans_that_start_elsewhere(opened):
    async def go(start, end):
        return (await opened.add("scan", ["det1"], "motor", start, end, 3))["item_uid"]

    def dry_run(item):
        """A scan ends at its last position; it fails if it does not start at 0, where the motor is."""
        _, _, _, end, _ = item["args"]
        start = next(command for command in reversed(opened.worker.commands) if isinstance(command, DryRun))
        start = json.loads(start.carried)["positions"].get("motor", 0.0)
        motors = {"motor": {"start": start, "min": 0.0, "max": end, "end": end, "units": None}}
        return {"motors": motors, **({"ok": False, "errors": [ERROR]} if start else {})}

    opened.worker.dry_run = dry_run
    stays, leaves = await go(0, 0.0), await go(0, 5.0)
    await found(opened, 2)
    assert (await state_of(opened, stays))["dry_run"]["ok"] is True
    await opened.do("queue_item_move", uid=leaves, pos_dest="front")
    *_, event = await found(opened, 3)
    assert (event["item_uid"], event["ok"]) == (stays, False)
    assert walked(opened) == [stays, leaves, stays]


async def test_plans_are_walked_when_the_environment_opens(manager):
    uid = (await manager.add("count", ["det1"]))["item_uid"]
    assert walked(manager) == []
    await manager.open()
    await found(manager, 1)
    assert walked(manager) == [uid]
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


async def test_a_refusal_is_tried_again(opened):
    opened.worker.dry_run_refusal = "A dry run is not possible while a plan or a task is running."
    item = await opened.add("count", ["det1"])
    while not walked(opened):
        opened.clock.advance(0.5)
        await opened.do("ping")
    assert "dry_run" not in await state_of(opened, item["item_uid"])
    opened.worker.dry_run_refusal = ""
    await found(opened, 1)


async def test_plans_are_walked_while_another_one_runs(opened):
    opened.worker.on_plan("count", Wait())
    await opened.add("count", ["det1"])
    await found(opened, 1)
    await opened.do("queue_start")
    await opened.until(lambda _: opened.worker.is_waiting)
    await opened.add("count", ["det1"], num=2)
    await found(opened, 2)


async def test_without_the_option_findings_are_not_shown():
    async with AsyncManager(clock=Clock(still=True)) as manager:
        await manager.open()
        item = await manager.add("count", ["det1"])
        while not walked(manager):
            manager.clock.advance(0.5)
            await manager.do("ping")
        while (await manager.do("estimates_get"))["estimates"][item["item_uid"]]["reason"].endswith("estimated yet"):
            manager.clock.advance(0.5)
        assert (await manager.do("status"))["dry_runs_uid"] is None
        assert "dry_run" not in await state_of(manager, item["item_uid"])
