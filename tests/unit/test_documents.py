"""How documents are put to their runs, and which of their fields matter."""

import math

import pytest

from bluesky_qs.documents import Dimensions, DocumentPlace, Reader, hinted_fields, with_numbers

DESCRIPTOR = {
    "uid": "d",
    "run_start": "r",
    "name": "primary",
    "data_keys": {"motor": {}, "motor_setpoint": {}, "det": {}, "other": {}},
    "object_keys": {"motor": ["motor", "motor_setpoint"], "det": ["det", "other"]},
    "hints": {"motor": {"fields": ["motor"]}, "det": {"fields": ["det", "not_read"]}},
}


@pytest.fixture
def reader():
    reader = Reader()
    reader.place("start", {"uid": "r"})
    return reader


@pytest.mark.parametrize("name", ["event", "event_page"])
def test_an_event_belongs_to_the_run_and_stream_of_its_descriptor(reader, name):
    reader.place("descriptor", DESCRIPTOR)
    assert reader.place(name, {"descriptor": "d"}) == DocumentPlace("r", "primary", DESCRIPTOR)


def test_documents_of_a_run_whose_start_was_not_seen_belong_nowhere():
    reader = Reader()
    documents = [("descriptor", DESCRIPTOR), ("event", {"descriptor": "d"}), ("stop", {"run_start": "r"})]
    assert [reader.place(*document) for document in documents] == [None, None, None]


def test_the_stop_document_is_the_last_of_its_run_and_no_other_run_ends_with_it(reader):
    reader.place("start", {"uid": "outer"})
    reader.place("descriptor", DESCRIPTOR)
    reader.place("descriptor", {**DESCRIPTOR, "uid": "d2", "run_start": "outer"})
    assert reader.place("stop", {"run_start": "r"}) == DocumentPlace("r")
    assert reader.place("event", {"descriptor": "d"}) is None
    assert reader.place("event", {"descriptor": "d2"}).run == "outer"


@pytest.mark.parametrize(
    ("stream", "is_aside"), [("primary", False), ("baseline", True), ("interruptions", True), ("ring_monitor", True)]
)
def test_streams_beside_the_measurement_are_known(reader, stream, is_aside):
    assert reader.place("descriptor", {**DESCRIPTOR, "name": stream}).is_aside is is_aside


@pytest.mark.parametrize(
    ("start", "moved", "read", "count"),
    [
        ({"hints": {"dimensions": [(["motor"], "primary")]}}, ["motor"], ["det"], 1),
        ({"motors": ["motor"]}, ["motor"], ["det"], 1),
        ({"hints": {"dimensions": [(["time"], "primary")]}}, [], ["motor", "det"], 1),
        ({"hints": None}, [], ["motor", "det"], 0),
        ({"hints": {"dimensions": [(["motor", "other"], "primary")]}}, ["motor", "other"], ["det"], 1),
        ({"hints": {"dimensions": [(["motor"], "primary"), (["x"], "fly")]}, "motors": []}, [], ["motor", "det"], 0),
    ],
)
def test_fields_are_those_that_the_plan_moves_and_those_that_the_hints_name(start, moved, read, count):
    dimensions = Dimensions(start)
    assert (*dimensions.fields(DESCRIPTOR), dimensions.count) == (moved, read, count)


def test_a_motor_without_hints_is_shown_by_all_its_fields():
    without = {**DESCRIPTOR, "hints": {}}
    assert Dimensions({"motors": ["motor"]}).fields(without) == (["motor", "motor_setpoint"], [])


def test_a_hint_of_a_field_that_was_not_read_is_left_out():
    assert hinted_fields(DESCRIPTOR) == ["motor", "det"]


def test_numbers_that_json_has_not_are_put_back():
    document = {"uid": "e", "data": {"a": None, "b": None, "c": 1.5}}
    message = {"name": "event", "doc": document, "not_finite": {"a": "nan", "b": "-inf"}}
    data = with_numbers(message)["doc"]["data"]
    assert math.isnan(data["a"])
    assert (data["b"], data["c"]) == (-math.inf, 1.5)
    assert document["data"]["a"] is None
    assert with_numbers({"name": "event", "doc": document})["doc"] == document


def test_a_device_whose_hints_name_no_field_that_exists_is_shown_by_its_own_fields():
    number, image = {"dtype": "number", "shape": []}, {"dtype": "array", "shape": [5, 5]}
    keys = {"motor": number, "motor_setpoint": number, "det": number, "det_image": image}
    descriptor = {
        "data_keys": keys,
        "object_keys": {"motor": ["motor", "motor_setpoint"], "det": ["det", "det_image"]},
        "hints": {"motor": {"fields": ["nomotor"]}, "det": {"fields": ["nofield"]}},
    }
    assert hinted_fields(descriptor) == ["motor", "motor_setpoint", "det"]
    assert Dimensions({"motors": ["motor"]}).fields(descriptor) == (["motor", "motor_setpoint"], ["det"])


def test_a_device_whose_hints_are_empty_is_not_shown():
    descriptor = {**DESCRIPTOR, "hints": {"motor": {"fields": ["motor"]}, "det": {"fields": []}}}
    assert hinted_fields(descriptor) == ["motor"]
