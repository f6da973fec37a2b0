"""The examples of the docstrings run, those of clients against a manager with a scripted worker."""

import asyncio
import doctest
import importlib
import threading
from pathlib import Path

import pytest

import bluesky_qs
from bluesky_qs import BPlan, REManagerAPI

ROOT = Path(bluesky_qs.__file__).parents[1]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("bluesky_qs", "ipython_extension")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name, qs_manager):
    qs_manager.open()
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    with REManagerAPI() as RM:
        names = {"RM": RM, "BPlan": BPlan, "asyncio": asyncio, "threading": threading}
        examples = doctest.DocTestFinder().find(module, name, extraglobs=names)
        failed = [each.name for each in examples if runner.run(each, clear_globs=False).failed]
    assert failed == []
    assert (
        runner.tries > 0 or name == "bluesky_qs.testing.pytest_plugin"
    )  # its examples are tests, not lines of a session
