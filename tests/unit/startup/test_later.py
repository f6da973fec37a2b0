"""A slow module is imported when it is used, and looks like itself before."""

import importlib
import inspect
import subprocess
import sys

import pytest

from bluesky_qs.startup.later import import_later

SLOW = "runs.append(1)\nfrom slow_for_a_test.part import answer\ndef check(value): return (answer, value)\nother = 7\n"


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """How often the module ran."""
    package = tmp_path / "slow_for_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("from builtins import runs_of_slow as runs\n" + SLOW)
    (package / "part.py").write_text("answer = 42\n")
    runs = []
    monkeypatch.setattr("builtins.runs_of_slow", runs, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    yield runs
    for name in ("slow_for_a_test", "slow_for_a_test.part"):
        sys.modules.pop(name, None)


def test_it_runs_when_its_function_is_called(runs):
    import_later("slow_for_a_test", "check")
    from slow_for_a_test import check  # noqa: PLC0415

    assert runs == []
    assert check(1) == (42, 1)
    assert check(2) == (42, 2)
    assert runs == [1]


def test_it_runs_when_another_name_is_used(runs):
    import_later("slow_for_a_test", "check")
    module = importlib.import_module("slow_for_a_test")
    assert module.other == 7
    assert module.check(1) == (42, 1)
    with pytest.raises(AttributeError):
        _ = module.nothing
    assert runs == [1]


def test_a_part_of_it_can_be_imported_first(runs):
    import_later("slow_for_a_test", "check")
    assert importlib.import_module("slow_for_a_test.part").answer == 42
    assert importlib.import_module("slow_for_a_test").other == 7


def test_tools_that_look_at_all_modules_do_not_run_it(runs):
    import_later("slow_for_a_test", "check")
    inspect.getmodule(runs)
    assert not hasattr(sys.modules["slow_for_a_test"], "__warningregistry__")
    assert sys.modules["slow_for_a_test"].__file__
    assert runs == []


def test_a_module_that_is_missing_or_loaded_is_left_alone(runs):
    import_later("no_such_module_for_a_test", "check")
    assert "no_such_module_for_a_test" not in sys.modules
    loaded = importlib.import_module("slow_for_a_test")
    import_later("slow_for_a_test", "check")
    assert sys.modules["slow_for_a_test"] is loaded


def test_jsonschema_checks_addresses_as_before():
    pytest.importorskip("rfc3987_syntax")
    code = """
import sys
from bluesky_qs.startup.later import put_off_slow_imports
put_off_slow_imports()
import jsonschema
assert "lark" not in sys.modules
check = jsonschema.Draft202012Validator({"format": "iri"}, format_checker=jsonschema.FormatChecker()).is_valid
print(check("http://example.org/ä"), check("no address"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
