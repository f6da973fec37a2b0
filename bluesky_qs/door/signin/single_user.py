"""One key for everybody, and what may be seen without it."""

import hashlib
import hmac
from typing import TYPE_CHECKING, get_args

from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from bluesky_qs.api.method import Scope
from bluesky_qs.door.caller import Caller, Credentials
from bluesky_qs.door.keyfile import default_key_file, key_in
from bluesky_qs.door.refusals import HTTPRefusal, NotSignedIn
from bluesky_qs.door.signin.credentials import keep_in_cookie, presented

if TYPE_CHECKING:
    from bluesky_qs.door.door import Door

#: The provider of the single user's identity in the sign-in database.
SINGLE_USER_PROVIDER = "single_user"
#: What the key allows: everything on the queue and the service, nothing on other people's sign-in.
ALL_SCOPES: frozenset[str] = frozenset(scope for scope in get_args(Scope) if not scope.startswith("admin:"))
ANONYMOUS_SCOPES = frozenset({"read:status"})
ANONYMOUS = Caller(
    user="UNAUTHENTICATED_PUBLIC", user_group="", scopes=ANONYMOUS_SCOPES, credential="anonymous", provider=""
)


class SingleUserSignIn:
    """Signs everybody in who has the key; implements `caller.SignIn`."""

    routes: list[BaseRoute]

    def __init__(self, door: "Door", scopes: frozenset[str] = ALL_SCOPES) -> None:
        self._door = door
        self._scopes = scopes
        self._settings = door.settings.single_user
        self._key = b""
        self._caller: Caller | None = None
        #: The connection of the service for which the group was chosen.
        self._chosen_for = -1
        self.routes = []

    async def open(self) -> None:
        """Find or make the key.

        Raises
        ------
        ConfigError
            The file with the key cannot be read or written, or others can read it.
        """
        key = self._settings.key or key_in(self._settings.key_file or default_key_file())
        self._key = key.encode()

    async def close(self) -> None:
        """Nothing is open."""

    async def caller(self, connection: HTTPConnection, credentials: Credentials | None = None) -> Caller:
        """The single user, or the anonymous public if that is allowed."""
        found = presented(connection, credentials)
        if found is None:
            if self._settings.anonymous:
                return ANONYMOUS
            raise NotSignedIn("Not signed in. Send the key in the header 'Authorization: ApiKey …'.")
        if found.kind == "token":
            raise NotSignedIn("This server has no access tokens. Send its key in the header 'Authorization: ApiKey …'.")
        if not self.matches(found.secret):
            raise NotSignedIn("Invalid API key")
        if found.source == "query":
            keep_in_cookie(connection, found.secret)
        return await self.user()

    def matches(self, key: str) -> bool:
        """Whether it is the key. The time of the comparison says nothing about it."""
        return hmac.compare_digest(key.encode(), self._key)

    async def user(self) -> Caller:
        """The single user, whose group depends on the service."""
        if self._caller is None or self._chosen_for != self._door.default.connections:
            await self._choose_group()
        assert self._caller is not None
        return self._caller

    def holds(self, caller: Caller) -> bool:  # noqa: ARG002 - the key never expires
        """Always true: the key is valid as long as the door runs."""
        return True

    async def _choose_group(self) -> None:
        service = self._door.default
        connection = service.connections
        group = self._settings.user_group
        if group is None:
            group = "primary"
            try:
                groups = (await service.call("permissions_get"))["user_group_permissions"].get("user_groups", {})
            except (HTTPRefusal, KeyError):
                connection = -1  # choose again at the next request
            else:
                if "primary" not in groups and "admin" in groups:
                    group = "admin"
        name = hashlib.sha256(self._key).hexdigest()[:8]
        self._caller = Caller(
            user=self._settings.name, user_group=group, scopes=self._scopes, credential=f"single-user key {name}"
        )
        self._chosen_for = connection
