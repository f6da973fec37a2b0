"""Doors with users, and a clock that tests move."""

import contextlib
from types import SimpleNamespace

import argon2
import pytest

from bluesky_qs.door.signin.settings import read_sign_in
from bluesky_qs.door.signin.users_file import UsersFile
from tests.unit.door.conftest import ServedDoor, door_settings

SECRETS = ["s" * 32 + "1"]
PASSWORDS = {
    "ada": "pw-of-ada-1815",
    "bob": "pw-of-bob-1923",
    "olga": "pw-of-olga-1888",
    "root": "pw-of-root-1969",
    "nobody": "pw-of-nobody-0",
}
RULES = [
    {"user": "ada", "roles": "expert", "user_group": "primary"},
    {"user": "bob", "roles": ["user"], "user_group": "test_user"},
    {"user": "olga", "roles": "observer"},
    {"user": "root", "roles": ["admin"]},
]


def sections(**more):
    """The sign-in sections of a configuration with the users above."""
    provider = {
        "provider": "toy",
        "authenticator": "bluesky_httpserver.authenticators:DictionaryAuthenticator",
        "args": {"users_to_passwords": PASSWORDS},
    }
    return {
        "authentication": {"providers": [provider], "secret_keys": SECRETS, **more.pop("authentication", {})},
        "access": {"rules": RULES},
        **more,
    }


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self):
        self.now = 1_700_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def quick_hasher():
    """Hashes of the same kind, which do not take a tenth of a second."""
    return argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def users_file(tmp_path, quick_hasher):
    return UsersFile(tmp_path / "users", hasher=quick_hasher)


@pytest.fixture
async def new_users_door(tmp_path):
    """Makes doors with the users above and one database: ``await new_users_door(access=…)`` changes sections.

    The service behind them is down, because sign-in does not need it.
    """
    nobody = SimpleNamespace(control="tcp://127.0.0.1:1", info="tcp://127.0.0.1:1")
    async with contextlib.AsyncExitStack() as opened:

        async def new(**more):
            settings = door_settings(nobody, sign_in=sign_in(tmp_path, **more))
            served = ServedDoor(nobody, settings, connects=False)
            served.door.sign_in.resolver._look_seconds = 0.05  # nobody should wait for it here
            return await opened.enter_async_context(served)

        yield new


@pytest.fixture
async def users_door(new_users_door):
    """A door with the users above, before a service that is down."""
    return await new_users_door()


@pytest.fixture
async def users_door_with_manager(new_door, tmp_path):
    """A door with the users above, before a manager."""
    return await new_door(sign_in=sign_in(tmp_path))


def sign_in(folder, **more):
    """Settings of sign-in with the users above, and a database in this folder."""
    return read_sign_in(sections(database={"uri": f"sqlite:///{folder / 'sign-in.sqlite3'}"}, **more), {})
