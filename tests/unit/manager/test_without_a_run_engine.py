"""The queue of an environment that has no RunEngine."""

import msgspec
import pytest

from bluesky_qs.errors import NoRunEngine
from bluesky_qs.ipc.commands import RunPlan
from bluesky_qs.testing import End, RunEngine

TESTER = {"user": "tester", "user_group": "primary"}
COUNT = {"item_type": "plan", "name": "count", "args": [["det1"]]}
STOP = {"item_type": "instruction", "name": "queue_stop"}
MISSING = "Run Engine is not found in the RE Worker environment"


@pytest.fixture
async def without(manager):
    """A manager whose environment is open and has no RunEngine."""
    manager.worker.on_open(RunEngine(exists=False))
    await manager.open()
    return manager


async def waiting(manager):
    return [item["item_uid"] for item in (await manager.do("queue_get"))["items"]]


async def assert_stopped(manager, uids):
    """Nothing ran, the items wait with their uids, and the status says why."""
    status = await manager.until(lambda status: status["manager_state"] == "idle")
    assert await waiting(manager) == uids
    assert status["running_item_uid"] is None
    assert status["queue_autostart_enabled"] is False
    assert "no RunEngine" in status["queue_autostart_off_reason"]


@pytest.mark.parametrize("plans", [0, 2])
async def test_the_queue_does_not_start(without, refused, plans):
    uids = [(await without.add("count", ["det1"]))["item_uid"] for _ in range(plans)]
    assert MISSING in await refused("queue_start")
    assert await waiting(without) == uids


async def test_a_plan_is_not_executed_and_an_instruction_is(without, refused):
    assert MISSING in await refused("queue_item_execute", item=COUNT, **TESTER)
    await without.do("queue_item_execute", item=STOP, **TESTER)


async def test_no_plan_starts_in_a_run_engine_that_is_panicked(opened, refused):
    await opened.do("queue_mode_set", mode={"ignore_failures": True})
    uids = [(await opened.add("count", ["det1"]))["item_uid"] for _ in range(2)]
    opened.worker.life.state = msgspec.structs.replace(opened.worker.life.state, engine="panicked")
    await opened.do("script_upload", script="pass", run_in_background=True)
    await opened.until(lambda status: status["re_state"] == "panicked")
    assert "Run Engine is panicked" in await refused("queue_start")
    assert "Run Engine is panicked" in await refused("queue_item_execute", item=COUNT, **TESTER)
    assert await waiting(opened) == uids


async def test_a_pause_says_that_there_is_no_run_engine(without, refused):
    assert MISSING in await refused("re_pause")


async def test_autostart_waits_for_a_run_engine(without):
    await without.do("queue_autostart", enable=True)
    await without.add("count", ["det1"])
    without.worker.on_function("function_sleep", RunEngine())
    function = {"item_type": "function", "name": "function_sleep"}
    assert (await without.do("status"))["items_in_history"] == 0
    await without.do("function_execute", item=function, **TESTER)
    await without.until(lambda status: status["items_in_history"] == 1)


async def test_a_plan_that_removes_the_run_engine_is_the_last_one(opened):
    await opened.do("queue_mode_set", mode={"ignore_failures": True})
    opened.worker.on_plan("count", RunEngine(exists=False), End("completed"))
    first, *rest = [(await opened.add("count", ["det1"]))["item_uid"] for _ in range(3)]
    await opened.do("queue_autostart", enable=True)
    await opened.until(lambda status: status["items_in_history"] == 1)
    await assert_stopped(opened, rest)
    assert [item["item_uid"] for item in (await opened.do("history_get"))["items"]] == [first]


async def test_a_plan_that_the_worker_refuses_without_a_run_engine_is_first_again(opened):
    await opened.do("queue_mode_set", mode={"ignore_failures": True})
    opened.worker.refuse(RunPlan, NoRunEngine())
    uids = [(await opened.add("count", ["det1"], num=n))["item_uid"] for n in (1, 2)]
    await opened.do("queue_autostart", enable=True)
    await opened.until(lambda status: status["queue_autostart_off_reason"])
    await assert_stopped(opened, uids)
    assert (await opened.do("status"))["items_in_history"] == 0


async def test_a_plan_executed_by_itself_that_the_worker_refuses_is_recorded_as_failed(opened, results):
    opened.worker.refuse(RunPlan, NoRunEngine())
    await opened.do("queue_item_execute", item=COUNT, **TESTER)
    await opened.until(lambda status: status["items_in_history"] == 1)
    assert [result["exit_status"] for result in await results()] == ["failed"]
    assert await waiting(opened) == []


async def test_autostart_switched_off_by_a_user_has_no_reason(opened):
    opened.worker.on_plan("count", End("failed"))
    await opened.do("queue_autostart", enable=True)
    await opened.add("count", ["det1"])
    status = await opened.until(lambda status: status["queue_autostart_off_reason"])
    assert status["queue_autostart_off_reason"] == "the last plan failed"
    await opened.do("queue_autostart", enable=False)
    assert (await opened.do("status"))["queue_autostart_off_reason"] is None
