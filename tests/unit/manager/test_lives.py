"""How a manager takes up the work of another one, and how it stops."""

import asyncio
import json
import logging

import pytest

from bluesky_qs.config.schema import Operation, Settings
from bluesky_qs.errors import StoreError
from bluesky_qs.ipc.commands import OpenEnvironment, RunPlan
from bluesky_qs.manager import ending
from bluesky_qs.testing import AsyncManager, End, Fail, Hang, Measure, MemoryStore, Wait


async def turns_of_the_loop():
    """Let everything happen that is due."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_new_manager_finds_the_queue_as_it_was(manager):
    item = await manager.add("count", ["det1"])
    await manager.restart()
    assert (await manager.do("queue_get"))["items"] == [item]


async def test_a_new_manager_follows_the_running_plan(opened, running, results):
    (item,) = await running(Measure(), Wait())
    await opened.restart()
    status = await opened.do("status")
    assert (status["manager_state"], status["running_item_uid"]) == ("executing_queue", item["item_uid"])
    assert len((await opened.do("re_runs"))["run_list"]) == 1
    opened.worker.proceed()
    await opened.until_idle()
    assert [result["exit_status"] for result in await results()] == ["completed"]
    assert sum(isinstance(command, RunPlan) for command in opened.worker.commands) == 1


async def test_a_new_manager_finds_a_plan_paused(opened, running):
    await running()
    await opened.do("re_pause", option="immediate")
    await opened.until(lambda status: status["manager_state"] == "paused")
    await opened.restart()
    assert (await opened.do("status"))["manager_state"] == "paused"
    await opened.do("re_abort")
    await opened.until_idle()


async def test_a_plan_that_ends_while_there_is_no_manager_is_recorded_by_the_next_one(opened, running, results):
    await running(plans=2)
    await opened.die()
    opened.worker.do(End("completed"))
    await opened.until(lambda _: opened.worker.life.main is None)
    await opened.replace()
    await opened.until(lambda status: status["items_in_history"] == 1 and opened.worker.is_waiting)
    assert [result["exit_status"] for result in await results()] == ["completed"]


async def test_a_worker_that_dies_while_there_is_no_manager_is_known_to_the_next_one(opened, running, results):
    await running()
    await opened.die()
    opened.worker.die("killed by SIGKILL", -9)
    await opened.replace()
    status = await opened.until_idle()
    (result,) = await results()
    assert "killed by SIGKILL" in result["msg"]
    assert (status["items_in_queue"], status["worker_environment_exists"]) == (1, False)


class SlowStore(MemoryStore):
    """A store that makes the changes and reports a failure, when a test sets this."""

    says_nothing = False

    def __init__(self):
        super().__init__()
        self.committed = asyncio.Event()

    async def commit(self, changes):
        await super().commit(changes)
        if self.says_nothing:
            self.committed.set()
            await asyncio.Event().wait()


async def test_a_plan_that_the_worker_never_got_is_sent_by_the_next_manager():
    store = SlowStore()
    async with AsyncManager(store=store) as manager:
        await manager.open()
        await manager.add("count", ["det1"])
        store.says_nothing = True
        starting = asyncio.ensure_future(manager.ask("queue_start"))
        await store.committed.wait()
        await manager.die()
        starting.cancel()
        store.says_nothing = False
        assert manager.worker.items == []
        await manager.replace()
        await manager.until(lambda status: status["items_in_history"] == 1)
        assert len(manager.worker.items) == 1


async def test_a_new_manager_continues_an_opening(manager):
    manager.worker.on_open(Wait())
    await manager.do("environment_open")
    await manager.until(lambda _: manager.worker.is_waiting)
    await manager.restart()
    assert (await manager.do("status"))["manager_state"] == "creating_environment"
    manager.worker.proceed()
    await manager.until(lambda status: status["worker_environment_exists"])


async def test_the_next_manager_repeats_an_opening_that_the_worker_did_not_get(manager):
    manager.worker.begins_hung = True
    await manager.do("environment_open")
    await manager.until(lambda _: manager.worker.unheard)
    await manager.die()
    manager.worker.recover()
    await manager.replace()
    await manager.until(lambda status: status["worker_environment_exists"])
    assert sum(isinstance(command, OpenEnvironment) for command in manager.worker.commands) == 1


async def test_tasks_and_their_results_outlive_a_manager(opened):
    opened.worker.on_script(Fail("no"))
    done = (await opened.do("script_upload", script="x"))["task_uid"]
    await opened.until_idle()
    opened.worker.on_script(Wait())
    running = (await opened.do("script_upload", script="y"))["task_uid"]
    await opened.restart()
    assert (await opened.do("status"))["manager_state"] == "executing_task"
    assert (await opened.do("task_status", task_uid=[done, running]))["status"] == {
        done: "completed",
        running: "running",
    }
    opened.worker.proceed()
    await opened.until_idle()


async def test_autostart_and_a_pending_stop_outlive_a_manager(opened, running):
    await running(plans=2)
    await opened.do("queue_autostart", enable=True)
    await opened.do("queue_stop")
    await opened.restart()
    status = await opened.do("status")
    assert (status["queue_autostart_enabled"], status["queue_stop_pending"]) == (True, True)


async def test_nothing_starts_by_itself_when_the_service_starts():
    store = MemoryStore()
    async with AsyncManager(store=store) as manager:
        await manager.add("count", ["det1"])
        await manager.do("queue_autostart", enable=True)
    async with AsyncManager(store=store) as manager:
        assert not (await manager.do("status"))["queue_autostart_enabled"]


async def test_nothing_starts_by_itself_when_the_manager_is_replaced_after_the_start_of_the_service():
    store = MemoryStore()
    async with AsyncManager(store=store) as manager:
        await manager.add("count", ["det1"])
        await manager.do("queue_autostart", enable=True)
    async with AsyncManager(store=store) as manager:
        assert (await manager.do("status"))["queue_autostart_off_reason"] == "the service was restarted"
        await manager.restart()
        status = await manager.do("status")
        assert (status["queue_autostart_enabled"], status["queue_stop_pending"]) == (False, False)
        assert status["queue_autostart_off_reason"] == "the service was restarted"


async def test_the_reason_why_autostart_switched_itself_off_outlives_manager_and_service(opened):
    opened.worker.on_plan("count", Fail("no beam"))
    await opened.do("queue_autostart", enable=True)
    await opened.add("count", ["det1"])
    reason = (await opened.until(lambda status: not status["queue_autostart_enabled"]))["queue_autostart_off_reason"]
    assert reason == "the last plan failed"
    await opened.restart()
    assert (await opened.do("status"))["queue_autostart_off_reason"] == reason
    await opened.stop()
    await opened.start()
    assert (await opened.do("status"))["queue_autostart_off_reason"] == reason


async def test_why_the_queue_stopped_outlives_a_manager_and_not_the_environment_or_the_service(opened):
    opened.worker.on_plan("count", Fail("no beam"))
    await opened.add("count", ["det1"])
    await opened.do("queue_start")
    why = (await opened.until(lambda status: status["queue_stopped_reason"]))["queue_stopped_reason"]
    assert why == "the last plan failed"
    await opened.restart()
    assert (await opened.do("status"))["queue_stopped_reason"] == why
    await opened.do("environment_close")
    await opened.until(lambda status: status["worker_environment_state"] == "closed")
    await opened.restart()
    await opened.do("environment_open")
    assert (await opened.until_idle())["queue_stopped_reason"] is None
    await opened.do("queue_start")
    await opened.until(lambda status: status["queue_stopped_reason"])
    await opened.stop()
    await opened.start()
    await opened.restart()
    assert (await opened.do("status"))["queue_stopped_reason"] is None


async def test_a_plan_that_was_running_when_everything_ended_has_failed(opened, running):
    await running()
    store = opened.store
    await opened.close()
    async with AsyncManager(store=store) as manager:
        status = await manager.do("status")
        assert (status["items_in_queue"], status["items_in_history"]) == (1, 1)
        (item,) = (await manager.do("history_get"))["items"]
        assert item["result"]["msg"].startswith("The service ended unexpectedly")


async def test_a_service_that_stops_lets_the_plan_clean_up(opened, running):
    await running(plans=2)
    await opened.stop("the test is over")
    await opened.start()
    (item,) = (await opened.do("history_get"))["items"]
    assert item["result"]["exit_status"] == "failed"
    assert "The service was stopped while the plan was running: the test is over" in item["result"]["msg"]
    assert (await opened.do("status"))["items_in_queue"] == 2


async def test_the_status_tells_that_the_service_is_stopping(opened, running):
    await running(Hang())
    assert not (await opened.do("status"))["stopping"]
    stopping = opened.loop.create_task(opened.stop("the test is over"))
    await opened.until(lambda status: status["stopping"])
    opened.worker.proceed()
    await stopping


async def test_a_paused_plan_is_aborted_when_the_service_stops(opened, running):
    await running()
    await opened.do("re_pause", option="immediate")
    await opened.until(lambda status: status["manager_state"] == "paused")
    await opened.stop()
    assert opened.worker.life.over


async def test_a_plan_that_does_not_end_is_killed_when_the_service_stops(opened, running, caplog):
    await running(Hang())
    stopping = opened.loop.create_task(opened.stop())
    await opened.until(lambda _: opened.worker.unheard)
    opened.clock.advance(29)
    await turns_of_the_loop()
    assert not stopping.done()
    opened.clock.advance(2)
    await stopping
    assert "The plan did not end within 30 s. Killing it WITHOUT its cleanup" in caplog.text
    assert opened.worker.life.over


async def test_a_second_request_to_stop_ends_the_wait_for_the_clean_up(opened, running):
    await running(Hang())
    stopping = opened.loop.create_task(opened.stop("Ctrl-C"))
    await opened.until(lambda _: opened.worker.unheard)
    opened._supervisor.ask_stop("Ctrl-C", hurry=True)
    await stopping
    assert opened.worker.life.over
    await opened.start()
    (item,) = (await opened.do("history_get"))["items"]
    assert item["result"]["msg"].endswith(
        "Ctrl-C. The plan did not end before the second request to stop and was killed without its cleanup"
    )


async def test_a_plan_has_as_long_for_its_clean_up_as_the_settings_say():
    settings = Settings(operation=Operation(plan_cleanup_timeout=500))
    async with AsyncManager(settings=settings) as manager:
        await manager.open()
        manager.worker.on_plan("count", Hang())
        await manager.add("count", ["det1"])
        await manager.do("queue_start")
        stopping = manager.loop.create_task(manager.stop())
        await manager.until(lambda _: manager.worker.unheard)
        manager.clock.advance(499)
        await turns_of_the_loop()
        assert not stopping.done()
        manager.clock.advance(2)
        await stopping


async def test_a_plan_without_a_limit_for_its_clean_up_is_waited_for(caplog):
    async with AsyncManager(settings=Settings(operation=Operation(plan_cleanup_timeout=0))) as manager:
        await manager.open()
        manager.worker.on_plan("count", Hang())
        await manager.add("count", ["det1"])
        await manager.do("queue_start")
        stopping = manager.loop.create_task(manager.stop())
        await manager.until(lambda _: manager.worker.unheard)
        manager.clock.advance(100_000)
        await turns_of_the_loop()
        assert not stopping.done()
        assert "Waiting for the plan's cleanup." in caplog.text
        manager._supervisor.ask_stop("Ctrl-C", hurry=True)
        await stopping


async def test_an_idle_environment_is_closed_when_the_service_stops(opened, caplog):
    with caplog.at_level(logging.INFO):
        await opened.stop()
    assert "environment is closed" in caplog.text


async def test_a_worker_that_does_not_close_is_killed_when_the_service_stops(opened):
    opened.worker.hang()
    stopping = opened.loop.create_task(opened.stop())
    await opened.until(lambda _: opened.worker.unheard)
    opened.clock.advance(3)
    await stopping
    assert opened.worker.life.over


async def test_a_store_that_cannot_be_opened_is_an_error_of_the_start():
    class Broken(MemoryStore):
        async def open(self):
            raise StoreError("The store is in use by another service")

    with pytest.raises(StoreError, match="in use"):
        await AsyncManager(store=Broken()).start()


async def test_a_store_that_refuses_at_the_end_leaves_the_plan_to_the_next_start(opened, running, caplog, monkeypatch):
    monkeypatch.setattr(ending, "_RECORDING_SECONDS", 0.1)
    await running()
    opened.store.refuse = "disk full"
    await opened.stop()
    assert "could not be stored. The service will record it at its next start" in caplog.text
    assert json.loads((await opened.store.load()).facts["running_plan"])["name"] == "count"


async def test_a_worker_may_die_while_the_store_refuses_changes(opened):
    opened.worker.on_plan("count", Fail("no beam"))
    await opened.add("count", ["det1"])
    await opened.do("queue_start")
    await opened.until(lambda status: status["queue_stopped_reason"])
    opened.store.refuse = "disk full"
    opened.worker.die()
    status = await opened.until(lambda status: not status["worker_environment_exists"])
    assert status["queue_stopped_reason"] is None
    opened.store.refuse = ""
    await opened.do("environment_open")
    assert (await opened.until_idle())["worker_environment_exists"]


class StoreWithFolder(MemoryStore):
    """Keeps the queue in memory, and documents in a folder."""

    def __init__(self, folder):
        super().__init__()
        self.state_folder = folder


@pytest.mark.parametrize("ends", [False, True])
async def test_no_point_is_lost_that_is_measured_while_a_manager_is_replaced(tmp_path, ends):
    async with AsyncManager(store=StoreWithFolder(tmp_path)) as manager:
        await manager.open()
        manager.worker.on_plan("count", Measure(num=2), Wait())
        item = await manager.add("count", ["det1"])
        await manager.do("queue_start")
        await manager.until(lambda _: manager.worker.is_waiting)
        await manager.die()
        manager.worker.do(Measure(num=3))
        await turns_of_the_loop()
        if ends:
            manager.worker.do(End("completed"))
            await manager.until(lambda _: manager.worker.life.main is None)
        await manager.replace()
        if not ends:
            manager.worker.do(Measure(num=1))
            manager.worker.do(End("completed"))
        await manager.until(lambda status: status["items_in_history"] == 1)
        reply = await manager.do("documents_get", item_uid=item["item_uid"])
        names = [message["name"] for message in reply["documents"]]
        assert (names.count("start"), names.count("event"), reply["missing"]) == ((2, 5, 0) if ends else (3, 6, 0))
        uids = [message["doc"]["uid"] for message in reply["documents"]]
        assert len(uids) == len(set(uids))
