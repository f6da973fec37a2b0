"""The file with documents: pages, limits, and what becomes of it when it is missing, damaged or cannot be written."""

import asyncio
import json
import shutil
import threading
from contextlib import asynccontextmanager

import pytest

from bluesky_qs.errors import Refused
from bluesky_qs.manager.history.document_keeper import NAME, DocumentKeeper
from bluesky_qs.store.documents_file import MOST_OTHERS, DocumentsFile, KeptDocument

MANY = 10**6


class Item:
    """An item that makes documents."""

    def __init__(self, keeper, uid="i1"):
        self.keeper = keeper
        self.uid = uid
        self.place = 0

    def add(self, kind, text="", **doc):
        self.place += 1
        payload = json.dumps({"item_uid": self.uid, "name": kind, "doc": doc, "text": text}).encode()
        self.keeper.add(self.uid, KeptDocument(self.place, kind, payload))

    def run(self, run, events, *, stop=True, text=""):
        self.add("start", uid=run)
        self.add("descriptor", uid=f"d-{run}", run_start=run)
        for number in range(1, events + 1):
            self.add("event", text, uid=f"{run}.{number}")
        if stop:
            self.add("stop", uid=f"s-{run}", run_start=run)

    async def page(self, limit=1000, before=None):
        return await self.keeper.page(self.uid, limit, before)


@asynccontextmanager
async def keeping(folder, items=200, size=10**8):
    keeper = DocumentKeeper(folder, items=items, size=size)
    task = asyncio.create_task(keeper.live())
    await keeper.latest(1)
    try:
        yield keeper
    finally:
        task.cancel()
        await asyncio.wait([task])


def uids(page):
    return [json.loads(document.payload)["doc"]["uid"] for document in page.documents]


@pytest.mark.parametrize("in_a_folder", [True, False])
async def test_documents_come_back_in_their_order(tmp_path, in_a_folder):
    async with keeping(tmp_path / "new" if in_a_folder else None) as keeper:
        item = Item(keeper)
        item.run("r", 2)
        page = await item.page()
        assert (uids(page), page.before, page.missing) == (["r", "d-r", "r.1", "r.2", "s-r"], None, 0)
        assert await Item(keeper, "unknown").page() is None


async def test_each_page_has_what_its_events_need_and_together_the_pages_have_everything(tmp_path):
    async with keeping(tmp_path) as keeper:
        item = Item(keeper)
        item.run("a", 3)
        item.run("b", 5, stop=False)
        newest = await item.page(2)
        assert uids(newest) == ["b", "d-b", "b.4", "b.5"]
        middle = await item.page(2, newest.before)
        assert uids(middle) == ["b", "d-b", "b.2", "b.3"]
        across = await item.page(2, middle.before)
        assert uids(across) == ["a", "d-a", "a.3", "s-a", "b", "d-b", "b.1"]
        oldest = await item.page(2, across.before)
        assert (uids(oldest), oldest.before) == (["a", "d-a", "a.1", "a.2"], None)
        assert uids(await item.page(0)) == ["a", "d-a", "s-a", "b", "d-b"]


async def test_very_many_runs_are_divided_into_pages_too(tmp_path):
    async with keeping(tmp_path) as keeper:
        item = Item(keeper)
        for number in range(400):
            item.run(f"r{number}", 1)
        found = []
        before = None
        while True:
            page = await item.page(before=before)
            assert len(page.documents) <= 2 * MOST_OTHERS
            found = list(dict.fromkeys([*uids(page), *found]))
            before = page.before
            if before is None:
                break
        assert len(found) == 1600


async def test_a_page_has_a_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr("bluesky_qs.store.documents_file.MOST_BYTES", 5000)
    async with keeping(tmp_path) as keeper:
        item = Item(keeper)
        item.run("r", 9, text="x" * 2000)
        page = await item.page()
        assert uids(page) == ["r", "d-r", "r.8", "r.9", "s-r"]
        assert uids(await item.page(1000, page.before)) == ["r", "d-r", "r.6", "r.7"]


async def test_the_documents_are_there_after_a_restart(tmp_path):
    async with keeping(tmp_path) as keeper:
        Item(keeper, "i1").run("a", 1)
        Item(keeper, "i2").run("b", 1)
    async with keeping(tmp_path) as keeper:
        assert keeper.uids == {"i1", "i2"}
        assert uids(await Item(keeper, "i1").page()) == ["a", "d-a", "a.1", "s-a"]
        latest = await keeper.latest(10)
        assert (latest.item_uid, uids(latest)) == ("i2", ["b", "d-b", "b.1", "s-b"])


async def test_documents_that_are_just_being_written_can_be_read(monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    add = DocumentsFile.add

    def slow(*arguments):
        begun.set()
        go_on.wait()
        add(*arguments)

    monkeypatch.setattr(DocumentsFile, "add", slow)
    async with keeping(None) as keeper:
        item = Item(keeper)
        item.run("a", 1)
        await asyncio.to_thread(begun.wait)
        assert keeper.uids == {"i1"}
        page = asyncio.ensure_future(item.page())
        await asyncio.sleep(0)
        go_on.set()
        assert uids(await page) == ["a", "d-a", "a.1", "s-a"]


async def test_the_last_items_are_kept(tmp_path):
    async with keeping(tmp_path, items=2) as keeper:
        for number in range(5):
            Item(keeper, f"i{number}").run(f"r{number}", 1)
        assert await Item(keeper, "i2").page() is None
        assert keeper.uids == {"i3", "i4"}


async def test_the_oldest_items_make_room(tmp_path):
    async with keeping(tmp_path, size=500_000) as keeper:
        for number in range(8):
            Item(keeper, f"i{number}").run(f"r{number}", 100, text="x" * 1000)
            await keeper.latest(1)
        kept = keeper.uids
        assert "i7" in kept
        assert "i0" not in kept
        for uid in kept:
            assert len((await Item(keeper, uid).page()).documents) == 103
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 1_000_000


async def test_of_an_item_that_is_too_large_alone_the_newest_events_are_kept(tmp_path):
    async with keeping(tmp_path, size=100_000) as keeper:
        item = Item(keeper)
        item.run("r", 200, text="x" * 1000, stop=False)
        page = await item.page()
        assert uids(page)[:2] == ["r", "d-r"]
        assert uids(page)[-1] == "r.200"
        assert page.missing == 200 - (len(page.documents) - 2) > 0
        assert keeper.missing("i1") == page.missing


async def test_dropped_items_leave_no_documents_and_no_large_file(tmp_path):
    async with keeping(tmp_path) as keeper:
        Item(keeper, "i1").run("a", 1000, text="x" * 1000)
        Item(keeper, "i2").run("b", 1)
        keeper.drop({"i1"})
        assert await Item(keeper, "i1").page() is None
        assert uids(await Item(keeper, "i2").page())[0] == "b"
    assert (tmp_path / NAME).stat().st_size < 500_000


async def test_without_items_nothing_is_kept_and_an_old_file_goes(tmp_path):
    async with keeping(tmp_path) as keeper:
        Item(keeper).run("a", 1)
    async with keeping(tmp_path, items=0) as keeper:
        item = Item(keeper)
        item.run("a", 1)
        assert await item.page() is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["missing", "damaged", "of another program", "a folder"])
async def test_what_becomes_of_the_file_costs_nothing_but_its_documents(tmp_path, damage):
    async with keeping(tmp_path) as keeper:
        Item(keeper).run("a", 1)
    file = tmp_path / NAME
    match damage:
        case "missing":
            shutil.rmtree(tmp_path)
        case "damaged":
            file.write_bytes(file.read_bytes()[:100] + b"x" * 5000)
        case "of another program":
            file.write_bytes(b"x" * 10_000)
        case "a folder":
            file.unlink()
            file.mkdir()
    async with keeping(tmp_path) as keeper:
        item = Item(keeper, "i2")
        item.run("b", 1)
        if damage == "a folder":
            with pytest.raises(Refused, match="cannot be read"):
                await item.page()
            file.rmdir()
            item.add("event", uid="later")
            page = await item.page()
            assert (uids(page), page.missing) == (["later"], 1)
        else:
            assert await Item(keeper).page() is None
            assert uids(await item.page()) == ["b", "d-b", "b.1", "s-b"]


async def test_a_file_that_is_damaged_while_it_is_used_is_made_anew(tmp_path, caplog):
    async with keeping(tmp_path) as keeper:
        item = Item(keeper)
        item.run("a", 2000, text="x" * 100, stop=False)
        assert await item.page(1)
        for each in tmp_path.iterdir():
            with each.open("r+b") as file:
                file.write(b"x" * each.stat().st_size)
        other = Item(keeper, "i2")
        other.run("b", 2000, text="x" * 100)
        page = await other.page(MANY)
        assert len(page.documents) == 2003
    assert "damaged" in caplog.text


async def test_a_full_disk_costs_the_documents_of_that_time(tmp_path, caplog):
    async def set_room(pages):
        def limit(file):
            (used,) = file.connection.execute("PRAGMA page_count").fetchone()
            file.connection.execute(f"PRAGMA max_page_count = {used + pages}")

        await keeper._run(lambda: keeper._use(limit))

    async with keeping(tmp_path) as keeper:
        first = Item(keeper, "i1")
        first.run("a", 1)
        await set_room(0)
        item = Item(keeper, "i2")
        item.run("b", 100, text="x" * 1000, stop=False)
        assert await item.page() is None
        assert uids(await first.page()) == ["a", "d-a", "a.1", "s-a"]
        await set_room(MANY)
        item.add("event", uid="later")
        page = await item.page()
        assert (uids(page), page.missing) == (["later"], 100)
    assert caplog.text.count("not being kept at present") == 1


async def test_a_disk_that_does_not_answer_holds_nobody_up(tmp_path, monkeypatch):
    monkeypatch.setattr("bluesky_qs.manager.history.document_keeper._MOST_WAITING", 5000)
    async with keeping(tmp_path) as keeper:
        item = Item(keeper)
        answers = asyncio.Event()
        loop = asyncio.get_running_loop()
        keeper._thread.submit(lambda: asyncio.run_coroutine_threadsafe(answers.wait(), loop).result())
        item.run("a", 100, text="x" * 1000)
        answers.set()
        page = await item.page()
        assert 0 < page.missing < 100
        assert len(page.documents) + page.missing == 103
