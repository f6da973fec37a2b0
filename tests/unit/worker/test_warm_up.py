"""The modules that a worker imports before it is needed."""

import sys

import pytest

from bluesky_qs.worker import app
from bluesky_qs.worker.output import ItemOutput


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """A worker that would import a module of its own list, then one that a setting names."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("common", "named"):
        (tmp_path / f"warm_{name}.py").write_text("")
    monkeypatch.setattr(app, "WARM", ("warm_common",))
    preload = ["warm_named", "warm_missing"]
    worker = app.WorkerProcess(f"ipc://{tmp_path}/link", preload=preload, output=ItemOutput(None))
    yield worker
    worker._server.close()
    worker._context.term()
    for name in ("common", "named"):
        sys.modules.pop(f"warm_{name}", None)


def test_a_spare_worker_imports_what_startup_code_is_likely_to_need(worker):
    worker._warm_up()
    assert {"warm_common", "warm_named"} <= set(sys.modules)


def test_a_waiting_environment_opens_without_the_rest_of_the_imports(worker):
    worker._jobs.put(lambda: None)
    worker._warm_up()
    assert "warm_common" not in sys.modules
    assert "warm_named" in sys.modules  # a setting promises it
