"""The API keys that this user keeps, by the address of the server: in the keyring, or in a file only they can read."""

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any, cast

from bluesky_qs.errors import ConfigError

_FILE = Path(".config") / "qserver" / "http_keys.json"
#: The name of our entries in a keyring.
_SERVICE = "bluesky-qs"
#: A keyring with a lower priority keeps nothing, or keeps it as plain text.
_LEAST_PRIORITY = 1
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def key_for(server_uri: str) -> str | None:
    """Return the key that is kept for a server, or None.

    Raises
    ------
    ConfigError
        Other users can read the file with the keys.
    """
    ring = _keyring()
    if ring is not None and (key := _in_ring(ring, "get_password", server_uri)):
        return str(key)
    return _read().get(server_uri)


def keep(server_uri: str, key: str) -> str:
    """Keep a key for a server, in place of an earlier one. Return where, as part of a sentence.

    Raises
    ------
    ConfigError
        The file with the keys cannot be written, or other users can read it.
    """
    ring = _keyring()
    if ring is not None and _in_ring(ring, "set_password", server_uri, key) is not _FAILED:
        _write({uri: kept for uri, kept in _read().items() if uri != server_uri})
        return "your keyring"
    _write({**_read(), server_uri: key})
    return str(path())


def forget(server_uri: str) -> None:
    """Forget the key for a server.

    Raises
    ------
    ConfigError
        The file with the keys cannot be written, or other users can read it.
    """
    ring = _keyring()
    if ring is not None and _in_ring(ring, "get_password", server_uri):
        _in_ring(ring, "delete_password", server_uri)
    _write({uri: kept for uri, kept in _read().items() if uri != server_uri})


def path() -> Path:
    """The file with the keys if there is no keyring."""
    return Path.home() / _FILE


_FAILED = object()


def _keyring() -> Any:
    """The keyring of this user's session; None if there is none that keeps secrets."""
    try:
        import keyring  # noqa: PLC0415 - slow, optional, and only needed to sign in
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        return None
    try:
        ring = keyring.get_keyring()
        keeps_secrets = ring.priority >= _LEAST_PRIORITY
    except (KeyringError, RuntimeError):  # RuntimeError: the backend does not work here
        return None
    return ring if keeps_secrets else None


def _in_ring(ring: Any, action: str, *arguments: str) -> Any:
    """Use the keyring. One that is locked, or whose service has gone, must not keep anybody from their work."""
    from keyring.errors import KeyringError  # noqa: PLC0415 - see `_keyring`

    try:
        return getattr(ring, action)(_SERVICE, *arguments)
    except (KeyringError, OSError, RuntimeError):
        return None if action == "get_password" else _FAILED


def _read() -> dict[str, str]:
    file = path()
    try:
        if file.stat().st_mode & _OTHERS:
            raise ConfigError(f"Other users can read your keys. Forbid it: chmod 600 {file}")
        kept = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"Cannot read your keys from {file}: {error}. Mend or remove the file.") from None
    if not isinstance(kept, dict):
        raise ConfigError(f"{file} does not contain keys. Remove it.")
    return {uri: key for uri, key in cast("dict[str, Any]", kept).items() if isinstance(key, str)}


def _write(kept: dict[str, str]) -> None:
    """Replace the file as a whole; it is never readable for others, not even for a moment."""
    file = path()
    if not kept and not file.exists():
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)  # with mode 0600
        with os.fdopen(descriptor, "w") as new:
            json.dump(kept, new, indent=1)
        Path(name).replace(file)
    except OSError as error:
        raise ConfigError(f"Cannot write your keys to {file}: {error.strerror}") from None
