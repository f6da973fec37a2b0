"""Documents of the running plan: published as they come, the latest kept."""

import asyncio
import json

import pytest

from bluesky_qs.ipc.reports import DocumentReport
from bluesky_qs.manager.document_keeper import DocumentKeeper
from bluesky_qs.manager.documents import EVENTS_KEPT, DocumentBook


def report(name, number=0, item="one", omitted=()):
    return DocumentReport(item, name, json.dumps({"number": number}).encode(), omitted=list(omitted))


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
def new_book(published):
    def make(**settings):
        return DocumentBook(
            published.append, DocumentKeeper(None, items=0, size=1), all_known, asyncio.ensure_future, **settings
        )

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
