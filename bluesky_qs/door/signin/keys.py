"""API keys: the scopes of a new key, and its creation. The key is shown once; only its hash is stored."""

import secrets
import sqlite3
from collections.abc import Collection

import msgspec

from bluesky_qs.door.refusals import BadRequest
from bluesky_qs.door.signin.database import SignInDatabase
from bluesky_qs.door.signin.records import KeyRecord
from bluesky_qs.door.signin.roles import INHERIT, SCOPES
from bluesky_qs.door.signin.rows import SignInDatabaseError
from bluesky_qs.nearest import did_you_mean, nearest

#: The usual 32 bytes, and 4 bytes for the name, which is not secret.
_BYTES = 36
_NAME_LENGTH = 8
LONGEST_NOTE = 255
_TRIES = 3


class NewKey(msgspec.Struct, frozen=True):
    """A key and its record."""

    secret: str
    record: KeyRecord

    def __repr__(self) -> str:  # the text may end up in a log
        return f"NewKey({self.record.first_eight})"


def scopes_for(wanted: Collection[str] | None, owner: frozenset[str], maker: Collection[str] | None) -> tuple[str, ...]:
    """Return the scopes of a new key.

    Parameters
    ----------
    wanted
        The requested scopes; None for all possible scopes.
    owner
        The scopes of the key's owner.
    maker
        The scopes of the key with which the new key is created; None if it is created in another way, or if that key
        inherits.

    Raises
    ------
    BadRequest
        A requested scope does not exist or is not possible.
    """
    for scope in wanted or ():
        if scope not in (*SCOPES, INHERIT):
            raise BadRequest(f"There is no scope {scope!r}{did_you_mean(nearest(scope, SCOPES))}")
    possible = owner if maker is None else owner & frozenset(maker)
    if wanted is None or INHERIT in wanted:
        return (INHERIT,) if maker is None else tuple(sorted(possible))
    if not possible.issuperset(wanted):
        raise BadRequest(
            f"Requested scopes {sorted(wanted)} must be a subset of the allowed principal's scopes {sorted(possible)}."
        )
    return tuple(scope for scope in SCOPES if scope in wanted)


async def new_key(
    database: SignInDatabase, principal: str, scopes: tuple[str, ...], *, expires: float | None, note: str | None
) -> NewKey:
    """Create a key and store its hash."""
    for attempt in range(_TRIES):
        secret = secrets.token_bytes(_BYTES)
        record = KeyRecord(secret.hex()[:_NAME_LENGTH], principal, scopes, expires, note)
        try:
            await database.add_key(secret, record)
        except SignInDatabaseError as error:
            # Another key happens to have the same name.
            if attempt + 1 < _TRIES and isinstance(error.__cause__, sqlite3.IntegrityError):
                continue
            raise
        return NewKey(secret.hex(), record)
    raise AssertionError


def key_bytes(text: str) -> bytes | None:
    """Return the bytes of a key in text form; None if it is not a key."""
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        return None
    return secret if len(secret) == _BYTES else None
