"""The sign-in database: one SQLite file, which several doors may share."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import platformdirs

from bluesky_qs.door.signin.provider import Identity
from bluesky_qs.door.signin.records import (
    KeyRecord,
    PendingAuthorization,
    PendingDevice,
    Principal,
    PrincipalDetails,
    SessionRecord,
)
from bluesky_qs.door.signin.rows import Rows, SignInDatabaseError
from bluesky_qs.errors import ConfigError

P = ParamSpec("P")
R = TypeVar("R")
_FORMS = "Use sqlite:///PATH, as in sqlite:////var/lib/bluesky/sign-in.sqlite3"


def default_database_path() -> Path:
    """Return the default path of the sign-in database, in the user's data directory."""
    return Path(platformdirs.user_data_dir("bluesky_qs", appauthor=False)) / "sign-in.sqlite3"


def database_path(uri: str | None) -> Path:
    """Return the path in a URI ``sqlite:///PATH``; the default path for None.

    Raises
    ------
    ConfigError
        The URI is of another kind. The message does not contain the URI, because there may be a password in it.
    """
    if uri is None:
        return default_database_path()
    scheme, _, path = uri.partition(":///")
    if scheme != "sqlite" or not path or path == ":memory:":
        raise ConfigError(f"The URI of the sign-in database is not supported. {_FORMS}")
    return Path(path).expanduser()


class SignInDatabase:
    """The sign-in database, used by a separate thread.

    Its methods raise `SignInDatabaseError` if the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._rows = Rows(path)
        self._thread: ThreadPoolExecutor | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self._rows.path

    async def open(self) -> None:
        """Open the file or create it."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sign-in")
        try:
            await self._run(self._rows.open)
        except BaseException:
            self._thread.shutdown(wait=False)
            self._thread = None
            raise

    async def close(self) -> None:
        """Finish writing, then close the file."""
        if self._thread is not None:
            await self._run(self._rows.close)
            self._thread.shutdown()
            self._thread = None

    async def version(self) -> int:
        """Return a number that changes with each change by another process."""
        return await self._run(self._rows.version)

    async def secret_keys(self, *, now: float) -> list[str]:
        """Return the keys that sign tokens, newest first. If there is none, one is generated."""
        return await self._run(self._rows.secret_keys, now=now)

    async def signed_in(self, identity: Identity, *, now: float, expires: float) -> tuple[Principal, SessionRecord]:
        """Record a sign-in. Return the user, who is new after the first sign-in, and the new session."""
        return await self._run(self._rows.signed_in, identity, now=now, expires=expires)

    async def know(self, identity: Identity, *, now: float) -> Principal:
        """Record an identity without a sign-in, if it is not known yet. Return the user."""
        return await self._run(self._rows.know, identity, now=now)

    async def knows(self, provider: str, user: str) -> bool:
        """Whether a user has signed in before."""
        return await self._run(self._rows.knows, provider, user)

    async def checked(self, identity: Identity, *, now: float, gone: bool) -> None:
        """Record a provider's current data about an identity."""
        await self._run(self._rows.checked, identity, now=now, gone=gone)

    async def end_sessions(self, provider: str, user: str) -> None:
        """End all sessions of a user, because another person may have started them."""
        await self._run(self._rows.end_sessions, provider, user)

    async def end_user(self, provider: str, user: str) -> None:
        """End all sessions and keys of a user, so that they do not pass to a future user with the same name."""
        await self._run(self._rows.end_user, provider, user)

    async def principal(self, uuid: str) -> Principal | None:
        """Return a user."""
        return await self._run(self._rows.principal, uuid)

    async def details(self, uuid: str) -> PrincipalDetails | None:
        """Return a user with all keys and sessions."""
        return await self._run(self._rows.details, uuid)

    async def all_details(self) -> list[PrincipalDetails]:
        """Return all users with all their keys and sessions."""
        return await self._run(self._rows.all_details)

    async def session(self, uuid: str) -> SessionRecord | None:
        """Return a session, even if it has expired or was revoked."""
        return await self._run(self._rows.session, uuid)

    async def session_used(self, uuid: str, *, now: float) -> None:
        """Record that a session was refreshed."""
        await self._run(self._rows.session_used, uuid, now=now)

    async def revoke_session(self, uuid: str) -> None:
        """End a session."""
        await self._run(self._rows.revoke_session, uuid)

    async def add_key(self, secret: bytes, key: KeyRecord) -> None:
        """Store an API key: the hash of the secret, and its description."""
        await self._run(self._rows.add_key, secret, key)

    async def key(self, secret: bytes) -> KeyRecord | None:
        """Return the API key for a secret, even if it has expired."""
        return await self._run(self._rows.key, secret)

    async def key_named(self, first_eight: str) -> KeyRecord | None:
        """Return the API key with this name, even if it has expired."""
        return await self._run(self._rows.key_named, first_eight)

    async def keys_used(self, times: dict[str, float]) -> None:
        """Record when keys were last used, by key name."""
        await self._run(self._rows.keys_used, times)

    async def revoke_key(self, first_eight: str) -> bool:
        """Remove an API key. Return whether there was one."""
        return await self._run(self._rows.revoke_key, first_eight)

    async def add_authorization(self, state: str, pending: PendingAuthorization, *, expires: float) -> None:
        """Record that a browser has been sent to the identity provider."""
        await self._run(self._rows.add_authorization, state, pending, expires=expires)

    async def take_authorization(self, state: str, *, now: float) -> PendingAuthorization | None:
        """Return the record of a browser and delete the record, because it is valid only once."""
        return await self._run(self._rows.take_authorization, state, now=now)

    async def add_device(self, device: bytes, user_code: str, provider: str, *, expires: float) -> None:
        """Record a terminal that waits for its user."""
        await self._run(self._rows.add_device, device, user_code, provider, expires=expires)

    async def device_with_code(self, user_code: str, *, now: float) -> PendingDevice | None:
        """Return the waiting terminal that shows this code."""
        return await self._run(self._rows.device_with_code, user_code, now=now)

    async def settle_device(self, device: str, *, session: str | None, error: str | None = None) -> None:
        """Record the session for a waiting terminal, or the reason why it does not get one."""
        await self._run(self._rows.settle_device, device, session=session, error=error)

    async def poll_device(self, device: bytes, *, now: float) -> PendingDevice | None:
        """Return a waiting terminal. If it has a result, delete it, because a result is valid only once."""
        return await self._run(self._rows.poll_device, device, now=now)

    async def leave_note(self, line: str) -> None:
        """Store a line for the audit log of a door."""
        await self._run(self._rows.leave_note, line)

    async def take_notes(self) -> list[str]:
        """Return the lines that commands have stored for the audit log, and delete them."""
        return await self._run(self._rows.take_notes)

    async def prune(self, *, now: float) -> None:
        """Remove records that expired long ago."""
        await self._run(self._rows.prune, now=now)

    async def _run(self, function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        if self._thread is None:
            raise SignInDatabaseError(f"The sign-in database {self.path} is not open")
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, functools.partial(function, *arguments, **named)
        )
