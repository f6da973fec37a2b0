"""Documents of the running plan: published as they come, the latest kept."""

import json

import pytest

from bluesky_qs.ipc.reports import DocumentReport
from bluesky_qs.manager.documents import EVENTS_KEPT, DocumentBook


def report(name, number=0, item="one"):
    return DocumentReport(item, name, json.dumps({"number": number}).encode())


def shown(payloads):
    return [(each["item_uid"], each["name"], each["doc"]["number"]) for each in map(json.loads, payloads)]


@pytest.fixture
def published():
    return []


def test_documents_are_published_and_kept_in_their_order(published):
    book = DocumentBook(published.append)
    for name in ("start", "descriptor", "event", "stop"):
        book.add(report(name))
    assert [name for _, name, _ in shown(published)] == ["start", "descriptor", "event", "stop"]
    assert book.latest(10) == published


def test_of_many_events_the_latest_are_kept_and_all_that_explains_them(published):
    book = DocumentBook(published.append)
    book.add(report("start"))
    for number in range(EVENTS_KEPT + 5):
        book.add(report("event", number))
    assert shown(book.latest(2)) == [("one", "start", 0), ("one", "event", 1003), ("one", "event", 1004)]
    assert len(book.latest(10**9)) == 1 + EVENTS_KEPT
    assert shown(book.latest(0)) == [("one", "start", 0)]


def test_another_plan_takes_the_place_of_the_one_before(published):
    book = DocumentBook(published.append)
    book.add(report("start"))
    book.add(report("start", 7, item="two"))
    assert shown(book.latest(10)) == [("two", "start", 7)]


def test_documents_that_are_switched_off_are_neither_published_nor_kept(published):
    book = DocumentBook(published.append, enabled=False)
    book.add(report("start"))
    assert (published, book.latest(10)) == ([], [])


def test_values_that_are_no_numbers_in_json_are_beside_the_document(published):
    book = DocumentBook(published.append)
    book.add(DocumentReport("one", "event", b'{"data": {"det": null}}', {"det": "nan"}))
    book.add(report("event"))
    first, second = map(json.loads, published)
    assert (first["doc"], first["not_finite"]) == ({"data": {"det": None}}, {"det": "nan"})
    assert "not_finite" not in second
