"""Methods on the lock, which keeps others from changing the environment or the queue."""

from typing import Annotated, Any, Unpack

from bluesky_qs.api.method import Messages, method
from bluesky_qs.api.types import Locking, LockKey, Repeatable

_KEY_WRONG = "Lock key must be a non-empty string: lock_key={value!r}"
_Key = Annotated[str, Messages(missing="Request contains no lock key", wrong=_KEY_WRONG)]
_User = Annotated[str, Messages(missing="User name is not specified")]
_FAILED: dict[str, Any] = {"lock_info": {}, "lock_info_uid": None}


@method(scope="write:lock", requires=("lock_key", "user"), on_failure=_FAILED)
def lock(
    lock_key: _Key = "",
    *,
    environment: bool = False,
    queue: bool = False,
    user: _User = "",
    note: str | None = None,
    **request: Unpack[Repeatable],
) -> Locking:
    """Lock the environment, the queue or both, with a key of your choice.

    Call it again with the same key to change what is locked.
    """
    raise NotImplementedError


@method(scope="read:lock", on_failure=_FAILED)
def lock_info(lock_key: LockKey = None) -> Locking:
    """Show who locked what, and why. If a key is given, it is checked."""
    raise NotImplementedError


@method(scope="write:lock", requires=("lock_key",), on_failure=_FAILED)
def unlock(lock_key: _Key = "", **request: Unpack[Repeatable]) -> Locking:
    """Unlock everything, with the current key or the emergency key."""
    raise NotImplementedError
