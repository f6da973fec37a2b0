"""Documents of the running plan: published as they come, the latest kept."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from bluesky_qs.ipc.reports import DocumentReport
from bluesky_qs.manager.history.document_keeper import DocumentKeeper
from bluesky_qs.manager.history.document_receipts import DocumentReceipts
from bluesky_qs.manager.history.documents import EVENTS_KEPT, DocumentBook


def report(name, number=0, item="one", omitted=(), place=0):
    text = json.dumps({"number": number}).encode()
    return DocumentReport(item, name, text, omitted=list(omitted), number=place)


def shown(payloads):
    return [(each["item_uid"], each["name"], each["doc"]["number"]) for each in map(json.loads, payloads)]


async def all_known(uids):
    return uids


async def latest(book, limit):
    return [document.payload for document in (await book.page(None, limit)).documents]


@pytest.fixture
def published():
    return []


@pytest.fixture
def told():
    """What the worker is told: the last document of an item that it need not keep."""
    return asyncio.Queue()


@pytest.fixture
def new_book(published, told):
    def make(folder=None, **settings):
        async def send(command):
            told.put_nowait((command.item_uid, command.number))

        receipts, loop = DocumentReceipts(send), asyncio.get_running_loop()
        keeper = DocumentKeeper(
            folder,
            items=5 if folder else 0,
            size=10**6,
            written=lambda uid, place: loop.call_soon_threadsafe(receipts.note, uid, place),
        )
        return DocumentBook(published.append, keeper, all_known, asyncio.ensure_future, receipts, **settings)

    return make


async def test_documents_are_published_and_kept_in_their_order(new_book, published):
    book = new_book()
    for name in ("start", "descriptor", "event", "stop"):
        book.add(report(name))
    assert [name for _, name, _ in shown(published)] == ["start", "descriptor", "event", "stop"]
    assert await latest(book, 10) == published


async def test_of_many_events_the_latest_are_kept_and_all_that_explains_them(new_book):
    book = new_book()
    book.add(report("start"))
    for number in range(EVENTS_KEPT + 5):
        book.add(report("event", number))
    assert shown(await latest(book, 2)) == [("one", "start", 0), ("one", "event", 1003), ("one", "event", 1004)]
    assert len(await latest(book, 10**9)) == 1 + EVENTS_KEPT
    assert shown(await latest(book, 0)) == [("one", "start", 0)]


async def test_another_plan_takes_the_place_of_the_one_before(new_book):
    book = new_book()
    book.add(report("start"))
    book.add(report("start", 7, item="two"))
    assert shown(await latest(book, 10)) == [("two", "start", 7)]


async def test_a_message_names_the_fields_that_are_left_out(new_book, published):
    book = new_book()
    book.add(report("event", omitted=["image"]))
    book.add(report("event"))
    assert [json.loads(payload).get("omitted") for payload in published] == [["image"], None]


async def test_documents_that_are_switched_off_are_neither_published_nor_kept(new_book, published):
    book = new_book(enabled=False)
    book.add(report("start"))
    assert (published, await latest(book, 10)) == ([], [])


async def test_values_that_are_no_numbers_in_json_are_beside_the_document(new_book, published):
    book = new_book()
    book.add(DocumentReport("one", "event", b'{"data": {"det": null}}', {"det": "nan"}))
    book.add(report("event"))
    first, second = map(json.loads, published)
    assert (first["doc"], first["not_finite"]) == ({"data": {"det": None}}, {"det": "nan"})
    assert "not_finite" not in second


@asynccontextmanager
async def living(book):
    task = asyncio.create_task(book.live())
    await book.recall()
    try:
        yield book
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_the_worker_is_told_once_documents_are_in_the_file(new_book, told, tmp_path):
    async with living(new_book(tmp_path)) as book:
        book.add(report("start", place=1))
        book.add(report("event", place=2))
        assert told.empty()
        assert await asyncio.wait_for(told.get(), 10) == ("one", 2)
        book.add(report("event", place=3))
        assert await asyncio.wait_for(told.get(), 10) == ("one", 3)


@pytest.mark.parametrize("settings", [{}, {"enabled": False}])
async def test_documents_that_are_not_stored_need_not_be_kept_by_the_worker_either(new_book, told, settings):
    async with living(new_book(**settings)) as book:
        book.add(report("start", place=1))
        assert await asyncio.wait_for(told.get(), 10) == ("one", 1)


async def test_events_that_did_not_arrive_are_counted(new_book, tmp_path):
    async with living(new_book(tmp_path)) as book:
        for name, place in (("start", 1), ("event", 3), ("event", 4), ("event", 9)):
            book.add(report(name, place, place=place))
        await book._keeper.page("one", 10)  # when it is written
        page = await book.page("one", 10)
        assert ([document.place for document in page.documents], page.missing) == ([1, 3, 4, 9], 5)


async def test_a_new_manager_continues_after_the_last_document_in_the_file(new_book, tmp_path):
    async with living(new_book(tmp_path)) as book:
        assert book.last == ("", 0)
        for name, place in (("start", 1), ("event", 2), ("event", 3)):
            book.add(report(name, place=place))
    async with living(new_book(tmp_path)) as book:
        assert book.last == ("one", 3)
        book.add(report("event", place=4))
        page = await book.page("one", 10)
        assert ([document.place for document in page.documents], page.missing) == ([1, 2, 3, 4], 0)


async def test_a_manager_that_does_not_know_the_documents_before_counts_none_as_missing(new_book, tmp_path):
    """The file has been lost, or could not be read."""
    async with living(new_book(tmp_path)) as book:
        book.add(report("event", place=40))
        book.add(report("event", place=41))
        assert (await book._keeper.page("one", 10)).missing == 0
