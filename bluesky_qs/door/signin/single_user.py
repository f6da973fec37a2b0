"""One key for everyone. All clients with the key act as the single user."""

import asyncio
import hmac
import time
from typing import TYPE_CHECKING

import msgspec

from bluesky_qs.door.caller import Caller
from bluesky_qs.door.keyfile import default_key_file, key_in
from bluesky_qs.door.refusals import HTTPRefusal
from bluesky_qs.door.signin.roles import DEFAULT_USER_GROUP, SINGLE_USER, Access

if TYPE_CHECKING:
    from bluesky_qs.door.door import Door

#: The provider of the single user's identity in the sign-in database.
SINGLE_USER_PROVIDER = "single_user"
#: The group if there is no `DEFAULT_USER_GROUP`.
_OTHER_GROUP = "admin"
#: Seconds for which requests wait for the service's user groups. Not all requests need them.
_PATIENCE = 0.5
_AGAIN_SECONDS = 10.0


class SingleUserKey:
    """The key, and the user who has it.

    Parameters
    ----------
    scopes
        The scopes of the key.
    """

    name = SINGLE_USER_PROVIDER

    def __init__(self, door: "Door", scopes: frozenset[str]) -> None:
        self._door = door
        self._scopes = scopes
        self._settings = door.settings.single_user
        self._key = b""
        self._caller = self._in_group(self._settings.user_group or DEFAULT_USER_GROUP)
        #: The number of the connection for which the group was chosen; None if it has not been chosen.
        self._chosen_for: int | None = None
        self._not_before = 0.0

    async def open(self) -> None:
        """Find the key or create it.

        Raises
        ------
        ConfigError
            The file with the key cannot be read or written, or others can read it.
        """
        key = self._settings.key or key_in(self._settings.key_file or default_key_file())
        self._key = key.encode()

    def change(self, scopes: frozenset[str], user_group: str | None) -> None:
        """Change the scopes of the key, and the user group."""
        self._scopes = scopes
        self._settings = msgspec.structs.replace(self._settings, user_group=user_group)
        self._caller = self._in_group(user_group or DEFAULT_USER_GROUP)
        self._chosen_for = None

    def holds(self, caller: Caller) -> bool:
        """Whether the key still has the scopes of this caller."""
        return caller.scopes <= self._scopes

    def matches(self, key: str) -> bool:
        """Whether a text is the key. The time of the comparison does not depend on the text."""
        return hmac.compare_digest(key.encode(), self._key)

    async def user(self) -> Caller:
        """Return the single user, whose group depends on the groups that the service has."""
        if self._settings.user_group is None and self._chosen_for != self._door.default.connections:
            await self._choose_group()
        return self._caller

    async def access(self) -> Access:
        """Return the permissions of the single user."""
        caller = await self.user()
        return Access(frozenset({SINGLE_USER}), caller.scopes, caller.user_group, caller.user)

    async def _choose_group(self) -> None:
        service = self._door.default
        connection, now = service.connections, time.monotonic()
        if now < self._not_before:
            return
        try:
            reply = await asyncio.wait_for(service.call("permissions_get"), _PATIENCE)
            groups = reply["user_group_permissions"].get("user_groups", {})
        except TimeoutError:
            self._not_before = time.monotonic() + _AGAIN_SECONDS
        except (HTTPRefusal, KeyError):
            return  # the service is unreachable; the next request tries again
        else:
            is_there = DEFAULT_USER_GROUP in groups or _OTHER_GROUP not in groups
            self._caller = self._in_group(DEFAULT_USER_GROUP if is_there else _OTHER_GROUP)
            self._chosen_for = connection

    def _in_group(self, group: str) -> Caller:
        return Caller(user=self._settings.name, user_group=group, scopes=self._scopes, credential="the single-user key")
