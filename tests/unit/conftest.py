"""What tests of clients share: managers of the test kit, and an environment without variables of the user's own."""

import contextlib
import os
import socket
import threading

import httpx
import pytest

from bluesky_qs.api import METHODS
from bluesky_qs.door.door import Door
from bluesky_qs.door.serve import server_of
from bluesky_qs.door.settings import DoorSettings, ServiceSettings, SingleUser
from bluesky_qs.door.signin.accounts import Accounts
from bluesky_qs.door.signin.settings import read_sign_in
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


class HTTPDoor:
    """A door in a thread of this process, before a manager. It can be stopped and started again on the same port."""

    key = "k3yOfTheTests"

    def __init__(self, manager, **options):
        self._settings = DoorSettings(
            services=(ServiceSettings(control_addr=manager.control, info_addr=manager.info),), **options
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self._server = server_of(Door(self._settings, Accounts), loop="asyncio")
        self._server.capture_signals = contextlib.nullcontext  # the signals are pytest's
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()
        with httpx.Client(trust_env=False, timeout=30) as client:
            client.get(f"{self.url}/healthz")  # answered when the door is open

    def stop(self):
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


#: A provider with passwords, what its users may do, and who is mapped to nothing.
USERS = {
    "authentication": {
        "providers": [
            {
                "provider": "toy",
                "authenticator": "bluesky_httpserver.authenticators:DictionaryAuthenticator",
                "args": {"users_to_passwords": {"ada": "of-ada-1815", "olga": "of-olga-1888", "eve": "of-eve-1999"}},
            }
        ],
        "secret_keys": ["s" * 33],
    },
    "access": {
        "rules": [
            {"user": "ada", "roles": ["admin", "expert"], "user_group": "primary"},
            {"user": "olga", "roles": "observer"},
        ]
    },
}


@pytest.fixture
def new_http_door(tmp_path, clean_environment):
    """Makes doors that end with the test: ``new_http_door(manager)``; with ``users``, they sign in as in `USERS`."""
    made = []

    def new(manager, *, users=False, anonymous=False, **options):
        database = {"database": {"uri": f"sqlite:///{tmp_path / 'sign-in.sqlite3'}"}}
        access = {"authentication": {"allow_anonymous_access": anonymous}}
        sign_in = read_sign_in({**(USERS if users else access), **database}, {})
        if not users:
            options.setdefault("single_user", SingleUser(key=HTTPDoor.key, anonymous=anonymous))
        made.append(HTTPDoor(manager, sign_in=sign_in, **options))
        return made[-1]

    yield new
    for door in made:
        door.stop()


@pytest.fixture
def http_door(new_http_door, qs_manager):
    """A door before a whole manager with a scripted worker."""
    return new_http_door(qs_manager)
