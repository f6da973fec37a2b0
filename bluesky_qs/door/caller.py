"""The sender of a request and the sender's permissions, as the rest of the door sees them after the sign-in."""

from typing import Any, Protocol

import msgspec
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

#: The credential name for requests without credentials.
ANONYMOUS = "anonymous"


class Credentials(msgspec.Struct, frozen=True):
    """Credentials in the first message of a websocket, outside of header, cookie and query."""

    api_key: str | None = None
    access_token: str | None = None

    def __repr__(self) -> str:  # the text may end up in a log
        return "Credentials(…)"


class Caller(msgspec.Struct, frozen=True):
    """A user who may use the door.

    Attributes
    ----------
    user
        The user name in the items that the user adds.
    user_group
        Determines the plans and devices that the user may use.
    credential
        Name of the key or session, for the audit log and for revocation. Never a secret.
    provider
        The provider where the user signed in.
    principal
        The user's UUID in the sign-in database.
    label
        The name of a client with a shared key.
    name
        The name for signing in, if it is shorter than ``user``.
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
        """The name for signing in."""
        return self.name or self.user


class SignIn(Protocol):
    """Decides who may use the door."""

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes under ``/api/auth``."""
        ...

    async def open(self) -> None:
        """Prepare for the first request."""
        ...

    async def close(self) -> None:
        """Close everything that was opened."""
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
        """Use the new `DoorSettings`, even for users who are already signed in.

        Raises
        ------
        ConfigError
            The settings require a restart of the door. Nothing has changed.
        """
        ...

    def holds(self, caller: Caller) -> bool:
        """Whether the caller's credentials are still valid. Streams check this every few seconds."""
        ...
