"""The reference says what the code says."""

import importlib.util
from pathlib import Path

import pytest

import bluesky_qs

DOCS = Path(bluesky_qs.__file__).parents[1] / "docs"


def reference():
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


@pytest.mark.parametrize(
    "name",
    [
        "reference/methods.md",
        "reference/schemas.json",
        "reference/asyncapi.yaml",
        "reference/openapi.json",
        "reference/settings.md",
        "reference/states.md",
        "reference/qserver.md",
        "prompt.md",
    ],
)
def test_the_page_is_the_one_that_the_code_makes_now(name):
    path = DOCS / name
    assert path.read_text() == reference()[path], "run: make reference"
