"""Sign-in providers: they identify users. Roles and scopes are decided elsewhere."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from bluesky_qs.errors import QSError


class Identity(msgspec.Struct, frozen=True):
    """A user whom a provider has recognized.

    The sign-in database stores groups and claims, because the policy needs them for each request. Claims must therefore
    consist of plain JSON values, without tokens.
    """

    id: str
    """The user name, in the configuration and in items."""
    provider: str
    display_name: str = ""
    mail: str = ""
    groups: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = {}


class ProviderUnavailable(QSError):
    """The provider is not available, for example because its server does not answer."""


class SignInRefused(QSError):
    """An external provider did not confirm who the user is. Users see the message, which contains no secret."""


class Provider(Protocol):
    """The interface that all providers share."""

    name: str
    """The provider's name in the configuration. It is part of the addresses of the provider's routes."""

    async def current(self, identity: Identity) -> Identity | None:
        """Return the current data of a user who signed in earlier; None if the user no longer exists.

        This is called when a session is refreshed and, at most every 15 minutes, when an API key is used. A provider
        that cannot look up users without a password returns the same identity.

        Raises
        ------
        ProviderUnavailable
            The identity continues to be used unchanged.
        """
        ...

    async def close(self) -> None:
        """Close connections, if the provider keeps any."""
        ...


class PasswordProvider(Provider, Protocol):
    """Recognizes a user by a password."""

    async def authenticate(self, username: str, password: str) -> Identity | None:
        """Return the user, or None if the name or the password is wrong.

        It takes about the same time for a user who does not exist. Logs and errors never contain the password.

        Raises
        ------
        ProviderUnavailable
            The user gets status 503, and the message is logged.
        """
        ...


class ExternalProvider(Provider, Protocol):
    """Sends the user's browser to an identity provider, and receives the code when the browser returns.

    The door makes and checks `state`, `nonce` and the PKCE verifier, and keeps them in the sign-in database. It also
    runs the device flow for terminals, with a page where the user types the terminal's code before the browser is sent
    on. The identity provider therefore needs only the authorization code flow and one redirect address.
    """

    async def authorize_url(self, *, redirect_uri: str, state: str, nonce: str, code_challenge: str) -> str:
        """Return the address to which the browser is sent. The challenge uses the method S256.

        Raises
        ------
        ProviderUnavailable
            The identity provider does not answer.
        """
        ...

    async def exchange(self, *, code: str, redirect_uri: str, nonce: str, code_verifier: str) -> Identity:
        """Exchange the code for the ID token, verify it (signature, issuer, audience, expiry, nonce) and read it.

        Raises
        ------
        SignInRefused
            The code or the token is not valid.
        ProviderUnavailable
            The identity provider does not answer.
        """
        ...


AnyProvider = PasswordProvider | ExternalProvider
