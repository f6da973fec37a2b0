"""The documents that the worker keeps until the manager has stored them."""

import pytest

from bluesky_qs.ipc.reports import DocumentReport
from bluesky_qs.worker import kept_documents
from bluesky_qs.worker.kept_documents import KeptDocuments


def plan(item_uid, events):
    names = ["start", *["event"] * events, "stop"]
    return [DocumentReport(item_uid, name, b"1234", number=at) for at, name in enumerate(names, 1)]


@pytest.fixture
def kept():
    documents = KeptDocuments()
    for report in [*plan("a", 2), *plan("b", 3)]:
        documents.add(report)
    return documents


def places(kept):
    return [(report.item_uid, report.number) for report in kept.rest()]


@pytest.mark.parametrize(
    ("stored", "rest"),
    [
        (("", 0), 9),
        (("a", 0), 9),
        (("a", 3), 6),
        (("a", 4), 5),
        (("b", 1), 4),
        (("b", 5), 0),
        (("unknown", 7), 9),
    ],
)
def test_documents_are_forgotten_up_to_the_last_one_that_is_stored(kept, stored, rest):
    kept.forget(*stored)
    assert places(kept) == [*(("a", n) for n in range(1, 5)), *(("b", n) for n in range(1, 6))][9 - rest :]


def test_a_receipt_that_comes_twice_forgets_nothing_more(kept):
    kept.forget("a", 4)
    kept.forget("a", 4)
    kept.forget("b", 2)
    kept.forget("b", 2)
    assert places(kept) == [("b", 3), ("b", 4), ("b", 5)]


@pytest.mark.parametrize(("name", "most"), [("MOST", 4), ("MOST_BYTES", 16)])
def test_of_too_many_the_oldest_events_are_forgotten_and_what_explains_the_others_stays(monkeypatch, name, most):
    monkeypatch.setattr(kept_documents, name, most)
    documents = KeptDocuments()
    for report in plan("a", 6):
        documents.add(report)
    assert places(documents) == [("a", 1), ("a", 6), ("a", 7), ("a", 8)]
