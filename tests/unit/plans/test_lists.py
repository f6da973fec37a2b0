import os
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bluesky_qs.plans import lists
from bluesky_qs.plans.lists import FILE_NAME, ListsFile
from bluesky_qs.plans.model import PlanSpec

PARAMETER = {"name": "num", "kind": {"name": "POSITIONAL_OR_KEYWORD", "value": 1}, "default": "1"}
PLAN = {"name": "count", "module": "m", "parameters": [PARAMETER], "properties": {"is_generator": True}}
DEVICE = {"classname": "D", "module": "m", "is_readable": True, "is_movable": False, "is_flyable": False}


def test_what_is_written_is_read_again(tmp_path):
    written = ListsFile({"count": PLAN}, {"det": {**DEVICE, "components": {"x": DEVICE}}})
    assert lists.write(tmp_path, written)
    assert lists.read(tmp_path) == lists.read(tmp_path / FILE_NAME) == written


def test_file_is_yaml_with_the_community_keys(tmp_path):
    lists.write(tmp_path, ListsFile({"count": PLAN}, {"det": DEVICE}))
    text = (tmp_path / FILE_NAME).read_text()
    assert yaml.safe_load(text) == {"existing_plans": {"count": PLAN}, "existing_devices": {"det": DEVICE}}


def test_equal_content_is_not_rewritten(tmp_path):
    lists.write(tmp_path, ListsFile({"count": PLAN}, {}))
    os.utime(tmp_path / FILE_NAME, (1, 1))
    assert not lists.write(tmp_path, ListsFile({"count": PLAN}, {}))
    assert (tmp_path / FILE_NAME).stat().st_mtime == 1


def test_nothing_but_the_file_is_left_behind(tmp_path):
    lists.write(tmp_path, ListsFile({"count": PLAN}, {}))
    lists.write(tmp_path, ListsFile({}, {}))
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]


def test_failed_writing_keeps_the_old_file(tmp_path):
    lists.write(tmp_path, ListsFile({"count": PLAN}, {}))
    with pytest.raises(TypeError):
        lists.write(tmp_path, ListsFile({"count": {**PLAN, "description": object()}}, {}))
    assert lists.read(tmp_path).existing_plans == {"count": PLAN}
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]


def test_yaml_of_the_community_service_is_read(tmp_path):
    content = {"existing_devices": {"det": DEVICE}, "existing_plans": {"count": PLAN}}
    (tmp_path / FILE_NAME).write_text("# generated\n" + yaml.dump(content))
    assert lists.read(tmp_path) == ListsFile({"count": PLAN}, {"det": DEVICE})


def test_bare_keys_are_empty_lists(tmp_path):
    (tmp_path / FILE_NAME).write_text("existing_plans:\nexisting_devices:\n")
    assert lists.read(tmp_path) == ListsFile({}, {})


def test_numbers_that_the_community_service_writes_as_text_are_read(tmp_path):
    plan = {
        **PLAN,
        "parameters": [{**PARAMETER, "min": "0", "max": "1.5", "step": "1e-05", "default_defined_in_decorator": True}],
    }
    (tmp_path / FILE_NAME).write_text(yaml.dump({"existing_plans": {"count": plan}, "existing_devices": {}}))
    read = lists.read(tmp_path)
    assert read == ListsFile({"count": plan}, {})
    (parameter,) = PlanSpec.from_dict(read.existing_plans["count"]).parameters
    assert (parameter.min, parameter.max, parameter.step) == (0, 1.5, 1e-05)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"existing_plans": {"bad": {}}}, "existing_plans, 'bad': .*`name`"),
        ({"existing_plans": {"bad": {**PLAN, "parameters": [{**PARAMETER, "min": "low"}]}}}, "'bad': .*min"),
        ({"existing_plans": {7: PLAN}}, "existing_plans, 7: the name is not a string"),
        ({"existing_devices": {"bad": 5}}, "existing_devices, 'bad': "),
    ],
)
def test_one_wrong_description_does_not_cost_the_others(tmp_path, bad, words):
    content = {"existing_plans": {"count": PLAN}, "existing_devices": {"det": DEVICE}}
    for key, descriptions in bad.items():
        content[key] |= descriptions
    (tmp_path / FILE_NAME).write_text(yaml.dump(content))
    read = lists.read(tmp_path)
    assert (read.existing_plans, read.existing_devices) == ({"count": PLAN}, {"det": DEVICE})
    (reason,) = read.ignored
    assert re.search(words, reason)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "existing_plans: 5", "existing_devices: [det]"])
def test_other_content_is_refused(tmp_path, text):
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(ValueError, match=r"yaml|YAML"):
        lists.read(tmp_path)


def test_missing_file_is_reported(tmp_path):
    with pytest.raises(FileNotFoundError):
        lists.read(tmp_path / "none")


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_every_text_and_number_survives_both_readers(tmp_path_factory, text, number):
    text = text.encode("utf-8", "replace").decode()
    plan = {**PLAN, "description": text, "parameters": [{**PARAMETER, "step": number}]}
    path = tmp_path_factory.mktemp("lists")
    lists.write(path, ListsFile({"count": plan}, {}))
    assert lists.read(path).existing_plans == {"count": plan}
    assert yaml.safe_load((path / FILE_NAME).read_text(encoding="utf-8"))["existing_plans"] == {"count": plan}
