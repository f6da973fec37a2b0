"""The lock key of a client: where it is kept, and the short calls that lock with it."""

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bluesky_qs.client.failures import SettingError
from bluesky_qs.client.identity import Identity, login_name
from bluesky_qs.errors import ConfigError

if TYPE_CHECKING:
    from bluesky_qs.client.sync import REManagerAPI

_KEY_FILE = Path(".config") / "qserver" / "default_lock_key.txt"


class LockKeys:
    """User, group and lock key as a client shows them; the calls return what `lock` returns."""

    identity: Identity

    @property
    def user(self) -> str:
        """Who asks; recorded on the items that are added."""
        return self.identity.user

    @user.setter
    def user(self, name: str) -> None:
        self.identity.user = _text(name, "The user")

    @property
    def user_group(self) -> str:
        """The group whose permissions decide."""
        return self.identity.user_group

    @user_group.setter
    def user_group(self, group: str) -> None:
        self.identity.user_group = _text(group, "The user group")

    def set_user_name_to_login_name(self) -> None:
        """Ask under the name that this session's user logged in with."""
        self.identity.user = login_name()

    @property
    def lock_key(self) -> str | None:
        """The key that goes out with every request that a lock may refuse."""
        return self.identity.lock_key

    @lock_key.setter
    def lock_key(self, key: str | None) -> None:
        self.identity.lock_key = None if key is None else _key(key)

    @property
    def enable_locked_api(self) -> bool:
        """Whether the lock key opens what it locks; if not, it serves `lock` and `unlock` only."""
        return self.identity.enable_locked_api

    @enable_locked_api.setter
    def enable_locked_api(self, enable: bool) -> None:
        if not isinstance(enable, bool):
            raise TypeError(f"enable_locked_api is True or False, not {enable!r}")
        self.identity.enable_locked_api = enable

    @property
    def default_lock_key_path(self) -> Path:
        """The file that holds this user's own lock key."""
        return self.identity.lock_key_path or Path.home() / _KEY_FILE

    @default_lock_key_path.setter
    def default_lock_key_path(self, path: str | Path) -> None:
        self.identity.lock_key_path = Path(path).expanduser()

    def get_default_lock_key(self, new_key: bool = False) -> str:
        """The key in the key file; a new one is made if there is none, or on demand.

        Raises
        ------
        ConfigError
            The file cannot be read or written.
        """
        path = self.default_lock_key_path
        try:
            key = "" if new_key or not path.exists() else path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"Cannot read the lock key in {path}: {error}") from None
        if not key:
            key = str(uuid.uuid4())
            self.set_default_lock_key(key)
        return key

    def set_default_lock_key(self, lock_key: str) -> None:
        """Write a key into the key file, for this user's eyes only.

        Raises
        ------
        SettingError, ConfigError
            The key is empty; the file cannot be written.
        """
        lock_key = _key(lock_key)
        path = self.default_lock_key_path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(lock_key)
        except OSError as error:
            raise ConfigError(f"Cannot write the lock key to {path}: {error}") from None

    def lock_environment(self, lock_key: str | None = None, *, note: str | None = None, user: str | None = None) -> Any:
        """Lock the environment with `lock_key`, or with the key given."""
        return self._lock(lock_key, note, user, environment=True)

    def lock_queue(self, lock_key: str | None = None, *, note: str | None = None, user: str | None = None) -> Any:
        """Lock the queue with `lock_key`, or with the key given."""
        return self._lock(lock_key, note, user, queue=True)

    def lock_all(self, lock_key: str | None = None, *, note: str | None = None, user: str | None = None) -> Any:
        """Lock environment and queue with `lock_key`, or with the key given."""
        return self._lock(lock_key, note, user, environment=True, queue=True)

    def _lock(self, lock_key: str | None, note: str | None, user: str | None, **what: bool) -> Any:
        who = {name: value for name, value in (("lock_key", lock_key), ("user", user)) if value is not None}
        return cast("REManagerAPI", self).lock(note=note, **who, **what)  # type: ignore[arg-type]


def _text(value: str, what: str) -> str:
    if not isinstance(value, str):
        raise SettingError(f"{what} is a string, not {value!r}")
    return value


def _key(key: str) -> str:
    if not isinstance(key, str) or not key:
        found = "an empty one" if key == "" else f"a {type(key).__name__}"  # the key itself is not shown
        raise SettingError(f"A lock key is a string that is not empty, not {found}")
    return key
