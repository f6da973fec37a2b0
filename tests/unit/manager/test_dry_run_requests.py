"""Dry runs, in a whole manager."""

import asyncio

import pytest

from bluesky_qs.config.schema import Settings, Worker
from bluesky_qs.errors import NoRunEngine
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
    assert command.timeout == 10.0


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
        ({"item_type": "instruction", "name": "queue_stop"}, "only plans can be walked"),
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
