"""Who asks: the user, group and lock key that a client fills into its requests."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bluesky_qs.api.method import Method
from bluesky_qs.client.failures import NoLockKeyError

#: The seed's group, then the one that the community's permissions files define.
_GROUPS = ("admin", "primary")
_UNKNOWN_GROUP = "Unknown user group"


class Identity:
    """User, group and lock key of one client.

    Attributes
    ----------
    user
        Recorded on the items that are added; may be anything.
    user_group
        Decides what is allowed. Where none was given it is ``admin``, until the service answers that it has no such
        group and does have ``primary``.
    lock_key
        Goes out with every request that a lock may refuse.
    enable_locked_api
        Off: the lock key goes out only where it is the subject (`lock`, `unlock`).
    """

    def __init__(
        self,
        user: str | None = None,
        user_group: str | None = None,
        lock_key: str | None = None,
    ) -> None:
        self.user = user or os.environ.get("QSERVER_USER") or login_name()
        told = user_group or os.environ.get("QSERVER_USER_GROUP")
        self._group = told or _GROUPS[0]
        self._group_is_certain = bool(told)
        self.lock_key = lock_key
        self.enable_locked_api = True
        #: The key file, if another than the default one was chosen.
        self.lock_key_path: Path | None = None

    @property
    def user_group(self) -> str:
        """The group that requests are made for."""
        return self._group

    @user_group.setter
    def user_group(self, group: str) -> None:
        self._group = group
        self._group_is_certain = True

    @property
    def told_group(self) -> str | None:
        """The group if somebody chose it; None if it is only the default."""
        return self._group if self._group_is_certain else None

    def fill(self, method: Method[..., Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters with what the caller left to the client.

        Raises
        ------
        NoLockKeyError
            The method is about a lock key, and there is none.
        """
        takes = method.parameters
        filled = dict(params)
        if "user" in takes:
            filled.setdefault("user", self.user)
        if "user_group" in takes:
            filled.setdefault("user_group", self._group)
        if "lock_key" in takes and self._sends_key(method):
            filled.setdefault("lock_key", self.lock_key)
        if "lock_key" in method.requires and "lock_key" not in filled:
            raise NoLockKeyError
        return filled

    def retry(
        self,
        given: Mapping[str, Any],
        sent: Mapping[str, Any],
        response: Mapping[str, Any],
    ) -> dict[str, Any] | None:
        """The parameters to send again, if nothing but our own guess at the group was refused.

        ``given`` is what the caller chose, ``sent`` what went out.
        """
        guessed = not self._group_is_certain and "user_group" in sent and "user_group" not in given
        if not guessed or not _group_is_unknown(response):
            return None
        other = next(group for group in _GROUPS if group != sent["user_group"])
        return {**sent, "user_group": other}

    def settle(self, again: Mapping[str, Any], response: Mapping[str, Any]) -> bool:
        """Remember the group that `retry` tried, and answer True, if the service knows it."""
        if _group_is_unknown(response):
            return False
        self._group = again["user_group"]
        return True

    def _sends_key(self, method: Method[..., Any]) -> bool:
        if not self.lock_key or method.name == "lock_info":
            # A key given to lock_info is checked, and looking at somebody else's lock must not fail.
            return False
        return self.enable_locked_api or "lock_key" in method.requires


def login_name() -> str:
    """The name that this session's user logged in with."""
    import getpass  # noqa: PLC0415 - a client that was told its user does not pay for it

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user need not have a name
        return "unknown user"


def _group_is_unknown(response: Mapping[str, Any]) -> bool:
    return response.get("success") is False and _UNKNOWN_GROUP in str(response.get("msg"))
