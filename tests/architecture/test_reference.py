"""The reference says what the code says."""

import importlib.util
from pathlib import Path

import pytest

import bluesky_qs

DOCS = Path(bluesky_qs.__file__).parents[1] / "docs"


def module(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def reference():
    return module("make_reference").pages()


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


def test_the_page_has_the_sentences_that_the_prompt_says_now():
    words = module("make_page_words")
    assert words.FILE.read_text() == words.text(), "run: make reference"
