"""`make matrix`: which interpreters and versions it uses, and what is claimed from it."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

import bluesky_qs

ROOT = Path(bluesky_qs.__file__).parents[1]


@pytest.fixture(scope="module")
def matrix():
    spec = importlib.util.spec_from_file_location("matrix", ROOT / ".ci" / "matrix.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_oldest_versions_are_the_lower_bounds(matrix):
    project = {
        "dependencies": ["one>=1.2", "Two[extra]>=3,<4 ; sys_platform != 'win32'", "three==5.0"],
        "optional-dependencies": {"http": ["one>=1.10"], "test": ["four"]},
    }
    assert matrix.lower_bounds(project) == ["one==1.10", "three==5.0", "two==3"]


def test_a_dependency_without_a_lower_bound_is_an_error(matrix):
    with pytest.raises(ValueError, match=r"'one<2' in pyproject\.toml has no lower bound"):
        matrix.lower_bounds({"dependencies": ["one<2"]})


def test_each_dependency_of_ours_has_a_lower_bound(matrix, project):
    names = {re.split(r"[=\[]", line)[0] for line in matrix.lower_bounds(project)}
    assert {"msgspec", "pyzmq", "bluesky", "starlette", "httpx", "matplotlib"} <= names
    assert set(matrix.EXTRAS) <= project["optional-dependencies"].keys()


def script(folder, name, code):
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def test_an_interpreter_that_does_not_run_counts_as_missing(matrix, project, tmp_path):
    works = script(tmp_path, "python3.12", 0)
    script(tmp_path, "python3.13", 127)
    found = matrix.found_interpreters(str(tmp_path))
    assert found == {"3.11": None, "3.12": works, "3.13": None, "3.14": None}
    made = list(matrix.environments(found, project))
    assert [(each.name, each.python, list(each.constraints)) for each in made] == [
        ("py3.12", works, []),
        ("oldest", works, matrix.lower_bounds(project)),
    ]


def test_what_is_missing_and_what_failed_is_printed(matrix, monkeypatch, capsys):
    monkeypatch.setattr(matrix, "VERSIONS", ("3.11", "3.13", "3.14"))
    monkeypatch.setattr(matrix, "_interpreter", lambda version, _: None if version == "3.13" else f"python{version}")
    monkeypatch.setattr(matrix, "run", lambda each, _: "FAILED" if each.name == "py3.14" else "passed")
    assert matrix.main([]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "py3.11: passed",
        "py3.14: FAILED",
        "oldest: passed",
        "py3.13: missing (no python3.13 that runs)",
    ]
    assert matrix.main(["--only", "oldest"]) == 0


def test_the_versions_that_are_claimed_are_those_that_the_document_says_ran(matrix, project):
    """RELEASING.md records the last run; a claim without a run fails here."""
    text = " ".join((ROOT / "RELEASING.md").read_text().split())
    (ran,) = re.findall(r"The tests last passed with Python ((?:3\.\d+(?:, | and )?)+)", text)
    assert matrix.classified(project) == re.findall(r"3\.\d+", ran)
