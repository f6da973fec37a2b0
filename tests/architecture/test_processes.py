"""What each process may have loaded: asked of a fresh interpreter, since the contracts see lazy imports too."""

import subprocess
import sys

import pytest

HEAVY = {"bluesky", "ophyd", "numpy", "IPython", "matplotlib", "pydantic", "redis"}


def loaded_by(statement):
    """Top-level names of the modules that a statement leaves loaded."""
    code = f"{statement}\nimport sys\nprint(*sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(shown.stdout.split())


def top(modules):
    return {name.partition(".")[0] for name in modules}


def test_the_manager_loads_nothing_of_the_beamline_and_nothing_of_the_worker():
    modules = loaded_by("import bluesky_qs.manager.app")
    assert not top(modules) & (HEAVY | {"opentelemetry", "prometheus_client"})
    assert not {name for name in modules if name.startswith(("bluesky_qs.worker", "bluesky_qs.supervisor"))}


def test_the_supervisor_is_light():
    modules = loaded_by("import bluesky_qs.supervisor.app")
    assert not top(modules) & (HEAVY | {"asyncio", "yaml", "sqlite3"})
    assert not {name for name in modules if name.startswith(("bluesky_qs.worker", "bluesky_qs.manager"))}


def test_the_supervisor_is_light_with_an_http_door_too():
    modules = loaded_by("import bluesky_qs.supervisor.app, bluesky_qs.door.check")
    assert not top(modules) & (HEAVY | {"asyncio", "yaml", "sqlite3", "starlette", "uvicorn", "cryptography"})


def test_a_waiting_worker_has_loaded_nothing_that_reads_the_environment_of_startup_code():
    modules = loaded_by(
        "from bluesky_qs.worker import app\nimport importlib, threading\n"
        "[importlib.import_module(m) for m in app.WARM]\nassert threading.active_count() == 1"
    )
    assert not top(modules) & {"ophyd", "epics", "matplotlib"}
    assert "IPython.terminal.ipapp" in modules


@pytest.mark.parametrize("module", ["bluesky_qs", "bluesky_qs.api", "bluesky_qs.client.sync"])
def test_what_scripts_import_is_cheap(module):
    assert not top(loaded_by(f"import {module}")) & (HEAVY | {"asyncio", "yaml", "sqlite3"})
