"""The list of packages of a release, and the audit of vulnerabilities."""

import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bluesky_qs

ROOT = Path(bluesky_qs.__file__).parents[1]
AUDITED = {"name": "a", "version": "1.0", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "not found"}
VULNERABLE = {"name": "c", "version": "2.0", "vulns": [{"id": "X-1", "fix_versions": ["2.1"]}]}


def test_the_list_of_packages_has_every_required_dependency(tmp_path):
    file = tmp_path / "packages.json"
    environment = os.environ | {"BIN": str(Path(sys.executable).parent)}
    subprocess.run(
        [ROOT / ".ci" / "sbom", sys.executable, file], check=True, env=environment, stderr=subprocess.DEVNULL
    )
    made = json.loads(file.read_text())
    assert (made["bomFormat"], made["metadata"]["component"]["name"]) == ("CycloneDX", "bluesky-qs")
    listed = {each["name"].lower(): each["version"] for each in made["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [re.split(r"[\[<>=!~; ]", each)[0].lower() for each in project["dependencies"]]
    assert len(required) > 5
    assert [name for name in required if not listed.get(name)] == []


@pytest.mark.parametrize(
    ("dependencies", "code", "words"),
    [
        ([AUDITED], 0, "1 packages have no known vulnerability"),
        ([AUDITED, VULNERABLE], 1, "c 2.0: X-1, fixed in 2.1"),
        ([AUDITED, SKIPPED], 2, "Not audited: b"),
        ([SKIPPED], 2, "Nothing was audited"),
        ([], 2, "Nothing was audited"),
    ],
)
def test_an_audit_without_data_is_no_success(dependencies, code, words):
    found, lines = runpy.run_path(str(ROOT / ".ci" / "audit"))["report"](dependencies)
    assert (found, words in "\n".join(lines)) == (code, True)
