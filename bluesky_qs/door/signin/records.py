"""The records of the sign-in database: principals with their identities, sessions and API keys.

They contain no secrets.
"""

from collections.abc import Sequence

import msgspec

from bluesky_qs.door.signin.provider import Identity


class KeyRecord(msgspec.Struct, frozen=True):
    """An API key. The key itself is not stored anywhere, only its hash."""

    first_eight: str
    principal: str
    scopes: tuple[str, ...]
    expires: float | None = None
    note: str | None = None
    latest_activity: float | None = None


class SessionRecord(msgspec.Struct, frozen=True):
    """A session, which begins with a sign-in. Its tokens are valid as long as the session is."""

    uuid: str
    principal: str
    expires: float
    revoked: bool = False
    latest_activity: float | None = None


class KnownIdentity(msgspec.Struct, frozen=True):
    """An identity, as last reported by its provider."""

    identity: Identity
    latest_login: float | None
    checked: float
    gone: bool = False
    """The provider no longer has this user."""


class Principal(msgspec.Struct, frozen=True):
    """A user with one or more identities."""

    uuid: str
    type: str
    identities: Sequence[KnownIdentity]


class PrincipalDetails(msgspec.Struct, frozen=True):
    """A user with all keys and sessions."""

    principal: Principal
    keys: Sequence[KeyRecord]
    sessions: Sequence[SessionRecord]

    @property
    def latest_activity(self) -> float | None:
        """When the user last signed in, refreshed a session or used a key."""
        times = [known.latest_login for known in self.principal.identities]
        times += [key.latest_activity for key in self.keys]
        times += [session.latest_activity for session in self.sessions]
        return max((time for time in times if time is not None), default=None)


class PendingAuthorization(msgspec.Struct, frozen=True):
    """A browser that is at the identity provider and is expected back."""

    provider: str
    nonce: str
    code_verifier: str
    after: str = ""
    """The path on this server for the browser after the sign-in."""
    device: str = ""
    """Hash of the device code, if the browser signs in a terminal."""

    def __repr__(self) -> str:
        return f"<PendingAuthorization at {self.provider!r}>"  # the verifier is a secret


class PendingDevice(msgspec.Struct, frozen=True):
    """A terminal that waits for a browser to sign in."""

    device: str
    provider: str
    session: str | None = None
    error: str | None = None
