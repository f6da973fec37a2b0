"""The clients have the methods of the contract, each of them, from one table."""

import importlib.util
from pathlib import Path

import pytest

import bluesky_qs
from bluesky_qs.api.method import METHODS
from bluesky_qs.client import methods_aio, methods_sync

DOCS = Path(bluesky_qs.__file__).parents[1] / "docs"


def generator():
    spec = importlib.util.spec_from_file_location("make_client_methods", DOCS / "make_client_methods.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["methods_sync.py", "methods_aio.py"])
def test_the_file_is_the_one_that_the_contract_makes_now(name):
    files = {path.name: (path, text) for path, text in generator().files().items()}
    path, text = files[name]
    assert path.read_text() == text, "run: make reference"


@pytest.mark.parametrize("methods", [methods_sync.Methods, methods_aio.Methods])
def test_a_client_has_the_methods_of_the_contract_and_their_aliases(methods):
    public = {name for name in vars(methods) if not name.startswith("_")}
    assert public == set(METHODS) | set(generator().ALIASES)


def test_only_methods_that_change_nothing_answer_from_what_was_kept():
    kept = {method.name for method in METHODS.values() if generator().content_uid(method)}
    assert kept == {
        "queue_get",
        "history_get",
        "plans_allowed",
        "devices_allowed",
        "functions_allowed",
        "plans_existing",
        "devices_existing",
        "re_runs",
    }
