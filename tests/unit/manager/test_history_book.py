"""The history stays in the store: what is read at the start, and later, while plans end and items are dropped."""

import asyncio
import json
import sqlite3

import pytest
from msgspec.structs import replace

from bluesky_qs.config.schema import Settings
from bluesky_qs.errors import NotFound, StoreError
from bluesky_qs.manager.history.history_book import HistoryBook
from bluesky_qs.plan_queue.changes import AddHistory
from bluesky_qs.plan_queue.history import ItemHistory
from bluesky_qs.store.memory import MemoryStore
from bluesky_qs.store.sqlite import SQLiteStore
from bluesky_qs.testing import AsyncManager, Fail


def item(number, **more):
    result = {"exit_status": "completed", "time_start": float(number)}
    return json.dumps({"name": "count", "item_uid": f"u{number}", **more, "result": result}).encode()


class Noting(MemoryStore):
    """Notes the numbers of the items that are read, and waits before it looks for a uid until it may go on."""

    def __init__(self):
        super().__init__()
        self.read, self.sought = [], []
        self.looks, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()

    async def read_history(self, numbers, **how):
        items = await super().read_history(numbers, **how)
        self.read += [number for number, _ in items]
        return items

    async def find_history(self, uids):
        self.sought.append(list(uids))
        found = await super().find_history(uids)
        self.looks.set()
        await self.go.wait()
        return found


class HoldingTheEnd(MemoryStore):
    """Does not store the end of an item until it may go on."""

    def __init__(self):
        super().__init__()
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def commit(self, changes):
        if any(isinstance(change, AddHistory) for change in changes):
            self.reached.set()
            await self.go.wait()
        await super().commit(changes)


@pytest.fixture
async def store():
    store = Noting()
    await store.commit([AddHistory("", item(number)) for number in range(5000)])
    return store


async def test_a_start_reads_no_items_and_a_request_only_those_that_it_needs(store):
    async with AsyncManager(store=store) as manager:
        await manager.open()
        assert (await manager.do("status"))["items_in_history"] == 5000
        assert store.read == []
        page = await manager.do("history_get", limit=3, before="u4000")
        assert [each["item_uid"] for each in page["items"]] == ["u3997", "u3998", "u3999"]
        assert store.read == [3997, 3998, 3999]
        store.read.clear()
        assert (await manager.do("item_status", item_uid=["u7", "nowhere"]))["status"]["u7"]["state"] == "completed"
        assert store.read == []
        await manager.do("history_clear", item_uid="u9")
        assert (await manager.do("history_get", until=20, limit=5))["positions"] == [6, 7, 8, 9, 10]
        await manager.add("count", ["det1"])
        await manager.do("queue_start")
        await manager.until_idle()
        store.read.clear()
        assert (await manager.do("history_get", name="count", limit=2))["positions"] == [4989, 4990]
        assert 5000 in store.read  # what is durable does not stay in memory
        assert len(store.read) < 600
        await manager.stop()


async def steps_of_a_load(path, length):
    """How many instructions SQLite carries out to load a store."""
    store = SQLiteStore(path)
    await store.open()
    await store.commit([AddHistory("", item(number)) for number in range(length)])
    await store.close()
    await store.open()
    steps = []

    def count():
        steps.append(1)

    await store._run(lambda: store._file._connection.set_progress_handler(count, 1))
    assert len((await store.load()).history) == length
    await store.close()
    return len(steps)


async def test_a_long_history_is_loaded_in_as_many_steps_as_a_short_one(tmp_path):
    short = await steps_of_a_load(tmp_path / "short.sqlite3", 2000)
    assert await steps_of_a_load(tmp_path / "long.sqlite3", 20_000) == short


async def test_an_item_that_ends_during_a_search_for_it_is_found(store):
    history = ItemHistory((await store.load()).history)
    book = HistoryBook(history, store)
    store.go.clear()
    search = asyncio.create_task(book.find(["u1", "new", "u1"]))
    await store.looks.wait()
    history.extend([item(0, item_uid="new")])
    store.go.set()
    assert {uid: number for uid, (number, _) in (await search).items()} == {"u1": 1, "new": 5000}
    assert store.sought[-1] == ["u1", "u1"]


async def test_an_item_that_is_taken_back_or_dropped_during_a_search_is_not_found(store):
    history = ItemHistory((await store.load()).history)
    book = HistoryBook(history, store)
    history.extend([item(0, item_uid="new")])
    store.go.clear()
    search = asyncio.create_task(book.find(["u1", "new", "u4"]))
    await store.looks.wait()
    history.restore(0, 1)
    history.drop(3)
    store.go.set()
    assert {uid: number for uid, (number, _) in (await search).items()} == {"u4": 4}
    with pytest.raises(NotFound, match="'u1' is not in the history"):
        await book.number("u1")


async def test_the_newest_item_with_a_uid_is_found_wherever_it_is():
    store = MemoryStore()
    await store.commit([AddHistory("", item(0)), AddHistory("", item(0)), AddHistory("", item(1))])
    history = ItemHistory((await store.load()).history)
    book = HistoryBook(history, store)
    assert await book.number("u0") == 1
    history.extend([item(0), item(2)])
    assert await book.number("u0") == 3
    history.restore(0, 2)
    assert await book.number("u0") == 1


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_pages_are_right_while_plans_end_and_old_items_are_dropped(tmp_path, kind):
    """Each reply is a stretch of what ran, and replies with the same uid of the history are the same."""
    settings = Settings()
    settings = replace(settings, operation=replace(settings.operation, history_limit=20))
    store = MemoryStore() if kind == "memory" else SQLiteStore(tmp_path / "queue.sqlite3")
    async with AsyncManager(store=store, settings=settings) as manager:
        await manager.open()
        uids = [(await manager.add("count", ["det1"], num=n))["item_uid"] for n in range(60)]
        await manager.do("queue_start")
        seen = {}
        while (await manager.do("status"))["items_in_queue"]:
            for params in ({}, {"limit": 7}, {"name": "count", "limit": 7}):
                reply = await manager.do("history_get", **params)
                shown = [each["item_uid"] for each in reply["items"]]
                assert len(shown) <= 20
                if shown:
                    first = uids.index(shown[0])
                    assert shown == uids[first : first + len(shown)]
                if not params and reply["plan_history_uid"] == (await manager.do("status"))["plan_history_uid"]:
                    assert seen.setdefault(reply["plan_history_uid"], shown) == shown
        await manager.until_idle()
        await manager.restart()
        last = await manager.do("history_get")
        assert [each["item_uid"] for each in last["items"]] == uids[-20:]
        page = await manager.do("history_get", before=uids[50], limit=3)
        assert ([each["item_uid"] for each in page["items"]], page["positions"]) == (uids[47:50], [7, 8, 9])
        assert (await manager.do("item_status", item_uid=uids[45]))["status"]["state"] == "completed"
        await manager.stop()


async def test_an_item_has_ended_when_its_end_is_durable_and_names_the_item_that_takes_its_place():
    store = HoldingTheEnd()
    async with AsyncManager(store=store) as manager:
        await manager.open()
        manager.worker.on_plan("count", Fail("no beam"))
        item = await manager.add("count", ["det1"])
        await manager.do("queue_start")
        await store.reached.wait()
        status = asyncio.create_task(manager.do("item_status", item_uid=item["item_uid"]))
        assert (await manager.do("status"))["items_in_history"] == 1
        assert not status.done()
        store.go.set()
        (again,) = (await manager.do("queue_get"))["items"]
        ended = (await status)["status"]
        assert (ended["state"], ended["requeued_as"]) == ("failed", again["item_uid"])


async def test_what_was_not_stored_is_not_in_the_history(opened):
    uid = (await opened.add("count", ["det1"]))["item_uid"]
    history = (await opened.do("status"))["plan_history_uid"]
    opened.store.refuse = "the disk is full"
    assert not (await opened.ask("queue_start"))["success"]
    opened.store.refuse = None
    assert (await opened.do("history_get"))["items"] == []
    assert (await opened.do("status"))["plan_history_uid"] == history
    assert (await opened.do("item_status", item_uid=uid))["status"]["state"] == "queued"


async def test_a_store_that_cannot_be_read_is_an_error_of_the_request_alone(tmp_path):
    path = tmp_path / "queue.sqlite3"
    async with AsyncManager(store=SQLiteStore(path)) as manager:
        await manager.open()
        await manager.add("count", ["det1"])
        await manager.do("queue_start")
        await manager.until_idle()
        with sqlite3.connect(path) as db:
            db.execute("ALTER TABLE history RENAME TO moved")
        for params in ({}, {"limit": 1}, {"name": "count"}):
            answer = await manager.ask("history_get", **params)
            assert (answer["success"], answer["items"]) == (False, [])
            assert "no such table: history" in answer["msg"]
        with sqlite3.connect(path) as db:
            db.execute("ALTER TABLE moved RENAME TO history")
        db.close()
        assert len((await manager.do("history_get"))["items"]) == 1
        await manager.stop()


async def test_a_book_says_that_the_store_failed():
    store = MemoryStore()
    await store.commit([AddHistory("", item(0))])

    async def broken(*_, **__):
        raise StoreError("gone")

    store.read_history = broken
    book = HistoryBook(ItemHistory((await store.load()).history), store)
    with pytest.raises(StoreError, match="gone"):
        await book.items(range(1))
