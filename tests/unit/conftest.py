"""What tests of clients share: managers of the test kit, and an environment without variables of the user's own."""

import os

import pytest

from bluesky_qs.api import METHODS
from bluesky_qs.testing import Manager, Wait

ACCEPTED = {"success": True, "msg": ""}


@pytest.fixture
def clean_environment(monkeypatch):
    """No variables of a user's own."""
    for name in list(os.environ):
        if name.startswith("QSERVER_"):
            monkeypatch.delenv(name)


@pytest.fixture
def new_manager():
    """Makes managers that end with the test."""
    made = []

    def new(**options):
        made.append(Manager(**options))
        made[-1].start()
        return made[-1]

    yield new
    for manager in made:
        manager.close()


@pytest.fixture
def accepting(qs_manager):
    """A manager that accepts every request and does nothing: for tests of what goes out and what comes back."""
    qs_manager.answers.update(dict.fromkeys(METHODS.keys() - {"status", "ping"}, ACCEPTED))
    return qs_manager


@pytest.fixture
def running(qs_manager):
    """A manager whose plan runs until the test says ``proceed``."""
    qs_manager.worker.on_plan("count", Wait())
    qs_manager.open()
    qs_manager.add("count", ["det1"])
    qs_manager.do("queue_start")
    qs_manager.wait_until(lambda _: qs_manager.worker.is_waiting)
    return qs_manager


@pytest.fixture
def paused(running):
    """A manager whose plan is paused."""
    running.do("re_pause", option="immediate")
    running.wait_until(lambda status: status["manager_state"] == "paused")
    return running
