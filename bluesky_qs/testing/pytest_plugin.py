"""Fixtures for tests of clients (`qs_manager`) and of plans (`qs_service`).

A test suite loads them with ``pytest_plugins = ["bluesky_qs.testing.pytest_plugin"]`` in its ``conftest.py``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bluesky_qs.testing.sync import Manager, Service
    from bluesky_qs.testing.worker import ScriptedWorker

# Imports are in the fixtures, so that they do not slow down a test suite that uses neither.


@pytest.fixture
def qs_worker() -> "ScriptedWorker | None":
    """The scripted worker of `qs_manager`.

    Tests override it. With None, the worker has the plans and devices of ``sim``.
    """
    return None


@pytest.fixture
def qs_manager(monkeypatch: pytest.MonkeyPatch, qs_worker: "ScriptedWorker | None") -> "Iterator[Manager]":
    """A manager with a scripted worker. Clients without an address connect to it.

    Examples
    --------
    >>> def test_a_plan_runs(qs_manager):
    ...     qs_manager.open()
    ...     with REManagerAPI() as RM:
    ...         RM.item_execute(BPlan("count", ["det1"]))
    ...         RM.wait_for_idle()
    ...         assert RM.history_get()["items"][0]["result"]["exit_status"] == "completed"
    """
    from bluesky_qs.testing.sync import Manager  # noqa: PLC0415 - see above

    with Manager(qs_worker) as manager:
        for name, value in manager.environ.items():
            monkeypatch.setenv(name, value)
        yield manager


@pytest.fixture
def qs_startup_dir() -> Path | None:
    """The folder with the startup files of `qs_service`. Tests override it. None means the built-in ``sim`` profile."""
    return None


@pytest.fixture
def qs_service(monkeypatch: pytest.MonkeyPatch, qs_startup_dir: Path | None) -> "Iterator[Service]":
    """A manager with a worker process that runs the startup files of `qs_startup_dir`.

    Examples
    --------
    >>> def test_count_measures(qs_service):
    ...     result = qs_service.run("count", ["det1"], num=3)
    ...     assert result.exit_status == "completed", result.traceback
    ...     assert len(result.events) == 3
    """
    from bluesky_qs.testing.sync import Service  # noqa: PLC0415 - see above

    with Service(qs_startup_dir) as service:
        for name, value in service.environ.items():
            monkeypatch.setenv(name, value)
        yield service
