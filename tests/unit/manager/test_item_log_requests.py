"""The logs of plans and tasks, as clients get them."""

import pytest

from bluesky_qs.config.schema import Operation, Settings
from bluesky_qs.store.memory import MemoryStore
from bluesky_qs.testing import AsyncManager, Fail, Print, Wait


@pytest.fixture
async def manager(tmp_path):
    """A manager whose store has a folder, with its environment open."""
    store = MemoryStore()
    store.state_folder = tmp_path / "state"
    async with AsyncManager(store=store) as manager:
        await manager.open()
        yield manager


async def run(manager, *script, name="count"):
    """Run a plan; its uid."""
    manager.worker.on_plan(name, *script)
    uid = (await manager.add(name, ["det1"]))["item_uid"]
    await manager.do("queue_start")
    await manager.until_idle()
    return uid


async def log(manager, uid, **params):
    reply = await manager.do("console_get", item_uid=uid, **params)
    return "".join(message["msg"] for message in reply["messages"])


async def test_each_plan_has_what_it_printed(manager):
    first = await run(manager, Print("first\n"), Print("still first\n"))
    second = await run(manager, Print("second\n"))
    assert await log(manager, first) == "first\nstill first\n"
    assert await log(manager, second) == "second\n"


async def test_the_log_of_a_running_plan_has_everything_so_far(manager):
    manager.worker.on_plan("count", Print("moving\n"), Wait(), Print("done\n"))
    uid = (await manager.add("count", ["det1"]))["item_uid"]
    await manager.do("queue_start")
    await manager.until(lambda _: manager.worker.is_waiting)
    assert await log(manager, uid) == "moving\n"
    await manager.restart()
    assert await log(manager, uid) == "moving\n"
    manager.worker.proceed()
    await manager.until_idle()
    assert await log(manager, uid) == "moving\ndone\n"


async def test_messages_are_numbered_and_can_be_read_by_page(manager):
    uid = await run(manager, Print("a\n"), Print("b\n"))
    reply = await manager.do("console_get", item_uid=uid)
    assert reply["last"] == reply["messages"][-1]["seq"]
    assert (await manager.do("console_get", since=reply["last"], item_uid=uid))["messages"] == []
    assert len((await manager.do("console_get", item_uid=uid, limit=1))["messages"]) == 1
    assert (await manager.do("console_get", item_uid=uid, limit=0))["messages"] == []


async def test_lines_are_selected_by_text_and_level(manager):
    uid = await run(manager, Print("moving\nWARNING:root:no beam\n"))
    assert await log(manager, uid, grep="MOV") == "moving\n"
    assert await log(manager, uid, level="warning") == "WARNING:root:no beam\n"
    assert (await manager.do("console_get", level="WARNING"))["messages"][-1]["msg"] == "WARNING:root:no beam\n"


async def test_a_task_has_a_log_too(manager):
    manager.worker.on_script(Print("from the script\n"))
    reply = await manager.do("script_upload", script="print('from the script')")
    await manager.until_idle()
    assert await log(manager, reply["task_uid"]) == "from the script\n"


async def test_a_log_is_dropped_with_its_history_entry(manager):
    first, second = await run(manager, Print("a\n")), await run(manager, Print("b\n"))
    await manager.do("history_clear", item_uid=first)
    await gone(manager, first)
    assert await log(manager, second) == "b\n"
    await manager.do("history_clear")
    await gone(manager, second)


async def gone(manager, uid):
    reply = await manager.ask("console_get", item_uid=uid)
    assert reply["msg"].endswith(f"this item has no log, or its log is no longer kept: item_uid={uid!r}")
    assert reply["messages"] == []


async def test_a_missing_log_costs_nothing_else(manager, tmp_path):
    first, second = await run(manager, Print("a\n")), await run(manager, Print("b\n"))
    assert await log(manager, first) == "a\n"
    next((tmp_path / "state" / "logs").glob(f"*{first}.log")).unlink()
    await gone(manager, first)
    assert await log(manager, second) == "b\n"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"item_uid": "nobody"}, "Parameter 'item_uid': there is no item or task with this uid: item_uid='nobody'"),
        ({"level": "loud"}, "must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL: level='loud'"),
    ],
)
async def test_a_wrong_parameter_is_named_with_its_value(manager, params, message):
    reply = await manager.ask("console_get", **params)
    assert message in reply["msg"]


async def test_an_item_that_has_not_run_has_no_log_yet(manager):
    uid = (await manager.add("count", ["det1"]))["item_uid"]
    reply = await manager.ask("console_get", item_uid=uid)
    assert reply["msg"].endswith(f"the item is in the queue and has not run: item_uid={uid!r}")


async def test_a_disk_that_takes_nothing_stops_neither_plans_nor_the_queue(manager, tmp_path, caplog):
    (tmp_path / "state").mkdir(exist_ok=True)
    (tmp_path / "state" / "logs").write_text("a file where the folder should be")
    uids = [await run(manager, Print("a\n")), await run(manager, Fail("no beam"))]
    history = (await manager.do("history_get"))["items"]
    assert [item["result"]["exit_status"] for item in history] == ["completed", "failed"]
    reply = await manager.ask("console_get", item_uid=uids[0])
    assert not reply["success"]
    assert "The queue and the plans are not affected" in caplog.text


async def test_no_logs_are_kept_if_their_size_is_0(tmp_path):
    store = MemoryStore()
    store.state_folder = tmp_path
    async with AsyncManager(store=store, settings=Settings(operation=Operation(item_logs_size=0))) as manager:
        await manager.open()
        uid = await run(manager, Print("a\n"))
        reply = await manager.ask("console_get", item_uid=uid)
        assert "the service keeps no logs (item_logs_size is 0)" in reply["msg"]
        assert not (tmp_path / "logs").exists()
