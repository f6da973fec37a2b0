"""Providers that need no server: users in a file, and users in the configuration."""

import asyncio
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from bluesky_qs.door.signin.provider import Identity, ProviderUnavailable
from bluesky_qs.door.signin.registry import kind_of
from bluesky_qs.door.signin.users_file import User, UsersFile, UsersFileError, checked_path, default_users_file
from bluesky_qs.errors import ConfigError

#: Maximum number of hashes computed at the same time. Each takes 64 MB and a tenth of a second of CPU time.
_AT_A_TIME = 2


class _FileArgs(msgspec.Struct, forbid_unknown_fields=True):
    path: str | None = None
    confirmation_message: str = ""


class _DictionaryArgs(msgspec.Struct, forbid_unknown_fields=True):
    users_to_passwords: dict[str, str]
    confirmation_message: str = ""

    def __repr__(self) -> str:  # the text may end up in a log
        return "_DictionaryArgs(…)"


class FileProvider:
    """Recognizes the users in a file."""

    def __init__(self, name: str, file: UsersFile, confirmation_message: str = "") -> None:
        self.name = name
        self.confirmation_message = confirmation_message
        self._file = file
        self._turns = asyncio.Semaphore(_AT_A_TIME)

    async def authenticate(self, username: str, password: str) -> Identity | None:
        """Return the user, or None if the name or the password is wrong."""
        async with self._turns:
            try:
                user = await asyncio.to_thread(self._file.verified, username, password)
            except UsersFileError as error:
                raise ProviderUnavailable(error.message) from None
        return self.identity(user) if user is not None else None

    async def current(self, identity: Identity) -> Identity | None:
        """Return the current entry of a user in the file."""
        try:
            user = (await asyncio.to_thread(self._file.users)).get(identity.id)
        except UsersFileError as error:
            raise ProviderUnavailable(error.message) from None
        return self.identity(user) if user is not None else None

    async def fault(self) -> str:
        """Return the reason why nobody can sign in, or ``""``."""
        try:
            await asyncio.to_thread(self._file.users)
        except UsersFileError as error:
            return error.message
        return ""

    async def close(self) -> None:
        """Nothing is open."""

    def identity(self, user: User) -> Identity:
        """Convert a user in the file to an identity for the policy."""
        return Identity(user.name, self.name, user.display_name, user.mail, frozenset(user.groups))


class DictionaryProvider:
    """Recognizes users whose passwords are in the configuration; for tests and demonstrations."""

    def __init__(self, name: str, passwords: Mapping[str, str], confirmation_message: str = "") -> None:
        self.name = name
        self.confirmation_message = confirmation_message
        self._passwords = passwords

    async def authenticate(self, username: str, password: str) -> Identity | None:
        """Return the user, or None if the name or the password is wrong."""
        expected = self._passwords.get(username, "")
        equal = hmac.compare_digest(expected.encode(), password.encode())
        return Identity(username, self.name) if equal and expected else None

    async def current(self, identity: Identity) -> Identity | None:
        """Return the user if the configuration still lists them."""
        return identity if identity.id in self._passwords else None

    async def close(self) -> None:
        """Nothing is open."""


def users_file_of(entries: Iterable[Mapping[str, Any]]) -> UsersFile:
    """Return the users file of a configuration's providers, or the default one if none of them has a file.

    Raises
    ------
    ConfigError
        Several providers have a file.
    """
    paths = [entry.get("args") or {} for entry in entries if kind_of(entry.get("authenticator")) == "file"]
    if len(paths) > 1:
        raise ConfigError("The configuration has several users files. Choose one with --file PATH")
    return _file(_converted(paths[0] if paths else {}, _FileArgs))


def file_provider_name(entries: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the name of the provider with a users file; None if there is none, or if there are several."""
    names = [str(entry.get("provider")) for entry in entries if kind_of(entry.get("authenticator")) == "file"]
    return names[0] if len(names) == 1 else None


def file_provider(name: str, args: Mapping[str, Any]) -> FileProvider:
    """Make a provider from the ``args`` of the configuration."""
    read = _converted(args, _FileArgs)
    return FileProvider(name, _file(read), read.confirmation_message)


def dictionary_provider(name: str, args: Mapping[str, Any]) -> DictionaryProvider:
    """Make a provider from the ``args`` of the configuration."""
    read = _converted(args, _DictionaryArgs)
    return DictionaryProvider(name, read.users_to_passwords, read.confirmation_message)


def _file(args: _FileArgs) -> UsersFile:
    return UsersFile(default_users_file() if args.path is None else checked_path(args.path))


def _converted(args: Mapping[str, Any], kind: type[Any]) -> Any:
    try:
        return msgspec.convert(dict(args), kind)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from None
