"""The lock, which keeps everyone without its key from changing the environment or the queue."""

import hmac
import json
import logging
import time
from typing import Any
from uuid import uuid4

import msgspec

from bluesky_qs.api.method import Lock
from bluesky_qs.api.types import LockInfo, LockState
from bluesky_qs.errors import BadParams, Locked
from bluesky_qs.manager.edits.events import LockChanged
from bluesky_qs.manager.edits.ledger import FactEdit

logger = logging.getLogger(__name__)


class _Stored(msgspec.Struct):
    """The stored fact ``lock_info``. All fields are required, because no key would open an incomplete lock."""

    environment: bool
    queue: bool
    lock_key: str | None
    note: str | None
    user: str | None
    time: float | None
    uid: str


_FREE: dict[str, Any] = {
    "environment": False,
    "queue": False,
    "lock_key": None,
    "note": None,
    "user": None,
    "time": None,
}


class LockBook:
    """The current lock. Its key is passed only to the store."""

    def __init__(self, stored: bytes | None, *, emergency_key: str | None = None) -> None:
        self._info: dict[str, Any] = {**_FREE, "uid": str(uuid4())}
        self._emergency_key = emergency_key
        if stored and stored != b"{}":
            self._info |= _restored(stored)

    @property
    def uid(self) -> str:
        """A uid that changes whenever the lock does."""
        return self._info["uid"]

    @property
    def state(self) -> LockState:
        return {"environment": self._info["environment"], "queue": self._info["queue"]}

    @property
    def info(self) -> LockInfo:
        """Return the lock without its key, for clients."""
        at = self._info["time"]
        return {
            "environment": self._info["environment"],
            "queue": self._info["queue"],
            "user": self._info["user"],
            "note": self._info["note"],
            "time": at,
            "time_str": time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(at)) if at else "",
            "emergency_lock_key_is_set": self._emergency_key is not None,
        }

    def check(self, lock: Lock, key: str | None) -> None:
        """Check that a method with this lock may be used: nothing is locked, or the key is correct.

        Raises
        ------
        Locked
            The method is locked and the key is wrong. The message names the user, the time and the note.
        """
        if lock is not Lock.NONE and self._info[lock.value] and not self._fits(key):
            raise Locked(self._refusal())

    def check_key(self, key: str) -> None:
        """Raise `Locked` if the key is wrong. While nothing is locked, any key is correct."""
        if self._is_locked and not self._fits(key):
            raise Locked(self._refusal())

    def apply(
        self,
        *,
        key: str,
        environment: bool,
        queue: bool,
        user: str,
        note: str | None,
        now: float,
    ) -> FactEdit:
        """Lock, or change what is locked.

        Raises
        ------
        BadParams
            The key is empty, or neither the environment nor the queue is selected.
        Locked
            Another key has locked it.
        """
        if not key:
            raise BadParams(f"Lock key must be a non-empty string: lock_key={key!r}")
        if not (environment or queue):
            raise BadParams(
                "Nothing to lock: environment and/or queue must be selected: environment=False, queue=False"
            )
        if not user:
            raise BadParams(f"User name is not specified: user={user!r}")
        if self._is_locked and not self._fits(key):
            raise Locked("RE Manager was locked with a different key: \n" + self._description())
        return self._set(environment=environment, queue=queue, lock_key=key, note=note, user=user, time=now)

    def release(self, key: str) -> FactEdit | None:
        """Unlock everything with the current key or the emergency key. Return None if nothing is locked.

        Raises
        ------
        Locked
            The key is neither of these.
        """
        if not key:
            raise BadParams(f"Lock key must be a non-empty string: lock_key={key!r}")
        if not self._is_locked:
            return None
        if not self._fits(key) and not _same(key, self._emergency_key):
            raise Locked(self._refusal())
        return self._set(**_FREE)

    @property
    def _is_locked(self) -> bool:
        return self._info["environment"] or self._info["queue"]

    def _fits(self, key: str | None) -> bool:
        return _same(key, self._info["lock_key"])

    def _set(self, **info: Any) -> FactEdit:
        before = self._info
        after = {**info, "uid": str(uuid4())}
        data = json.dumps(after).encode()  # first, because it fails if the note cannot be encoded
        self._info = after

        def undo() -> None:
            self._info = before

        event = LockChanged(**{key: after[key] for key in ("environment", "queue", "user", "note")})
        return FactEdit("lock_info", data, undo, event)

    def _refusal(self) -> str:
        return "Error: Invalid lock key: \n" + self._description()

    def _description(self) -> str:
        info = self.info
        lines = [
            f"RE Manager is locked by {info['user']} at {info['time_str']}",
            f"Environment is locked: {info['environment']}",
            f"Queue is locked:       {info['queue']}",
            f"Emergency lock key:    {'set' if info['emergency_lock_key_is_set'] else 'not set'}",
        ]
        if info["note"]:
            lines.append(f"Note: {info['note']}")
        return "\n".join(lines)


def _restored(stored: bytes) -> dict[str, Any]:
    """Return the stored lock. If it is invalid, log a warning and return an empty dict."""
    try:
        lock = msgspec.json.decode(stored, type=_Stored)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        logger.warning("Ignoring an invalid stored lock; nothing is locked: %s", error)
        return {}
    if (lock.environment or lock.queue) and not lock.lock_key:
        logger.warning("Ignoring a stored lock without a key; nothing is locked")
        return {}
    return msgspec.structs.asdict(lock)


def _same(key: str | None, other: str | None) -> bool:
    """Compare keys in constant time, which does not reveal how many characters match."""
    if key is None or other is None:
        return False
    # A key from the environment may contain bytes that are not UTF-8, as lone surrogates.
    return hmac.compare_digest(*(each.encode(errors="surrogatepass") for each in (key, other)))
