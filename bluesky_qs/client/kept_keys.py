"""Stores the API keys of this account in the keyring, or in a file that only the account can read.

Several people may share an account. Keys are therefore kept by server address and user.
"""

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any, cast

from bluesky_qs.client.identity import login_name
from bluesky_qs.errors import ConfigError
from bluesky_qs.private import make_folder

_FILE = Path(".config") / "qserver" / "http_keys.json"
#: The name of our entries in a keyring.
_SERVICE = "bluesky-qs"
#: A keyring with a lower priority stores nothing, or stores plain text.
_LEAST_PRIORITY = 1
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class UnclearKeyError(ConfigError):
    """There are keys for the server, but it is not certain which one belongs to this user."""


def keys_for(server_uri: str) -> dict[str, str]:
    """Return the keys that are kept for a server, by user. A shared key has an empty user.

    Raises
    ------
    ConfigError
        Other users can read the file with the keys.
    """
    ring = _keyring()
    if ring is not None and (kept := _in_ring(ring, "get_password", server_uri)):
        return _by_user(str(kept))
    return _read().get(server_uri, {})


def servers() -> list[str]:
    """Return the servers with keys in the file. A keyring does not list them.

    Raises
    ------
    ConfigError
        Other users can read the file with the keys.
    """
    return sorted(_read())


def key_for(server_uri: str, user: str | None = None) -> str | None:
    """Return the kept key for a server; None if there is none.

    It is the key of ``user``, otherwise of ``QSERVER_USER``, otherwise the shared key. If neither names a user, it is
    the key of the login name, otherwise the only key.

    Raises
    ------
    UnclearKeyError
        Only other users have keys, or several users have one.
    ConfigError
        Other users can read the file with the keys.
    """
    kept = keys_for(server_uri)
    named = user or os.environ.get("QSERVER_USER")
    for name in (named, "") if named else (login_name(),):
        if name in kept:
            return kept[name]
    if len(kept) > 1 or (kept and named):
        others = f"only {names(kept)}" if named else names(kept)
        verb = "keeps" if len(kept) == 1 else "keep"
        raise UnclearKeyError(
            f"{f'{named} keeps no key' if named else 'It is not clear whose key to use'} for {server_uri}; {others} "
            f"{verb} one. Set QSERVER_USER, or --user NAME of qserver, to the user whose key you want, sign in with "
            f"%qs connect {server_uri} --user NAME, or give --api-key-file FILE"
        )
    return next(iter(kept.values()), None)


def names(kept: dict[str, str]) -> str:
    """The users who have keys, as part of a sentence."""
    return ", ".join(user or "the shared key" for user in sorted(kept))


def keep(server_uri: str, key: str, user: str = "") -> str:
    """Keep a key for a server, in place of this user's earlier one. Return the place, as part of a sentence.

    Raises
    ------
    ConfigError
        The file with the keys cannot be written, or other users can read it.
    """
    return _replace(server_uri, {**keys_for(server_uri), user: key})


def forget(server_uri: str, user: str = "") -> None:
    """Forget the key of this user for a server.

    Raises
    ------
    ConfigError
        The file with the keys cannot be written, or other users can read it.
    """
    _replace(server_uri, {other: key for other, key in keys_for(server_uri).items() if other != user})


def _replace(server_uri: str, keys: dict[str, str]) -> str:
    """Keep only these keys for a server. Return the place, as part of a sentence."""
    ring = _keyring()
    others = {uri: kept for uri, kept in _read().items() if uri != server_uri}
    if ring is not None and not keys:
        if _in_ring(ring, "get_password", server_uri):
            _in_ring(ring, "delete_password", server_uri)
    elif ring is not None and _in_ring(ring, "set_password", server_uri, json.dumps(keys)) is not _FAILED:
        _write(others)
        return "your keyring"
    _write({**others, server_uri: keys} if keys else others)
    return str(path())


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
    """Use the keyring. Errors are ignored, because a locked or missing keyring must not keep anyone from working."""
    from keyring.errors import KeyringError  # noqa: PLC0415 - see `_keyring`

    try:
        return getattr(ring, action)(_SERVICE, *arguments)
    except (KeyringError, OSError, RuntimeError):
        return None if action == "get_password" else _FAILED


def _by_user(text: str) -> dict[str, str]:
    """The keys in an entry of the keyring."""
    try:
        kept = json.loads(text)
    except ValueError:
        kept = None
    return _checked(kept if isinstance(kept, dict) else text)


def _checked(kept: Any) -> dict[str, str]:
    """The valid keys by user. An entry that is a string is a key without a user."""
    if isinstance(kept, str):
        return {"": kept}
    entries = cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}
    return {user: key for user, key in entries.items() if isinstance(key, str)}


def _read() -> dict[str, dict[str, str]]:
    file = path()
    try:
        if file.stat().st_mode & _OTHERS:
            raise ConfigError(f"Other users can read your keys. Forbid it: chmod 600 {file}")
        kept = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"Cannot read your keys from {file}: {error}. Repair or remove the file.") from None
    if not isinstance(kept, dict):
        raise ConfigError(f"{file} does not contain keys. Remove it.")
    return {uri: keys for uri, entry in cast("dict[str, Any]", kept).items() if (keys := _checked(entry))}


def _write(kept: dict[str, dict[str, str]]) -> None:
    """Replace the whole file. Others can never read it, not even for a moment."""
    file = path()
    if not kept and not file.exists():
        return
    try:
        make_folder(file.parent)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)  # with mode 0600
        with os.fdopen(descriptor, "w") as new:
            json.dump(kept, new, indent=1)
        Path(name).replace(file)
    except OSError as error:
        raise ConfigError(f"Cannot write your keys to {file}: {error.strerror}") from None
