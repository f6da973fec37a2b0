"""Values that user code returns: their JSON form, and the errors of values without one."""

import datetime as dt
import enum
import json
import math

import numpy as np
import pytest

from bluesky_qs.error_text import LONGEST_MESSAGE
from bluesky_qs.errors import WorkerError
from bluesky_qs.worker.returned import DEEPEST, LARGEST_ARRAYS, value_of_plan, value_of_task


class Sample:
    def __str__(self):
        return "Si 111"


class Mute:
    def __str__(self):
        raise RuntimeError("no text")


class Mode(enum.IntEnum):
    FLY = 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(1.5), 1.5),
        (np.longdouble(0.25), 0.25),
        (np.int16(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.bool_(True), True),
        (np.str_("Cu"), "Cu"),
        (np.datetime64("2024-01-02"), "2024-01-02"),
        (np.arange(5), [0, 1, 2, 3, 4]),
        (np.array(7.5), 7.5),
        (np.zeros((2, 2), dtype=np.float16), [[0.0, 0.0], [0.0, 0.0]]),
        (np.array([0.5, 2], dtype=np.longdouble), [0.5, 2.0]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["2024-01-02T03:04"], dtype="datetime64[ns]"), ["2024-01-02T03:04:00.000000000"]),
        (np.array([1, None, np.float64(2)], dtype=object), [1, None, 2.0]),
        (np.array([(1, 2.5)], dtype=[("n", int), ("x", float)]), [[1, 2.5]]),
        (np.array([(1, 2.5)], dtype=[("n", int), ("x", float)])[0], [1, 2.5]),
        (np.ma.masked_array([1, 2], mask=[False, True]), [1, None]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({3, 1, 2}), [1, 2, 3]),
        ((1, (2, "x")), [1, [2, "x"]]),
        (dt.datetime(2024, 1, 2, tzinfo=dt.UTC), "2024-01-02T00:00:00+00:00"),
        (dt.date(2024, 1, 2), "2024-01-02"),
        (dt.time(3, 4), "03:04:00"),
        (Mode.FLY, 2),
        ({"det1": {"value": np.float64(0.5)}, np.int64(3): None}, {"det1": {"value": 0.5}, "3": None}),
        ({dt.date(2024, 1, 2): {1}}, {"2024-01-02": [1]}),
        (None, None),
    ],
)
def test_numpy_values_sets_tuples_and_dates_become_json(value, expected):
    assert json.loads(value_of_task(value)) == expected
    assert json.loads(value_of_plan(value).json) == expected
    assert not value_of_plan(value).is_text


def test_elements_of_a_set_that_cannot_be_compared_are_all_there():
    assert sorted(json.loads(value_of_task({1, "a", None})), key=str) == [1, None, "a"]


def test_nan_is_kept():
    assert math.isnan(json.loads(value_of_task(np.float64("nan"))))


CYCLE = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "expected_text"),
    [
        (Sample(), r"value is of type .*Sample, which JSON does not support\. Return numbers"),
        (1 + 2j, "value is of type complex"),
        (b"raw", "value is of type bytes"),
        (np.complex64(1), "value is of type numpy.complex64"),
        (np.timedelta64(1, "s"), "value is of type numpy.timedelta64"),
        (np.array([1j]), "value is a NumPy array of type complex128"),
        ({"scan": [1, {2: b"x"}]}, r"value\['scan'\]\[1\]\[2\] is of type bytes"),
        ({(1, 2): 3}, "value has a key of type tuple"),
        ({"a": {np.datetime64: 3}}, r"value\['a'\] has a key of type type"),
        (CYCLE, "nested more than"),
        pytest.param(10**5000, "cannot be sent as JSON: .*digits", id="digits"),
    ],
)
def test_a_value_without_a_json_form_fails_a_task_with_its_place_and_type(value, expected_text):
    with pytest.raises(WorkerError, match=expected_text):
        value_of_task(value)
    assert value_of_plan(value).is_text


def test_arrays_are_returned_up_to_one_megabyte_together():
    whole = np.zeros(LARGEST_ARRAYS, dtype=np.uint8)
    assert len(json.loads(value_of_task(whole))) == LARGEST_ARRAYS
    assert not value_of_plan(whole).is_text
    with pytest.raises(WorkerError, match=r"value\['b'\] is too large: NumPy arrays of at most 1 MB"):
        value_of_task({"a": whole, "b": np.zeros(8)})


def test_the_deepest_value_that_is_sent():
    def nested(levels):
        value = 1
        for _ in range(levels):
            value = [value]
        return value

    assert json.loads(value_of_task(nested(DEEPEST))) == nested(DEEPEST)
    with pytest.raises(WorkerError, match="nested more than"):
        value_of_task(nested(DEEPEST + 1))


def test_the_text_of_a_plans_value_without_a_json_form_is_kept():
    assert value_of_plan(Sample()) == (b'"Si 111"', True)
    assert value_of_plan([1, 2j]) == (b'"[1, 2j]"', True)


def test_a_plans_value_without_even_a_text_is_named():
    text = json.loads(value_of_plan(Mute()).json)
    assert text.startswith("(str() of the returned ")
    assert text.endswith("Mute raised RuntimeError)")


def test_the_text_of_a_plans_value_is_cut_in_the_middle():
    text = json.loads(value_of_plan([1j, "a" * 50_000]).json)
    assert len(text.encode()) <= LONGEST_MESSAGE
    assert text.startswith("[1j, 'aaa")
    assert text.endswith("aaa']")
    assert "characters" in text


def test_a_plans_value_that_is_too_large_for_the_history_is_kept_as_text():
    assert value_of_plan(["x" * 1000] * 10_000).is_text
