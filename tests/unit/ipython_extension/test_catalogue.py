"""The views of plans and devices."""

import pytest

from ipython_extension.shown.catalogue import PlanView


def shown(default):
    parameter = {"name": "points", "kind": {"name": "POSITIONAL_OR_KEYWORD", "value": 1}, "default": default}
    return PlanView({"name": "long", "parameters": [parameter]}).text(100)


def test_a_short_default_is_in_the_signature_and_in_the_table():
    assert shown("[1, 2]").count("[1, 2]") == 2


@pytest.mark.parametrize(
    ("value", "end"),
    [
        (list(range(5000)), "9, …] (5000 elements)"),
        (tuple(range(5000)), "9, …) (5000 elements)"),
        ("x" * 200, "x… (200 characters)"),
    ],
)
def test_a_long_default_is_shown_once_by_its_start_and_its_length(value, end):
    text = shown(repr(value))
    assert "long(points=...)" in text
    assert " ".join(text.split()).count(end) == 1
    assert len(text) < 400
