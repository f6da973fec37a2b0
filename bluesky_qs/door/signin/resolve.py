"""Finds the owner of a key or session and the owner's current permissions. Changes are noticed within seconds.

Results are cached until the sign-in database changes. SQLite's change counter is read every two seconds to notice
changes by other doors.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection

import msgspec

from bluesky_qs.door.caller import Caller
from bluesky_qs.door.signin.database import SignInDatabase
from bluesky_qs.door.signin.identities import Identities
from bluesky_qs.door.signin.records import KeyRecord, Principal, SessionRecord
from bluesky_qs.door.signin.roles import Access, key_scopes
from bluesky_qs.door.signin.rows import SignInDatabaseError
from bluesky_qs.door.signin.sign_in_log import audit_command

logger = logging.getLogger(__name__)

#: Seconds between checks of the database. A revocation by another door is noticed after this time.
_LOOK_SECONDS = 2.0
#: Seconds between updates of the times when keys were last used.
_NOTE_SECONDS = 60.0
#: Seconds after which a stream that was not checked counts as ended.
_FORGET_SECONDS = 60.0
_PRUNE_SECONDS = 3600.0
#: A key with at most this number of seconds left is only used to open streams, like an access token. Streams may
#: outlive it.
_OPENING_SECONDS = 60.0
_REMEMBERED = 10_000


class Resolved(msgspec.Struct, frozen=True):
    """The owner of a key or session, with the owner's current permissions."""

    caller: Caller
    access: Access
    principal: Principal
    key: KeyRecord | None = None
    session: SessionRecord | None = None

    @property
    def expires(self) -> float | None:
        """When the key or the session ends."""
        if self.key is not None:
            return self.key.expires
        return self.session.expires if self.session is not None else None

    def valid(self, now: float) -> bool:
        """Whether the key or the session has not expired."""
        return self.expires is None or self.expires > now


class _Watch(msgspec.Struct):
    asked: float
    holds: bool = True
    expires: float | None = None


class Resolver:
    """Resolves keys and sessions.

    Parameters
    ----------
    identities
        Finds the current permissions of a user.
    """

    def __init__(
        self,
        database: SignInDatabase,
        identities: Identities,
        *,
        clock: Callable[[], float] = time.time,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        self._database = database
        self._identities = identities
        self._clock = clock
        self._look_seconds = look_seconds
        self._keys: dict[bytes, Resolved] = {}
        self._sessions: dict[str, Resolved] = {}
        self._generation = 0
        self._watched: dict[Caller, _Watch] = {}
        #: The streams that need a look-up in the database.
        self._unsure: set[Caller] = set()
        self._version: int | None = None
        self._noted = self._pruned = clock()
        self._changed = asyncio.Event()
        self._used: dict[str, float] = {}
        self._loop: asyncio.Task[None] | None = None
        self._looked = asyncio.Condition()

    async def open(self) -> None:
        """Start checking for changes."""
        self._loop = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Stop, and store when keys were last used."""
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop
            try:
                await self._note_use()
            except SignInDatabaseError as error:
                logger.warning("%s", error.message)

    def forget(self) -> None:
        """Look everything up again, because the database has changed."""
        self._generation += 1
        self._keys.clear()
        self._sessions.clear()
        self._unsure.update(self._watched)
        self._changed.set()

    async def key(self, secret: bytes) -> Resolved | None:
        """The owner of an API key; None if the key is not valid."""
        now = self._clock()
        found = self._keys.get(secret)
        if found is None:
            generation = self._generation
            record = await self._database.key(secret)
            found = await self._resolved_key(record) if record is not None else None
            if found is None:
                return None
            if generation == self._generation and len(self._keys) < _REMEMBERED:
                self._keys[secret] = found
        if not found.valid(now):
            return None
        assert found.key is not None
        self._used[found.key.first_eight] = now
        self._identities.look_again(found.principal, now)
        return found

    async def session(self, uuid: str) -> Resolved | None:
        """The owner of a session; None if the session is not valid."""
        found = self._sessions.get(uuid)
        if found is None:
            generation = self._generation
            record = await self._database.session(uuid)
            found = await self._resolved_session(record) if record is not None else None
            if found is None:
                return None
            if generation == self._generation and len(self._sessions) < _REMEMBERED:
                self._sessions[uuid] = found
        return found if found.valid(self._clock()) else None

    def lasting(self, resolved: Resolved) -> Caller:
        """The caller for a new stream.

        Clients of the community's server create a key for each stream that they open with an access token, and delete
        the key at once. Such a stream belongs to the user: it ends with the last of the user's sessions and keys.
        """
        expires = resolved.key.expires if resolved.key is not None else None
        if expires is None or expires - self._clock() > _OPENING_SECONDS:
            return resolved.caller
        return msgspec.structs.replace(resolved.caller, credential=user_name(resolved.principal.uuid))

    def holds(self, caller: Caller) -> bool:
        """Whether the caller still has all permissions from the beginning. The result is at most a few seconds old."""
        now = self._clock()
        watch = self._watched.get(caller)
        if watch is None:
            watch = self._watched[caller] = _Watch(now)
            self._unsure.add(caller)  # it may have ended before the first check
            self._changed.set()
        watch.asked = now
        return watch.holds and (watch.expires is None or watch.expires > now)

    async def looked(self) -> None:
        """Wait until the database has been checked again and the streams know the result."""
        async with self._looked:
            await self._looked.wait()

    async def _resolved_key(self, record: KeyRecord) -> Resolved | None:
        principal = await self._database.principal(record.principal)
        access = await self._identities.access(principal) if principal is not None else None
        if principal is None or access is None:
            return None
        scopes = key_scopes(record.scopes, access.scopes)
        return Resolved(_caller(principal, access, scopes, key_name(record.first_eight)), access, principal, key=record)

    async def _resolved_session(self, record: SessionRecord) -> Resolved | None:
        if record.revoked:
            return None
        principal = await self._database.principal(record.principal)
        access = await self._identities.access(principal) if principal is not None else None
        if principal is None or access is None:
            return None
        caller = _caller(principal, access, access.scopes, session_name(record.uuid))
        return Resolved(caller, access, principal, session=record)

    async def _look(self) -> None:
        failing = False
        while True:
            try:
                await self._look_once()
                failing = False
            except SignInDatabaseError as error:
                # Missed changes are read when the database can be used again.
                if not failing:
                    logger.warning("%s", error.message)
                failing = True
                await asyncio.sleep(self._look_seconds)
            async with self._looked:
                self._looked.notify_all()

    async def _look_once(self) -> None:
        """Wait for a change or for the next check, and find out which streams must end."""
        if not self._unsure:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._look_seconds)
        self._changed.clear()
        version = await self._database.version()
        if version != self._version:
            self._version = version
            self.forget()
            self._changed.clear()
            for line in await self._database.take_notes():
                audit_command(line)
        while self._unsure:
            caller = self._unsure.pop()
            try:
                await self._check(caller)
            except SignInDatabaseError:
                self._unsure.add(caller)
                raise
        now = self._clock()
        if now - self._noted >= _NOTE_SECONDS:
            self._noted = now
            await self._note_use()
        if now - self._pruned >= _PRUNE_SECONDS:
            self._pruned = now
            await self._database.prune(now=now)

    async def _check(self, caller: Caller) -> None:
        now, watch = self._clock(), self._watched[caller]
        if now - watch.asked > _FORGET_SECONDS:
            del self._watched[caller]
        else:
            found = await self._named(caller.credential)
            watch.holds = found is not None and found.valid(now) and caller.scopes <= found.caller.scopes
            watch.expires = found.expires if found is not None else None

    async def _named(self, credential: str) -> Resolved | None:
        kind, _, name = credential.partition(" ")
        if kind == "key":
            record = await self._database.key_named(name)
            return await self._resolved_key(record) if record is not None else None
        if kind == "user":
            return await self._resolved_user(name)
        return await self.session(name)

    async def _resolved_user(self, uuid: str) -> Resolved | None:
        """Resolve a user who has a session or a key."""
        details = await self._database.details(uuid)
        if details is None:
            return None
        now = self._clock()
        sessions = any(each.expires > now and not each.revoked for each in details.sessions)
        keys = any(each.expires is None or each.expires > now for each in details.keys)
        access = await self._identities.access(details.principal) if sessions or keys else None
        if access is None:
            return None
        caller = _caller(details.principal, access, access.scopes, user_name(uuid))
        return Resolved(caller, access, details.principal)

    async def _note_use(self) -> None:
        used, self._used = self._used, {}
        if used:
            await self._database.keys_used(used)


def key_name(first_eight: str) -> str:
    """The name of a key in the audit log."""
    return f"key {first_eight}"


def user_name(uuid: str) -> str:
    """The name for a user who owns a stream."""
    return f"user {uuid}"


def session_name(uuid: str) -> str:
    """The name of a session in the audit log."""
    return f"session {uuid}"


def session_in(credential: str) -> str:
    """The UUID of the session with this name in the audit log; empty if the credential is not a session."""
    kind, _, uuid = credential.partition(" ")
    return uuid if kind == "session" else ""


def _caller(principal: Principal, access: Access, scopes: Collection[str], credential: str) -> Caller:
    providers = sorted({known.identity.provider for known in principal.identities})
    return Caller(
        user=access.user,
        user_group=access.user_group,
        scopes=frozenset(scopes),
        credential=credential,
        provider=", ".join(providers),
        principal=principal.uuid,
        name=access.name,
    )
