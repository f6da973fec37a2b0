import numpy as np
import pytest

from bluesky_qs.startup.decorator import parameter_annotation_decorator, words_of


def plan(x=1):
    yield from ()


def test_plan_itself_is_unchanged_but_for_the_attribute_that_both_packages_read():
    annotation = {"description": "A plan.", "parameters": {"x": {"min": 1}}}

    def undecorated(x=1):
        yield from ()

    decorated = parameter_annotation_decorator(annotation)(undecorated)
    assert decorated is undecorated
    assert decorated._custom_parameter_annotation_ == annotation


def test_every_key_is_understood():
    words = {
        "description": "A parameter.",
        "annotation": "typing.Union[Dets, Plans, Modes, float]",
        "devices": {"Dets": ("det1", ":^motor:?.*", None)[:2]},
        "plans": {"Plans": [":^count"]},
        "enums": {"Modes": ["fast - > 1", "slow"]},
        "default": 1.5,
        "min": 0,
        "max": 2.5,
        "step": 0.1,
        "convert_device_names": True,
        "convert_plan_names": False,
        "eval_expressions": True,
    }
    parameter_annotation_decorator({"parameters": {"x": words}})


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (5, "object"),
        ({"parameter": {}}, "unknown field `parameter`"),
        ({"parameters": {"x": {"typo": 1}}}, "unknown field `typo`; known keys are: description, annotation, "),
        ({"parameters": {"x": {"anotation": "int"}}}, "'x': .*unknown field `anotation` .did you mean 'annotation'"),
        ({"parameters": {"x": {"annotation": int}}}, "'x': Expected `str`"),
        ({"parameters": {"x": {"min": "0"}}}, r"min"),
        ({"parameters": {"x": {"convert_device_names": 1}}}, "convert_device_names"),
    ],
)
def test_other_annotations_are_refused_where_they_stand(annotation, words):
    with pytest.raises(ValueError, match=words):
        parameter_annotation_decorator(annotation)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ({"parameters": {"x": {"min": 5, "max": 1}}}, "'x': 'min' .5. is greater than 'max' .1."),
        ({"parameters": {"x": {"max": float("inf")}}}, "'max' must be a finite number"),
        ({"parameters": {"x": {"annotation": "Dets"}}}, "'x': .*unknown type 'Dets'"),
        ({"parameters": {"x": {"devices": {"D": [":("]}}}}, "'devices', list 'D': .*regular expression"),
        ({"parameters": {"x": {"plans": {"P": [":a:b"]}}}}, "'plans', list 'P'"),
        ({"parameters": {"x": {"default": object()}}}, "'default' must consist of"),
    ],
)
def test_errors_in_types_patterns_and_numbers_are_reported_when_the_plan_is_described(annotation, words):
    def measure(x=1):
        yield from ()

    decorated = parameter_annotation_decorator(annotation)(measure)
    with pytest.raises(ValueError, match=words):
        words_of(decorated)


def test_numbers_of_numpy_are_numbers():
    parameter_annotation_decorator({"parameters": {"x": {"min": np.float64(0.5), "max": np.int64(2)}}})


def test_an_undecorated_plan_has_no_description_from_a_decorator():
    assert words_of(plan).parameters == {}
