"""Who sends a request, and what they may do: what signing in gives to everything else in the door."""

from typing import Any, Protocol

import msgspec
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

#: In place of the name of a credential, for requests without one.
ANONYMOUS = "anonymous"


class Credentials(msgspec.Struct, frozen=True):
    """Credentials that do not come in a header, cookie or query: those of the first message of a websocket."""

    api_key: str | None = None
    access_token: str | None = None

    def __repr__(self) -> str:  # it may end up in a log
        return "Credentials(…)"


class Caller(msgspec.Struct, frozen=True):
    """Somebody who may use the door.

    Attributes
    ----------
    user
        As shown in the items that they add.
    user_group
        Decides which plans and devices they may use.
    credential
        Name of the key or session, for the audit log and for revocation. Never a secret.
    provider
        Where they signed in.
    principal
        Their UUID in the sign-in database.
    label
        What a client with a shared key calls itself.
    name
        The name with which they sign in, if items show more than that.
    """

    user: str
    user_group: str
    scopes: frozenset[str]
    credential: str
    provider: str = ""
    principal: str = ""
    label: str = ""
    name: str = ""

    @property
    def sign_in_name(self) -> str:
        """The name with which they sign in."""
        return self.name or self.user


class SignIn(Protocol):
    """Knows who may use the door."""

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes under ``/api/auth``."""
        ...

    async def open(self) -> None:
        """Get ready, before the first request."""
        ...

    async def close(self) -> None:
        """Give up what was opened."""
        ...

    async def caller(self, connection: HTTPConnection, credentials: Credentials | None = None) -> Caller:
        """The sender of this request or websocket.

        Raises
        ------
        NotSignedIn
            There are no credentials, or they are not valid.
        """
        ...

    async def reload(self, settings: Any) -> None:
        """Let the new `DoorSettings` count, also for those who are signed in.

        Raises
        ------
        ConfigError
            A running door cannot have them. Then nothing has changed.
        """
        ...

    def holds(self, caller: Caller) -> bool:
        """Whether the caller's credentials are still valid. Streams ask every few seconds."""
        ...
