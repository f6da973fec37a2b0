"""A door before a manager of the test kit: the real application, served on a free port."""

import asyncio
import contextlib
import socket
import ssl

import httpx
import pytest

from bluesky_qs.door.door import Door
from bluesky_qs.door.serve import server_of
from bluesky_qs.door.settings import DoorSettings, ServiceSettings, SingleUser
from bluesky_qs.door.signin.accounts import Accounts
from bluesky_qs.door.signin.settings import SignInSettings
from bluesky_qs.testing import AsyncManager

KEY = "k3yOfTheTests"
#: Made once: reading the certificates of the computer takes longer than most tests.
_TLS = ssl.create_default_context()


class ServedDoor:
    """A door on a free port, and a client with its key.

    Attributes
    ----------
    door
        The `Door`.
    manager
        The manager behind it.
    url
        Without ``/api``.
    key
        The single-user key.
    http
        A client that sends the key; its paths begin with ``/api``.
    """

    key = KEY

    def __init__(self, manager, settings, more=(), *, connects=True):
        self.manager = manager
        self.door = Door(settings, Accounts)
        self._more = more
        self._connects = connects

    async def __aenter__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        more = self._more(self.door) if callable(self._more) else self._more
        self.server = server_of(self.door, more)
        self.server.capture_signals = contextlib.nullcontext  # the signals are pytest's
        self._serving = asyncio.create_task(self.server.serve([self._socket]))
        self.http = self.client(headers={"Authorization": f"ApiKey {KEY}"})
        # The listening socket takes connections at once; they are answered when the door is open.
        await self.http.get("/api/nothing")
        assert not self._connects or await self.door.default.connected(10)
        return self

    async def __aexit__(self, *_):
        await self.http.aclose()
        self.server.should_exit = True
        await self._serving

    def client(self, **options):
        """Another client, without the key."""
        return httpx.AsyncClient(base_url=self.url, timeout=30, trust_env=False, verify=_TLS, **options)

    async def ask(self, verb, path, **options):
        """The JSON of the answer, which must be 200. The path is that after ``/api``."""
        response = await self.http.request(verb, f"/api{path}", **options)
        assert response.status_code == 200, response.text
        return response.json()

    async def get(self, path, **options):
        """GET a path after ``/api``."""
        return await self.ask("GET", path, **options)

    async def post(self, path, **params):
        """POST parameters to a path after ``/api``."""
        return await self.ask("POST", path, json=params)


def door_settings(manager, **options):
    """Settings of a door before this manager."""
    service = ServiceSettings(control_addr=manager.control, info_addr=manager.info)
    return DoorSettings(**{"services": (service,), "single_user": SingleUser(key=KEY), **options})


@pytest.fixture
async def manager():
    """A manager whose environment is closed."""
    async with AsyncManager() as manager:
        yield manager


@pytest.fixture
async def new_door(manager, tmp_path):
    """Makes doors before the manager that end with the test: ``await new_door(body_limit=100)``.

    With ``connects=False``, it does not wait for the service. ``more`` are routes for `make_app`, or a function that
    makes them for a `Door`.
    """
    async with contextlib.AsyncExitStack() as opened:

        async def new(*, more=(), before=manager, connects=True, **options):
            options.setdefault("sign_in", SignInSettings(database=tmp_path / "sign-in.sqlite3"))
            served = ServedDoor(before, door_settings(before, **options), more, connects=connects)
            return await opened.enter_async_context(served)

        yield new


@pytest.fixture
async def door(new_door):
    """A `ServedDoor` with the single-user key."""
    return await new_door()
