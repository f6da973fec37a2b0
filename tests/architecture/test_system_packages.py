"""The list of Debian packages in `.ci`, and what a run of the tests says without them."""

import subprocess
import sys
from pathlib import Path

from tests import system_packages

_WITHOUT_A_PACKAGE = """
from tests import system_packages

system_packages._FILES["ghost"] = "no-such-program"


@system_packages.needs("ghost")
def test_of_a_ghost():
    raise AssertionError("this cannot run")
"""


def test_the_list_of_ci_has_each_package_that_a_test_can_need():
    listed = Path(".ci/packages").read_text().splitlines()
    assert [line for line in listed if not line.startswith("#")] == sorted(system_packages._FILES)


def test_a_run_ends_with_the_tests_that_it_left_out_and_why(tmp_path):
    test = tmp_path / "test_ghosts.py"
    test.write_text(_WITHOUT_A_PACKAGE)
    command = [sys.executable, "-m", "pytest", "-p", "tests.system_packages", "-p", "no:cacheprovider", str(test)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout
    assert "1 skipped" in run.stdout
    assert "ghost: 1 tests in" in run.stdout
    assert "install the packages as root: apt-get install ghost" in run.stdout
