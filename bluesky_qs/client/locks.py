"""The lock key of a client, the file that contains it, and shortcuts that lock with it."""

# Callers without a type checker may pass anything.
# pyright: reportUnnecessaryIsInstance=false

import uuid
from pathlib import Path
from typing import Any

from bluesky_qs.api.method import METHODS
from bluesky_qs.client.bind import Asks
from bluesky_qs.client.failures import SettingError
from bluesky_qs.client.identity import Identity, login_name
from bluesky_qs.errors import ConfigError
from bluesky_qs.private import make_folder, write_text

_KEY_FILE = Path(".config") / "qserver" / "default_lock_key.txt"


class LockKeys(Asks):
    """The user, group and lock key of a client, and shortcuts for `lock`, which return its reply."""

    identity: Identity

    @property
    def user(self) -> str:
        """The user name that is recorded on the items you add."""
        return self.identity.user

    @user.setter
    def user(self, name: str) -> None:
        self.identity.user = _text(name, "The user")

    @property
    def user_group(self) -> str:
        """The user group; its permissions apply."""
        return self.identity.user_group

    @user_group.setter
    def user_group(self, group: str) -> None:
        self.identity.user_group = _text(group, "The user group")

    def set_user_name_to_login_name(self) -> None:
        """Use the login name of this session as the user name."""
        self.identity.user = login_name()

    @property
    def lock_key(self) -> str | None:
        """The key that is sent with every request that the lock may refuse."""
        return self.identity.lock_key

    @lock_key.setter
    def lock_key(self, key: str | None) -> None:
        self.identity.lock_key = None if key is None else _key(key)

    @property
    def enable_locked_api(self) -> bool:
        """Whether the lock key is sent with every request that needs it, or only with `lock` and `unlock`."""
        return self.identity.enable_locked_api

    @enable_locked_api.setter
    def enable_locked_api(self, enable: bool) -> None:
        if not isinstance(enable, bool):
            raise TypeError(f"enable_locked_api must be True or False, not {enable!r}")
        self.identity.enable_locked_api = enable

    @property
    def default_lock_key_path(self) -> Path:
        """The file with this user's lock key."""
        return self.identity.lock_key_path or Path.home() / _KEY_FILE

    @default_lock_key_path.setter
    def default_lock_key_path(self, path: str | Path) -> None:
        self.identity.lock_key_path = Path(path).expanduser()

    def get_default_lock_key(self, new_key: bool = False) -> str:
        """Return the key from the key file. Create a new key if there is none, or if ``new_key`` is true.

        Raises
        ------
        ConfigError
            The file cannot be read or written.
        """
        key = None if new_key else self.read_default_lock_key()
        if key is None:
            key = new_lock_key()
            self.set_default_lock_key(key)
        return key

    def read_default_lock_key(self) -> str | None:
        """Return the key from the key file, or None if there is none. Nothing is created.

        Raises
        ------
        ConfigError
            The file cannot be read.
        """
        path = self.default_lock_key_path
        try:
            return path.read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"Cannot read the lock key in {path}: {error}") from None

    def set_default_lock_key(self, lock_key: str) -> None:
        """Write a key to the key file; only this user can read the file.

        Raises
        ------
        SettingError, ConfigError
            The key is empty, or the file cannot be written.
        """
        lock_key = _key(lock_key)
        path = self.default_lock_key_path
        try:
            make_folder(path.parent)
            write_text(path, lock_key)
        except OSError as error:
            raise ConfigError(f"Cannot write the lock key to {path}: {error}") from None

    def lock_environment(self, lock_key: str | None = None, *, note: str | None = None, user: str | None = None) -> Any:
        """Lock the environment with the given key, by default `lock_key`."""
        return self._lock(lock_key, note, user, environment=True)

    def lock_queue(self, lock_key: str | None = None, *, note: str | None = None, user: str | None = None) -> Any:
        """Lock the queue with the given key, by default `lock_key`."""
        return self._lock(lock_key, note, user, queue=True)

    def lock_all(self, lock_key: str | None = None, *, note: str | None = None, user: str | None = None) -> Any:
        """Lock the environment and the queue with the given key, by default `lock_key`."""
        return self._lock(lock_key, note, user, environment=True, queue=True)

    def _lock(self, lock_key: str | None, note: str | None, user: str | None, **parts: bool) -> Any:
        given = {"lock_key": lock_key, "note": note, "user": user, **parts}
        return self.ask(METHODS["lock"], {name: value for name, value in given.items() if value is not None})


def new_lock_key() -> str:
    """Return a key that nobody else has."""
    return str(uuid.uuid4())


def _text(value: str, what: str) -> str:
    if not isinstance(value, str):
        raise SettingError(f"{what} must be a string, not {value!r}")
    return value


def _key(key: str) -> str:
    if not isinstance(key, str) or not key:
        found = "empty" if key == "" else f"a {type(key).__name__}"  # the key itself is not shown
        raise SettingError(f"The lock key must be a non-empty string; it is {found}")
    return key
