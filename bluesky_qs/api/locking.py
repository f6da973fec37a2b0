"""Methods on the lock: keep others from changing the environment or the queue."""

from typing import Annotated

from bluesky_qs.api.method import Says, method
from bluesky_qs.api.types import Locking, LockKey

_KEY_WRONG = "Lock key must be a non-empty string: lock_key={value!r}"
_Key = Annotated[str, Says(missing="Request contains no lock key", wrong=_KEY_WRONG)]
_User = Annotated[str, Says(missing="User name is not specified")]
_FAILED = {"lock_info": {}, "lock_info_uid": None}


@method(requires=("lock_key", "user"), on_failure=_FAILED)
def lock(
    lock_key: _Key = "",
    *,
    environment: bool = False,
    queue: bool = False,
    user: _User = "",
    note: str | None = None,
) -> Locking:
    """Lock the environment, the queue or both with a key of one's own; again with the same key to change what is."""
    raise NotImplementedError


@method(on_failure=_FAILED)
def lock_info(lock_key: LockKey = None) -> Locking:
    """Who locked what, and why; a key that is given is checked."""
    raise NotImplementedError


@method(requires=("lock_key",), on_failure=_FAILED)
def unlock(lock_key: _Key = "") -> Locking:
    """Unlock everything, with the key in force or the emergency key."""
    raise NotImplementedError
