"""The index of the history: found items, and what becomes of it when it is missing, damaged or out of date."""

import asyncio
import json
import logging
import shutil
import sqlite3
from contextlib import asynccontextmanager

import pytest

from bluesky_qs.errors import Refused
from bluesky_qs.manager.history import history_search
from bluesky_qs.manager.history.history_book import HistoryBook
from bluesky_qs.manager.history.history_search import HistorySearch
from bluesky_qs.plan_queue.changes import AddHistory, TrimHistory
from bluesky_qs.plan_queue.history import ItemHistory
from bluesky_qs.plan_queue.search_text import SearchWords
from bluesky_qs.store.memory import MemoryStore
from bluesky_qs.store.redis import RedisStore
from bluesky_qs.store.sqlite import SQLiteStore
from bluesky_qs.testing import AsyncManager

FILE = "history-index.sqlite3"


def item(number, text=""):
    return json.dumps({"name": f"n{number}", "item_uid": f"u{number}", "args": ["all", text]}).encode()


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A search waits for the items that were added just now, however busy the machine is."""
    monkeypatch.setattr(history_search, "_PATIENCE", 60.0)


class Searched:
    """A history and its search."""

    def __init__(self, store, history, folder):
        self.store = store
        self.history = history
        self.search = HistorySearch(history, HistoryBook(history, store), folder)

    async def find(self, words, before=10**6):
        found = self.search.matches(SearchWords.of(words), before)
        return [json.loads(data)["name"] async for page in found for _, data in page]

    async def add(self, *items):
        self.history.extend(items)
        await self.commit([AddHistory("", data) for data in items])

    async def trim(self, keep):
        self.history.drop(len(self.history) - keep)
        await self.commit([TrimHistory(keep)])

    async def commit(self, changes):
        await self.store.commit(changes)
        self.history.stored(changes)
        self.search.history_changed()


@asynccontextmanager
async def searched(items, folder):
    store = MemoryStore()
    await store.commit([AddHistory("", data) for data in items])
    both = Searched(store, ItemHistory((await store.load()).history), folder)
    task = asyncio.create_task(both.search.follow())
    try:
        yield both
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def added(monkeypatch):
    """The numbers of items that were added to the index."""
    numbers = []
    add = history_search.HistoryIndex.add

    def noting(index, number, items):
        numbers.extend(range(number, number + len(items)))
        add(index, number, items)

    monkeypatch.setattr(history_search.HistoryIndex, "add", noting)
    return numbers


@pytest.mark.parametrize("in_a_folder", [True, False])
async def test_items_are_found_newest_first_and_new_ones_at_once(tmp_path, in_a_folder):
    async with searched(map(item, range(1200)), tmp_path / "new" if in_a_folder else None) as both:
        await both.find("x")
        await both.search.complete.wait()
        assert await both.find("n7 all") == [f"n{n}" for n in range(1199, -1, -1) if str(n).startswith("7")]
        await both.add(item(7000))
        assert await both.find("n7000") == ["n7000"]
        assert (await both.find("n7", before=78))[:3] == ["n77", "n76", "n75"]
        assert both.search.is_complete


async def test_words_are_found_as_they_are_in_quotes_and_accents_do_not_matter(tmp_path):
    async with searched([item(1, "Cu foil é"), item(2, "foil of Cu"), item(3, "grid_scan 0.5")], tmp_path) as both:
        assert await both.find("cu FOIL") == ["n2", "n1"]
        assert await both.find('"cu foil"') == ["n1"]
        assert await both.find('"fo"') == []
        assert await both.find("E") == ["n1"]
        assert await both.find("grid_sc 0.5") == ["n3"]
        assert await both.find("5.0") == []


@pytest.mark.parametrize("text", ["a OR", "NEAR(", "text:a", "*", "^", "'", "-x", "a AND NOT", "\0", "{a b} :", "+"])
async def test_no_text_is_a_command(tmp_path, text):
    async with searched([item(1)], tmp_path) as both:
        assert await both.find(f"n1 {text}x") in ([], ["n1"])
        assert await both.find("n1") == ["n1"]


async def test_a_later_start_finds_the_index_and_adds_what_it_lacks(tmp_path, added):
    async with searched(map(item, range(20)), tmp_path) as both:
        await both.search.complete.wait()
    added.clear()
    async with searched(map(item, range(5, 25)), tmp_path) as both:  # an older version ran meanwhile
        await both.search.complete.wait()
        assert added == list(range(21, 26))
        assert await both.find("all") == [f"n{n}" for n in range(24, 4, -1)]


async def test_an_index_that_was_not_finished_is_continued(tmp_path, added, monkeypatch):
    monkeypatch.setattr(history_search, "_CHUNK", 10)
    async with searched(map(item, range(100)), tmp_path) as both:
        assert await both.find("n99") == ["n99"]
    async with searched(map(item, range(100)), tmp_path) as both:
        await both.search.complete.wait()
        assert sorted(added) == list(range(1, 101))
        assert len(await both.find("all")) == 100


async def test_the_newest_items_are_found_while_the_index_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(history_search, "_CHUNK", 10)
    async with searched(map(item, range(1000)), tmp_path) as both:
        assert await both.find("n999") == ["n999"]
        assert not both.search.is_complete
        await both.add(item(1000))
        assert await both.find("n1000") == ["n1000"]
        await both.search.complete.wait()
        assert await both.find("n0") == ["n0"]


@pytest.mark.parametrize("damage", ["missing", "text", "empty", "truncated", "flipped", "other", "layout"])
async def test_a_missing_or_damaged_file_is_made_again(tmp_path, damage, caplog):
    async with searched(map(item, range(300)), tmp_path) as both:
        await both.search.complete.wait()
    file = tmp_path / FILE
    content = file.read_bytes()
    match damage:
        case "missing":
            file.unlink()
        case "text":
            file.write_text("no database")
        case "empty":
            file.write_bytes(b"")
        case "truncated":
            file.write_bytes(content[: len(content) // 2])
        case "flipped":
            file.write_bytes(content[:4096] + bytes(255 - byte for byte in content[4096:]))
        case "other":
            file.unlink()
            with sqlite3.connect(file) as db:
                db.execute("CREATE TABLE other (x)")
            db.close()
        case "layout":
            with sqlite3.connect(file) as db:
                db.execute("PRAGMA user_version = 99")
            db.close()
    with caplog.at_level(logging.ERROR):
        async with searched(map(item, range(300)), tmp_path) as both:
            assert await both.find("n299") == ["n299"]
            await both.search.complete.wait()
            assert len(await both.find("all")) == 300
    assert not caplog.records


async def test_a_file_that_is_damaged_while_it_is_used_is_made_again(tmp_path):
    async with searched(map(item, range(300)), tmp_path) as both:
        assert len(await both.find("all")) == 300
        await both.search.complete.wait()
        with sqlite3.connect(tmp_path / FILE) as db:
            db.execute("DELETE FROM words_data")
        db.close()
        assert await both.find("n299") == ["n299"]
        await both.search.complete.wait()
        assert len(await both.find("all")) == 300
        await both.add(item(300))
        assert await both.find("n300") == ["n300"]


async def test_the_index_of_another_history_is_made_again(tmp_path):
    async with searched(map(item, range(50)), tmp_path) as both:
        await both.search.complete.wait()
    others = [item(1000 + n) for n in range(49)]
    async with searched([*others, item(49)], tmp_path) as both:
        await both.search.complete.wait()
        assert await both.find("n48") == []
        assert await both.find("n1048") == ["n1048"]


async def test_dropped_items_are_not_found_and_the_index_does_not_grow_forever(tmp_path, monkeypatch):
    monkeypatch.setattr(history_search, "_MOST_GONE", 50)
    async with searched([], tmp_path) as both:
        for number in range(200):
            await both.add(item(number))
            if number >= 10:
                await both.trim(10)
            if number % 20 == 19:
                assert await both.find("all") == [f"n{n}" for n in range(number, number - 10, -1)]
        await both.search.complete.wait()
    with sqlite3.connect(tmp_path / FILE) as db:
        (rows,) = db.execute("SELECT count(*) FROM items").fetchone()
    db.close()
    assert rows <= 90


async def test_a_cleared_history_begins_anew(tmp_path):
    async with searched(map(item, range(20)), tmp_path) as both:
        await both.search.complete.wait()
        await both.trim(0)
        assert await both.find("all") == []
        await both.add(item(100))
        assert await both.find("all") == ["n100"]
    async with searched([item(100)], tmp_path) as both:
        assert await both.find("all") == ["n100"]


async def test_changes_that_are_not_stored_are_not_in_the_index(tmp_path, added):
    async with searched(map(item, range(5)), tmp_path) as both:
        both.history.extend([item(5)])
        assert len(await both.find("all")) == 5
        both.history.restore(0, 1)
        await both.add(item(6))
        assert (await both.find("all"))[0] == "n6"
        assert len(added) == 6


async def test_a_folder_that_cannot_be_written_only_costs_the_search(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    async with searched([item(1)], tmp_path / "file" / "folder") as both:
        with pytest.raises(Refused, match=r"cannot be searched for words.*Not a directory.*Leave 'search' out"):
            await both.find("n1")
        assert not both.search.is_complete
    assert len(caplog.records) == 1
    assert "The queue and the history are not affected" in caplog.text


async def test_a_failed_index_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(history_search, "_RETRY", 0)
    blocked = tmp_path / "file"
    blocked.write_text("")
    async with searched([item(1)], blocked) as both:
        with pytest.raises(Refused):
            await both.find("n1")
        blocked.unlink()
        await both.search.complete.wait()
        assert await both.find("n1") == ["n1"]


async def test_items_of_several_megabytes_are_added_few_at_a_time(tmp_path, added, monkeypatch):
    monkeypatch.setattr(history_search, "_CHUNK_BYTES", 3000)
    async with searched([item(n, "x" * 1000) for n in range(10)], tmp_path) as both:
        await both.search.complete.wait()
        assert sorted(added) == list(range(1, 11))
        assert len(await both.find("all")) == 10


async def test_the_index_is_in_a_folder_beside_the_store_that_only_its_owner_can_read(tmp_path):
    path = tmp_path / "queue.sqlite3"
    async with AsyncManager(store=SQLiteStore(path)) as manager:
        await manager.open()
        await manager.add("count", ["det1"], num=77)
        await manager.do("queue_start")
        await manager.until_idle()
        page = await manager.do("history_get", search="77 cou")
        assert ([item["name"] for item in page["items"]], page["positions"]) == (["count"], [0])
        assert page["index_complete"]
        await manager.stop()
    folder = tmp_path / "queue.sqlite3.d"
    assert [oct(each.stat().st_mode & 0o777) for each in (folder, folder / FILE)] == ["0o700", "0o600"]
    shutil.rmtree(folder)
    async with AsyncManager(store=SQLiteStore(path)) as manager:
        assert (await manager.do("history_get", search="77"))["positions"] == [0]
        await manager.stop()


def test_with_redis_the_folder_is_named_after_address_and_prefix(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    stores = [
        RedisStore("redis://user:secret@beamline:6380/2", prefix="qs"),
        RedisStore("redis://user:secret@beamline:6380/2", prefix="q_s"),
        RedisStore("unix:///tmp/redis.sock", prefix="qs"),
    ]
    names = [store.state_folder.name for store in stores]
    assert [name.rpartition("-")[0] for name in names] == [
        "redis-beamline-6380-2-qs",
        "redis-beamline-6380-2-q-s",
        "redis-tmp-redis.sock-qs",
    ]
    assert len({name[-10:] for name in names}) == 3
    assert {store.state_folder.parent for store in stores} == {tmp_path / "bluesky_qs"}


async def test_a_search_that_does_not_wait_for_new_items_any_longer_says_so(tmp_path, monkeypatch):
    async with searched([item(1)], tmp_path) as both:
        await both.search.complete.wait()
        assert both.search.is_complete
        monkeypatch.setattr(history_search, "_PATIENCE", 0.0)
        await both.add(item(2))
        assert await both.find("n1") == ["n1"]
        assert not both.search.is_complete
        monkeypatch.undo()
        assert await both.find("n2") == ["n2"]
        assert both.search.is_complete
