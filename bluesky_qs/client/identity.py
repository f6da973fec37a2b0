"""The user, the group, the lock key and the id that a client adds to its requests."""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bluesky_qs.api.method import Lock, Method
from bluesky_qs.client.failures import NoLockKeyError, refused_because
from bluesky_qs.errors import UnknownUserGroup

#: The group in our permissions files, then the one in bluesky-queueserver's files.
_GROUPS = ("admin", "primary")
#: The user of an HTTP server with one shared key, and the role of that key.
SHARED_USER, SHARED_ROLE = "UNAUTHENTICATED_SINGLE_USER", "unauthenticated_single_user"
#: Maximum length of the name of a client that uses a shared key.
_LONGEST_NAME = 64


class Identity:
    """User, group and lock key of one client.

    Attributes
    ----------
    user_group
        The group whose permissions apply. The default is ``admin``, or ``primary`` if the service has replied that it
        has no ``admin``.
    lock_key
        Sent with every request that the lock may refuse.
    is_from_sign_in
        Whether the server takes user and group from the sign-in. Then requests do not contain them, and requests that
        change something get an id, because answers are lost more easily over HTTP.
    client_name
        The name of this client in requests with a shared key; empty with any other sign-in.
    enable_locked_api
        False: the lock key is sent only with `lock` and `unlock`.
    """

    def __init__(
        self,
        user: str | None = None,
        user_group: str | None = None,
        lock_key: str | None = None,
        *,
        is_from_sign_in: bool = False,
    ) -> None:
        self.is_from_sign_in = is_from_sign_in
        self.client_name = ""
        self._shared_user = ""
        self.user = user or os.environ.get("QSERVER_USER") or login_name()
        chosen = user_group or os.environ.get("QSERVER_USER_GROUP")
        self._group = chosen or _GROUPS[0]
        self._group_is_chosen = bool(chosen)
        self.lock_key = lock_key
        self.enable_locked_api = True
        #: The key file, if it is not the default one.
        self.lock_key_path: Path | None = None

    @property
    def user(self) -> str:
        """User name for added items; any text. After a sign-in, the name that the server adds to the items."""
        return self._user

    @user.setter
    def user(self, name: str) -> None:
        self._user = self._own_name = name
        if self._shared_user:
            self._name_client()

    def recognize(self, user: str, user_group: str, *, is_shared: bool) -> None:
        """Record the user of the sign-in, and whether its key is shared. Then requests name this client."""
        self.user_group = user_group
        self._shared_user = user if is_shared else ""
        self.client_name, self._user = "", user
        if is_shared:
            self._name_client()

    def _name_client(self) -> None:
        name = "".join(each for each in self._own_name if each.isprintable())[:_LONGEST_NAME].strip()
        self.client_name = "" if name == self._shared_user else name
        self._user = f"{self._shared_user} ({name})" if self.client_name else self._shared_user

    @property
    def own_user(self) -> str:
        """The initial user of another client, before its first request."""
        return self._own_name if self._shared_user else self._user

    @property
    def shares_key(self) -> bool:
        """Whether the sign-in uses a shared key."""
        return bool(self._shared_user)

    @property
    def user_group(self) -> str:
        """The group in requests."""
        return self._group

    @user_group.setter
    def user_group(self, group: str) -> None:
        self._group = group
        self._group_is_chosen = True

    @property
    def chosen_group(self) -> str | None:
        """The group if it was set; None if it is the default."""
        return self._group if self._group_is_chosen else None

    def fill(self, method: Method[..., Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters with user, group, lock key and id, unless the caller gave them.

        Raises
        ------
        NoLockKeyError
            The method needs a lock key, and there is none.
        """
        takes = method.parameters
        filled = dict(params)
        if "user" in takes and _is_of_sender(method) and not self.is_from_sign_in:
            filled.setdefault("user", self.user)
        if "user_group" in takes and not self.is_from_sign_in:
            filled.setdefault("user_group", self._group)
        if "lock_key" in takes and self._sends_key(method):
            filled.setdefault("lock_key", self.lock_key)
        if self.is_from_sign_in and method.is_repeatable:
            filled.setdefault("request_id", uuid.uuid4().hex)
        if self.client_name and "user" in takes and _is_of_sender(method):
            filled["client_name"] = self.client_name
        if "lock_key" in method.requires and "lock_key" not in filled:
            raise NoLockKeyError
        return filled

    def retry(
        self,
        given: Mapping[str, Any],
        sent: Mapping[str, Any],
        response: Mapping[str, Any],
    ) -> dict[str, Any] | None:
        """Return the parameters for a second try if the request was refused only because of the default group.

        ``given`` are the caller's parameters, and ``sent`` are the request's parameters.
        """
        guessed = not self._group_is_chosen and "user_group" in sent and "user_group" not in given
        if not guessed or not _group_is_unknown(response):
            return None
        other = next(group for group in _GROUPS if group != sent["user_group"])
        return {**sent, "user_group": other}

    def settle(self, again: Mapping[str, Any], response: Mapping[str, Any]) -> bool:
        """Return whether the service knows the group that `retry` tried; if so, use it from now on."""
        if _group_is_unknown(response):
            return False
        self._group = again["user_group"]
        return True

    def _sends_key(self, method: Method[..., Any]) -> bool:
        if not self.lock_key or method.name == "lock_info":
            # lock_info checks the key in the request, and reading somebody else's lock must not fail.
            return False
        return self.enable_locked_api or "lock_key" in method.requires


def _is_of_sender(method: Method[..., Any]) -> bool:
    """Whether ``user`` is the sender of the request. In a request that only reads, it is a filter."""
    return "user" in method.requires or method.lock is not Lock.NONE


def login_of(user: str) -> str:
    """The name with which a user signed in; the display name may follow it in quotes."""
    return user.partition(' "')[0]


def shown_user(user: str) -> str:
    """A user name as shown to people; with a shared key, the client's name.

    >>> shown_user("ada"), shown_user("UNAUTHENTICATED_SINGLE_USER (ada)"), shown_user("UNAUTHENTICATED_SINGLE_USER")
    ('ada', 'ada', 'the shared key')
    """
    if user == SHARED_USER:
        return "the shared key"
    name = user.removeprefix(f"{SHARED_USER} (")
    return user if name == user else name.removesuffix(")")


def login_name() -> str:
    """Return the login name of this session's user."""
    import getpass  # noqa: PLC0415 - slow, and not needed if the user is given

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return "unknown user"


def _group_is_unknown(response: Mapping[str, Any]) -> bool:
    return refused_because(UnknownUserGroup, response)
