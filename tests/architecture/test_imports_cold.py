"""What a fresh process loads: start-up time is a feature, and modules are what it is made of."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "IPython",
    "asyncio",
    "bluesky",
    "httpx",
    "keyring",
    "numpy",
    "ophyd",
    "platformdirs",
    "pydantic",
    "redis",
    "websockets",
    "yaml",
}


def loaded(code: str) -> set[str]:
    """Top-level modules of a fresh process that has run this code."""
    script = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)), file=sys.__stdout__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    "code",
    [
        "import bluesky_qs",
        "from bluesky_qs import REManagerAPI, BPlan, BFunc, BInst, BItem, WaitMonitor",
        "from bluesky_qs.words.forms import QSERVER",
        "import bluesky_qs.cli.qserver",
    ],
)
def test_the_clients_load_nothing_heavy(code):
    assert loaded(code) & HEAVY == set()


@pytest.mark.parametrize("words", [["status"], ["queue", "get"], ["queue", "add", "plan", '{"name": "count"}'], ["-h"]])
def test_a_command_loads_nothing_heavy_while_it_runs(words):
    code = f"""
import io, sys
sys.stdout = io.StringIO()
from bluesky_qs.cli.qserver import run
run(["-a", "tcp://127.0.0.1:1", "-t", "0.01", *{words!r}])
"""
    assert loaded(code) & HEAVY == set()


def test_the_package_itself_loads_none_of_its_parts():
    assert loaded("import bluesky_qs") & {"msgspec", "zmq", "inspect"} == set()
