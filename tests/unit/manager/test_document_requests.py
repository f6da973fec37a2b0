"""Requests for the documents of items: running, ended, before a restart, no longer kept."""

import pytest

from bluesky_qs.config.schema import Network, Operation, Settings
from bluesky_qs.store.sqlite import SQLiteStore
from bluesky_qs.testing import AsyncManager, Die, Measure, Wait

WHOLE = ["start", "descriptor", "event", "event", "stop"]


@pytest.fixture
def new_manager(tmp_path):
    def make(**settings):
        return AsyncManager(store=SQLiteStore(tmp_path / "queue.sqlite3"), settings=Settings(**settings))

    return make


async def ran(manager, *steps):
    """Let a plan with these steps run; its uid."""
    manager.worker.on_plan("count", *steps)
    item = await manager.add("count", ["det1"])
    await manager.do("queue_start")
    await manager.until_idle()
    return item["item_uid"]


def names(reply):
    return [message["name"] for message in reply["documents"]]


async def test_an_earlier_item_has_its_documents(new_manager):
    async with new_manager() as manager:
        await manager.open()
        first = await ran(manager, Measure(num=2))
        second = await ran(manager, Measure(num=1))
        reply = await manager.do("documents_get", item_uid=first)
        assert (names(reply), reply["item_uid"], reply["before"], reply["missing"]) == (WHOLE, first, None, 0)
        assert {message["item_uid"] for message in reply["documents"]} == {first}
        assert (await manager.do("documents_get"))["item_uid"] == second


async def test_pages_lead_to_the_first_event(new_manager):
    async with new_manager() as manager:
        await manager.open()
        uid = await ran(manager, Measure(num=5))
        reply = await manager.do("documents_get", limit=2)
        assert names(reply) == WHOLE
        numbers = []
        while True:
            numbers[:0] = [each["doc"]["seq_num"] for each in reply["documents"] if each["name"] == "event"]
            if reply["before"] is None:
                break
            reply = await manager.do("documents_get", limit=2, item_uid=uid, before=reply["before"])
        assert numbers == [1, 2, 3, 4, 5]
        assert "before" in (await manager.ask("documents_get", before=0))["msg"]


async def test_after_a_restart_of_the_service_everything_is_there(new_manager):
    async with new_manager() as manager:
        await manager.open()
        first = await ran(manager, Measure(num=2))
        await ran(manager, Measure(num=1))
        before = await manager.do("documents_get")
        await manager.stop()
        await manager.start()
        assert await manager.do("documents_get") == before
        assert names(await manager.do("documents_get", item_uid=first)) == WHOLE


async def test_a_manager_that_dies_during_a_plan_leaves_its_documents_to_the_next(new_manager):
    async with new_manager() as manager:
        await manager.open()
        manager.worker.on_plan("count", Measure(num=2), Wait(), Measure(num=1))
        uid = (await manager.add("count", ["det1"]))["item_uid"]
        await manager.do("queue_start")
        await manager.until(lambda _: manager.worker.is_waiting)
        await manager.restart()
        assert names(await manager.do("documents_get")) == WHOLE
        manager.worker.proceed()
        await manager.until_idle()
        both = [*WHOLE, "start", "descriptor", "event", "stop"]
        assert names(await manager.do("documents_get", item_uid=uid)) == both
        assert names(await manager.do("documents_get", item_uid=uid, before=6)) == WHOLE


async def test_the_documents_of_a_plan_whose_worker_died_are_kept_so_far(new_manager):
    async with new_manager() as manager:
        await manager.open()
        uid = await ran(manager, Measure(num=2), Die())
        assert names(await manager.do("documents_get", item_uid=uid)) == WHOLE


async def test_an_item_says_why_its_documents_are_not_here(new_manager):
    async with new_manager(operation=Operation(documents_limit=1)) as manager:
        await manager.open()
        old, _ = await ran(manager, Measure()), await ran(manager, Measure())
        moved = await ran(manager)
        queued = (await manager.add("count", ["det1"]))["item_uid"]
        assert names(await manager.do("documents_get", item_uid=moved)) == []
        for uid, reason in ((old, "no longer here"), (queued, "not run yet"), ("x", "neither running nor in")):
            reply = await manager.ask("documents_get", item_uid=uid)
            assert reply["success"] is False
            assert reason in reply["msg"]


async def test_clearing_the_history_drops_them(new_manager):
    async with new_manager() as manager:
        await manager.open()
        first, second = await ran(manager, Measure(num=2)), await ran(manager, Measure(num=2))
        await manager.do("history_clear", item_uid=first)
        assert (await manager.ask("documents_get", item_uid=first))["success"] is False
        assert names(await manager.do("documents_get", item_uid=second)) == WHOLE
        await manager.do("history_clear")
        assert names(await manager.do("documents_get")) == []
        await manager.stop()
        await manager.start()
        assert names(await manager.do("documents_get")) == []


async def test_documents_that_are_switched_off_are_not_kept(new_manager, tmp_path):
    async with new_manager(network=Network(zmq_publish_documents=False)) as manager:
        await manager.open()
        uid = await ran(manager, Measure())
        assert "OFF" in (await manager.ask("documents_get", item_uid=uid))["msg"]
        assert names(await manager.do("documents_get")) == []
    assert not list(tmp_path.rglob("documents.*"))


async def test_without_a_file_the_last_plan_has_its_documents(new_manager, tmp_path):
    (tmp_path / "queue.sqlite3.d" / "documents.sqlite3").mkdir(parents=True)
    async with new_manager() as manager:
        await manager.open()
        first, second = await ran(manager, Measure(num=2)), await ran(manager, Measure(num=2))
        assert names(await manager.do("documents_get")) == WHOLE
        assert names(await manager.do("documents_get", item_uid=second)) == WHOLE
        assert "cannot be read" in (await manager.ask("documents_get", item_uid=first))["msg"]
        assert len((await manager.do("history_get"))["items"]) == 2
