"""Reads and writes the rows of the sign-in database. All calls come from one thread."""

import fcntl
import functools
import hashlib
import os
import secrets
import sqlite3
import uuid as uuid_module
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bluesky_qs.door.signin import tables as sql
from bluesky_qs.door.signin.provider import Identity
from bluesky_qs.door.signin.records import (
    KeyRecord,
    KnownIdentity,
    PendingAuthorization,
    PendingDevice,
    Principal,
    PrincipalDetails,
    SessionRecord,
)
from bluesky_qs.errors import StartupError
from bluesky_qs.private import make_folder

_OPEN_ATTEMPT_SECONDS = 10
_ANOTHER = "Choose another file: database.uri in the door's configuration"

_F = TypeVar("_F", bound=Callable[..., Any])


class SignInDatabaseError(StartupError):
    """The sign-in database cannot be used."""


def _explained(method: _F) -> _F:
    """Turn SQLite errors into sentences that contain no values from the statement."""

    @functools.wraps(method)
    def call(rows: "Rows", *arguments: Any, **named: Any) -> Any:
        try:
            return method(rows, *arguments, **named)
        except sqlite3.Error as error:
            raise SignInDatabaseError(f"The sign-in database {rows.path} failed: {error}") from error

    return call  # pyright: ignore[reportReturnType] - the same signature


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other doors from opening a database in this folder, because SQLite does not wait for them while it creates
    its write-ahead log.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Rows:
    """The file and its rows."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._open_connection: sqlite3.Connection | None = None

    @_explained
    def open(self) -> None:
        self._make_folder()
        with _alone_in(self.path.parent):
            self._make_file()
            self._connect()

    def _connect(self) -> None:
        db = sqlite3.connect(self.path, isolation_level=None, timeout=_OPEN_ATTEMPT_SECONDS, check_same_thread=False)
        self._open_connection = db
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA secure_delete = ON")
            self._make_tables(db)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._open_connection is not None:
            self._open_connection.close()
            self._open_connection = None

    @_explained
    def version(self) -> int:
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        return version

    @_explained
    def secret_keys(self, *, now: float) -> list[str]:
        with self._changing() as db:  # two doors that start at the same time must not both create the first key
            found = db.execute("SELECT secret FROM secret_keys ORDER BY number DESC").fetchall()
            if not found:
                found = [(secrets.token_hex(32),)]
                db.execute("INSERT INTO secret_keys (secret, created) VALUES (?, ?)", (*found[0], now))
        return [secret for (secret,) in found]

    @_explained
    def signed_in(self, identity: Identity, *, now: float, expires: float) -> tuple[Principal, SessionRecord]:
        with self._changing() as db:
            principal = self._put_identity(identity, now=now, login=now)
            session = SessionRecord(uuid_module.uuid4().hex, principal, expires, latest_activity=now)
            db.execute(sql.PUT_SESSION, msgspec.structs.astuple(session))
            return self._principal(principal), session

    @_explained
    def know(self, identity: Identity, *, now: float) -> Principal:
        with self._changing():
            known = self._principal_of(identity.provider, identity.id)
            return self._principal(known or self._put_identity(identity, now=now, login=None))

    @_explained
    def knows(self, provider: str, user: str) -> bool:
        return self._principal_of(provider, user) is not None

    @_explained
    def checked(self, identity: Identity, *, now: float, gone: bool) -> None:
        with self._changing() as db:
            db.execute(
                "UPDATE identities SET data = ?, checked = ?, gone = ? WHERE provider = ? AND id = ?",
                (msgspec.json.encode(identity), now, gone, identity.provider, identity.id),
            )

    @_explained
    def end_sessions(self, provider: str, user: str) -> None:
        with self._changing() as db:
            db.execute("UPDATE sessions SET revoked = 1 WHERE principal = ?", (self._principal_of(provider, user),))

    @_explained
    def end_user(self, provider: str, user: str) -> None:
        with self._changing() as db:
            principal = self._principal_of(provider, user)
            if principal is not None:
                db.execute("UPDATE identities SET gone = 1 WHERE provider = ? AND id = ?", (provider, user))
                db.execute("UPDATE sessions SET revoked = 1 WHERE principal = ?", (principal,))
                db.execute("DELETE FROM api_keys WHERE principal = ?", (principal,))

    @_explained
    def principal(self, uuid: str) -> Principal | None:
        return self._principal(uuid) if self._has_principal(uuid) else None

    @_explained
    def details(self, uuid: str) -> PrincipalDetails | None:
        return self._details(uuid) if self._has_principal(uuid) else None

    @_explained
    def all_details(self) -> list[PrincipalDetails]:
        return [self._details(uuid) for (uuid,) in self._db.execute("SELECT uuid FROM principals").fetchall()]

    @_explained
    def session(self, uuid: str) -> SessionRecord | None:
        row = self._db.execute(sql.SESSION, (uuid,)).fetchone()
        return _session(row) if row else None

    @_explained
    def session_used(self, uuid: str, *, now: float) -> None:
        with self._changing() as db:
            db.execute("UPDATE sessions SET latest_activity = ? WHERE uuid = ?", (now, uuid))

    @_explained
    def revoke_session(self, uuid: str) -> None:
        with self._changing() as db:
            db.execute("UPDATE sessions SET revoked = 1 WHERE uuid = ?", (uuid,))

    @_explained
    def add_key(self, secret: bytes, key: KeyRecord) -> None:
        row = (_hash(secret), *_key_row(key))
        with self._changing() as db:
            db.execute(sql.PUT_KEY, row)

    @_explained
    def key(self, secret: bytes) -> KeyRecord | None:
        row = self._db.execute(sql.KEY, (_hash(secret),)).fetchone()
        return _key(row) if row else None

    @_explained
    def key_named(self, first_eight: str) -> KeyRecord | None:
        row = self._db.execute(sql.KEY_NAMED, (first_eight,)).fetchone()
        return _key(row) if row else None

    @_explained
    def keys_used(self, times: dict[str, float]) -> None:
        with self._changing() as db:
            db.executemany(
                "UPDATE api_keys SET latest_activity = ? WHERE first_eight = ?",
                [(time, first_eight) for first_eight, time in times.items()],
            )

    @_explained
    def revoke_key(self, first_eight: str) -> bool:
        with self._changing() as db:
            return db.execute("DELETE FROM api_keys WHERE first_eight = ?", (first_eight,)).rowcount == 1

    @_explained
    def add_authorization(self, state: str, pending: PendingAuthorization, *, expires: float) -> None:
        with self._changing() as db:
            db.execute(
                "INSERT INTO authorizations (state, expires, data) VALUES (?, ?, ?)",
                (_hash(state.encode()), expires, msgspec.json.encode(pending)),
            )

    @_explained
    def take_authorization(self, state: str, *, now: float) -> PendingAuthorization | None:
        with self._changing() as db:
            row = db.execute(
                "DELETE FROM authorizations WHERE state = ? AND expires > ? RETURNING data",
                (_hash(state.encode()), now),
            ).fetchone()
        return msgspec.json.decode(row[0], type=PendingAuthorization) if row else None

    @_explained
    def add_device(self, device: bytes, user_code: str, provider: str, *, expires: float) -> None:
        with self._changing() as db:
            db.execute(
                "INSERT INTO devices (device, user_code, provider, expires) VALUES (?, ?, ?, ?)",
                (_hash(device).hex(), user_code, provider, expires),
            )

    @_explained
    def device_with_code(self, user_code: str, *, now: float) -> PendingDevice | None:
        return self._device(sql.DEVICE_WITH_CODE, user_code, now)

    @_explained
    def settle_device(self, device: str, *, session: str | None, error: str | None) -> None:
        with self._changing() as db:
            db.execute("UPDATE devices SET session = ?, error = ? WHERE device = ?", (session, error, device))

    @_explained
    def poll_device(self, device: bytes, *, now: float) -> PendingDevice | None:
        with self._changing() as db:
            found = self._device(sql.DEVICE, _hash(device).hex(), now)
            if found is not None and (found.session or found.error):
                db.execute("DELETE FROM devices WHERE device = ?", (found.device,))
        return found

    @_explained
    def leave_note(self, line: str) -> None:
        with self._changing() as db:
            db.execute("INSERT INTO notes (line) VALUES (?)", (line,))

    @_explained
    def take_notes(self) -> list[str]:
        if self._db.execute("SELECT 1 FROM notes LIMIT 1").fetchone() is None:
            return []
        with self._changing() as db:
            return [line for (line,) in db.execute("DELETE FROM notes RETURNING line").fetchall()]

    @_explained
    def prune(self, *, now: float) -> None:
        with self._changing() as db:
            for statement in sql.PRUNE:
                db.execute(statement, {"now": now})

    @property
    def _db(self) -> sqlite3.Connection:
        if self._open_connection is None:
            raise SignInDatabaseError(f"The sign-in database {self.path} is not open")
        return self._open_connection

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    def _make_folder(self) -> None:
        try:
            make_folder(self.path.parent)
        except OSError as error:
            raise SignInDatabaseError(
                f"The folder of the sign-in database {self.path} cannot be created: {error.strerror}. {_ANOTHER}"
            ) from error

    def _make_file(self) -> None:
        """Create an empty file that only its owner can read, because it holds the keys that sign tokens."""
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            open_to_others = self.path.stat().st_mode & 0o077
        except OSError as error:
            raise SignInDatabaseError(
                f"The sign-in database {self.path} cannot be opened: {error.strerror}. {_ANOTHER}"
            ) from error
        if open_to_others:
            raise SignInDatabaseError(
                f"Other users can read the sign-in database {self.path}, which contains secret keys. "
                f"Prevent this with: chmod 600 {self.path}"
            )

    def _make_tables(self, db: sqlite3.Connection) -> None:
        with self._changing():
            (layout,) = db.execute("PRAGMA user_version").fetchone()
            (application,) = db.execute("PRAGMA application_id").fetchone()
            (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if application != sql.APPLICATION and (tables or layout):
                raise SignInDatabaseError(
                    f"{self.path} belongs to another program; it is not a sign-in database. {_ANOTHER}"
                )
            if layout > sql.LAYOUT:
                raise SignInDatabaseError(
                    f"The sign-in database {self.path} was written by a newer version of this software "
                    f"(layout {layout}; this version knows {sql.LAYOUT})"
                )
            if layout == 0:
                for statement in sql.TABLES:
                    db.execute(statement)
            db.execute(sql.NOTES)

    def _put_identity(self, identity: Identity, *, now: float, login: float | None) -> str:
        principal = self._principal_of(identity.provider, identity.id)
        if principal is None:
            principal = uuid_module.uuid4().hex
            self._db.execute("INSERT INTO principals VALUES (?, 'user', ?)", (principal, now))
        data = msgspec.json.encode(identity)
        self._db.execute(sql.PUT_IDENTITY, (identity.provider, identity.id, principal, data, login, now))
        return principal

    def _principal_of(self, provider: str, user: str) -> str | None:
        row = self._db.execute(
            "SELECT principal FROM identities WHERE provider = ? AND id = ?", (provider, user)
        ).fetchone()
        return row[0] if row else None

    def _has_principal(self, uuid: str) -> bool:
        return self._db.execute("SELECT 1 FROM principals WHERE uuid = ?", (uuid,)).fetchone() is not None

    def _principal(self, uuid: str) -> Principal:
        identities = [
            KnownIdentity(msgspec.json.decode(data, type=Identity), latest_login, checked, bool(gone))
            for data, latest_login, checked, gone in self._db.execute(sql.IDENTITIES, (uuid,))
        ]
        return Principal(uuid, "user", identities)

    def _details(self, uuid: str) -> PrincipalDetails:
        keys = self._db.execute(sql.KEYS, (uuid,))
        sessions = self._db.execute(sql.SESSIONS, (uuid,))
        return PrincipalDetails(self._principal(uuid), [_key(row) for row in keys], [_session(row) for row in sessions])

    def _device(self, statement: str, value: str, now: float) -> PendingDevice | None:
        row = self._db.execute(statement, (value, now)).fetchone()
        return PendingDevice(*row) if row else None


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _key_row(key: KeyRecord) -> tuple[Any, ...]:
    return (
        key.first_eight,
        key.principal,
        msgspec.json.encode(key.scopes),
        key.expires,
        key.note,
        key.latest_activity,
    )


def _key(row: tuple[Any, ...]) -> KeyRecord:
    first_eight, principal, scopes, expires, note, latest_activity = row
    return KeyRecord(first_eight, principal, tuple(msgspec.json.decode(scopes)), expires, note, latest_activity)


def _session(row: tuple[Any, ...]) -> SessionRecord:
    uuid, principal, expires, revoked, latest_activity = row
    return SessionRecord(uuid, principal, expires, bool(revoked), latest_activity)
