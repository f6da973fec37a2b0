"""Runs `any_request` in a process of its own: schemathesis changes Hypothesis for every other test of its process."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).with_name("any_request.py")


def test_no_request_gets_an_answer_that_is_not_described():
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(TESTS)],
        cwd=TESTS.parents[3],
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert " passed" in ran.stdout
