"""The examples of docs/testing.md are what they seem: tests that pass."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import bluesky_qs

PAGE = Path(bluesky_qs.__file__).parents[1] / "docs" / "testing.md"


@pytest.fixture
def suite(tmp_path):
    """The files that the page shows, in a folder."""
    for name, content in re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize("file", ["test_client.py", "test_plans.py"])
def test_the_examples_of_the_page_pass(suite, file):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", file]
    ran = subprocess.run(command, cwd=suite, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed, ran.stdout
    assert int(passed[1]) == (suite / file).read_text().count("def test_")


def test_loading_the_plugin_loads_nothing_of_the_service():
    code = "import sys, pytest; before = set(sys.modules); import bluesky_qs.testing.pytest_plugin; "
    code += "print(*set(sys.modules) - before)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = ran.stdout.split()
    assert sorted(name for name in loaded if name.startswith("bluesky_qs")) == [
        "bluesky_qs",
        "bluesky_qs._version",
        "bluesky_qs.testing",
        "bluesky_qs.testing.pytest_plugin",
    ]
    assert not {"zmq", "asyncio", "msgspec", "bluesky"} & {name.partition(".")[0] for name in loaded}
