"""The credentials for a client's HTTP requests: an API key, a pair of tokens, or nothing."""

import os
import stat
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from bluesky_qs.errors import BadParams, ConfigError

#: The variables with an API key, and with the name of a file that contains one.
KEY_VARIABLE, KEY_FILE_VARIABLE = "QSERVER_HTTP_SERVER_API_KEY", "QSERVER_HTTP_SERVER_API_KEYFILE"


class AuthorizationMethods(Enum):
    """How requests are signed. The names are those of bluesky-queueserver-api."""

    NONE = "NONE"
    API_KEY = "API_KEY"
    TOKEN = "TOKEN"  # noqa: S105 - the name of a method


class Keys(NamedTuple):
    """An API key, or tokens, or nothing. Its text shows no secret."""

    api_key: str | None = None
    token: str | None = None
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return f"<{self.method.value}>"

    __str__ = __repr__

    @property
    def method(self) -> AuthorizationMethods:
        """How requests are signed with these keys."""
        if self.api_key is not None:
            return AuthorizationMethods.API_KEY
        is_token = self.token is not None or self.refresh_token is not None
        return AuthorizationMethods.TOKEN if is_token else AuthorizationMethods.NONE

    @property
    def header(self) -> str | None:
        """The value of the header ``Authorization``."""
        if self.api_key is not None:
            return f"ApiKey {self.api_key}"
        return None if self.token is None else f"Bearer {self.token}"


class Authorization:
    """The keys of one client. They change when it signs in or refreshes its session.

    Attributes
    ----------
    user
        The user to whom these keys belong on the server; empty before the first request for it.
    """

    def __init__(self, keys: Keys | None = None) -> None:
        self.keys = keys or Keys()

    @property
    def keys(self) -> Keys:
        """The credentials of requests. New ones may belong to another user, so setting them clears the user."""
        return self._keys

    @keys.setter
    def keys(self, keys: Keys) -> None:
        self._keys = keys
        self.user = ""

    def __repr__(self) -> str:
        return f"<Authorization {self.keys}>"

    def forget(self) -> None:
        """Stop sending credentials. The client does this if the address is unencrypted by mistake."""
        self.keys = Keys()

    def set_tokens(self, reply: Any) -> None:
        """Use the tokens in the reply to a sign-in or a refresh."""
        self.keys = keys(token=reply["access_token"], refresh_token=reply["refresh_token"])


def keys(api_key: object = None, token: object = None, refresh_token: object = None) -> Keys:
    """Return the keys that a caller gives.

    Raises
    ------
    BadParams
        One of them is not text, or there are both an API key and a token.
    """
    if api_key is not None and (token is not None or refresh_token is not None):
        raise BadParams("Give either an API key or tokens, not both")
    return Keys(_text(api_key, "The API key"), _text(token, "The token"), _text(refresh_token, "The refresh token"))


def header(token: str | None, api_key: str | None) -> str | None:
    """Return the header for one request with its own token or key; None if neither is given.

    Raises
    ------
    BadParams
        Both are given.
    """
    return keys(api_key=api_key, token=token).header


def keys_of_environment() -> Keys:
    """Return the API key in ``QSERVER_HTTP_SERVER_API_KEY``, or in the file of ``QSERVER_HTTP_SERVER_API_KEYFILE``.

    Raises
    ------
    ConfigError
        There is no such file, or it contains no key.
    """
    if key := os.environ.get(KEY_VARIABLE):
        return keys(api_key=key)
    name = os.environ.get(KEY_FILE_VARIABLE)
    return keys(api_key=key_in_file(name)) if name else Keys()


def exposed_key_file(name: str | None) -> str | None:
    """Return a warning if others can read the file with an API key. Without a name, the environment names the file."""
    named = name or (None if os.environ.get(KEY_VARIABLE) else os.environ.get(KEY_FILE_VARIABLE))
    try:
        is_exposed = named is not None and Path(named).expanduser().stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
    except OSError:  # the code that reads the key raises the error
        return None
    return f"Warning: other users can read the API key in {named}. Forbid it: chmod 600 {named}" if is_exposed else None


def key_in_file(name: str) -> str:
    """Return the API key that a file contains.

    Raises
    ------
    ConfigError
        There is no such file, or it contains no key.
    """
    try:
        text = Path(name).expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"Cannot read an API key from {name!r}: {reason}") from None
    if not text or not text.isprintable() or len(text.split()) > 1:
        raise ConfigError(f"{name!r} must contain an API key and nothing else")
    return text


def _text(value: object, what: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadParams(f"{what} must be text, not {type(value).__name__}")
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise BadParams(f"{what} is empty, or contains characters that a key cannot contain")
    return value
