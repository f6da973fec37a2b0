"""What is made of the documents of a plan."""

import json

import numpy as np
import pytest

from bluesky_qs.ipc.states import RunState
from bluesky_qs.worker.observe import LARGEST, Observer, document_text, not_finite, plain_text
from bluesky_qs.worker.report import Reports


def text(data):
    return json.loads(document_text("event", {"uid": "e", "data": data})[0])["data"]


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (np.float64(2.5), 2.5),
        (np.int16(-3), -3),
        (np.bool_(True), True),
        (np.array([1, 2]), [1, 2]),
        (np.zeros(LARGEST + 1), None),
        (list(range(LARGEST + 1)), None),
        ([1, [2, 3]], [1, [2, 3]]),
        (float("nan"), None),
        (2**70, 2**70),
        ({1: {(2, 3): np.int64(4)}}, {"1": {"(2, 3)": 4}}),
        ({"x"}, ["x"]),
        (Ellipsis, "Ellipsis"),
    ],
)
def test_values_of_an_event_are_sent_in_the_form_that_json_has_for_them(value, sent):
    assert text({"det": value}) == {"det": sent}


def test_values_that_json_has_no_number_for_are_sent_beside_the_event():
    data = {
        "a": float("nan"),
        "b": np.float32("inf"),
        "c": np.array(-np.inf),
        "d": 1.5,
        "e": [float("nan")],
        "f": "nan",
    }
    assert not_finite({"data": data}) == {"a": "nan", "b": "inf", "c": "-inf"}


def test_a_mapping_that_is_no_dict_is_sent_as_one():
    class PersistentMetadata:
        def items(self):
            return [("scan_id", np.int64(5))]

    assert json.loads(plain_text(PersistentMetadata())) == {"scan_id": 5}


def test_runs_keep_their_order_and_their_ends():
    observer = Observer("item", Reports())
    observer("start", {"uid": "a", "scan_id": 4})
    observer("start", {"uid": "b", "scan_id": 5})
    observer("stop", {"run_start": "a", "exit_status": "abort"})
    assert (observer.run_uids, observer.scan_ids, observer.last_exit_status) == (["a", "b"], [4, 5], None)
    observer("stop", {"run_start": "b", "exit_status": "success"})
    assert observer.last_exit_status == "success"


@pytest.mark.parametrize("scan_id", [None, "2026-1", 2**64])
def test_a_scan_id_that_is_no_ordinary_number_is_left_out(scan_id):
    reports = Reports()
    observer = Observer("item", reports)
    observer("start", {"uid": "a", "scan_id": scan_id})
    assert observer.scan_ids == []
    assert reports.snapshot().runs == [RunState("a", None, is_open=True, exit_status=None)]


def test_a_broken_document_causes_one_warning_and_no_failure(caplog):
    observer = Observer("item", Reports())
    for _ in range(3):
        observer("event", {"no": "descriptor"})
    assert [record.message for record in caplog.records] == ["Could not report a document of the plan (event)"]


def test_a_page_of_events_is_sent_as_its_events():
    sent = []

    class Outbox(Reports):
        def document(self, report):
            sent.append((report.name, json.loads(report.document)))

    page = {
        "descriptor": "d",
        "uid": ["a", "b"],
        "seq_num": [1, 2],
        "time": [0.0, 1.0],
        "data": {"det": [5, 6]},
        "timestamps": {"det": [0.0, 1.0]},
        "filled": {},
    }
    Observer("item", Outbox())("event_page", page)
    assert [(name, event["uid"], event["data"]) for name, event in sent] == [
        ("event", "a", {"det": 5}),
        ("event", "b", {"det": 6}),
    ]


def test_an_event_names_the_fields_that_are_left_out():
    data = {"det": 1.0, "image": np.zeros((20, 20)), "nested": [[0.0] * 100] * 3, "small": [1, 2], "text": "x" * 20_000}
    text, omitted = document_text("event", {"uid": "e", "data": data})
    assert omitted == ["image", "nested", "text"]
    assert json.loads(text)["data"] == {"det": 1.0, "image": None, "nested": None, "small": [1, 2], "text": None}
