"""The responses of the sign-in routes: their contents and formats."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from bluesky_qs.door.signin.records import KeyRecord, KnownIdentity, PrincipalDetails, SessionRecord

_MSGPACK = "application/x-msgpack"
#: Browsers and proxies must not store responses with tokens or keys.
NO_STORE = {"Cache-Control": "no-store"}


class Done(msgspec.Struct):
    """The request was carried out; there is nothing to return."""

    success: bool = True
    msg: str = ""


class KeyAnswer(msgspec.Struct):
    """An API key, without the key itself."""

    first_eight: str
    expiration_time: str | None
    note: str | None
    scopes: Sequence[str]
    latest_activity: str | None

    @classmethod
    def of(cls, key: KeyRecord) -> "KeyAnswer":
        """Make the response for a key."""
        return cls(key.first_eight, _iso(key.expires), key.note, key.scopes, _iso(key.latest_activity))


class NewKeyAnswer(KeyAnswer):
    """A new API key. The key itself is shown only here."""

    secret: str = ""

    def __repr__(self) -> str:  # the text may end up in a log
        return f"NewKeyAnswer({self.first_eight})"


class IdentityAnswer(msgspec.Struct):
    """A user's name at a provider."""

    id: str
    provider: str
    latest_login: str | None

    @classmethod
    def of(cls, known: KnownIdentity) -> "IdentityAnswer":
        """Make the response for an identity."""
        return cls(known.identity.id, known.identity.provider, _iso(known.latest_login))


class SessionAnswer(msgspec.Struct):
    """A session."""

    uuid: str
    expiration_time: str | None
    revoked: bool
    current: bool = False
    """Whether this request was sent with a token of the session."""

    @classmethod
    def of(cls, session: SessionRecord, *, is_current: bool) -> "SessionAnswer":
        """Make the response for a session."""
        return cls(dashed(session.uuid), _iso(session.expires), session.revoked, is_current)


class PrincipalAnswer(msgspec.Struct):
    """A user with all identities, keys and sessions."""

    uuid: str
    type: str
    identities: Sequence[IdentityAnswer]
    api_keys: Sequence[KeyAnswer]
    sessions: Sequence[SessionAnswer]
    latest_activity: str | None
    roles: Sequence[str]
    scopes: Sequence[str]
    api_key_scopes: Sequence[str] | None

    @classmethod
    def of(
        cls,
        details: PrincipalDetails,
        *,
        roles: Collection[str],
        scopes: Collection[str],
        key_scopes: Collection[str] | None = None,
        current: str = "",
    ) -> "PrincipalAnswer":
        """Make the response for a user. ``current`` is the session of the request."""
        principal = details.principal
        return cls(
            dashed(principal.uuid),
            principal.type,
            [IdentityAnswer.of(known) for known in principal.identities],
            [KeyAnswer.of(key) for key in details.keys],
            [SessionAnswer.of(session, is_current=session.uuid == current) for session in details.sessions],
            _iso(details.latest_activity),
            sorted(roles),
            sorted(scopes),
            None if key_scopes is None else sorted(key_scopes),
        )


class ScopesAnswer(msgspec.Struct):
    """The sender's permissions, and the user name in the items that the sender adds."""

    roles: Sequence[str]
    scopes: Sequence[str]
    user: str = ""
    user_group: str = ""


class ProviderAnswer(msgspec.Struct):
    """A sign-in provider with its sign-in addresses."""

    provider: str
    mode: str
    links: dict[str, str]
    confirmation_message: str | None = None


class ProvidersAnswer(msgspec.Struct):
    """The ways to sign in."""

    required: bool
    single_user: bool
    providers: Sequence[ProviderAnswer]
    links: dict[str, str]


class DeviceAnswer(msgspec.Struct):
    """The data for a terminal to show to its user, and to use in its requests until the user has signed in."""

    authorization_uri: str
    verification_uri: str
    interval: int
    device_code: str
    expires_in: int
    user_code: str

    def __repr__(self) -> str:  # the text may end up in a log
        return "DeviceAnswer(…)"


def respond(request: Request, value: Any, *, secret: bool = False) -> Response:
    """Return the response in the format that the client accepts: JSON or MessagePack."""
    if _MSGPACK in request.headers.get("accept", ""):
        body, kind = msgspec.msgpack.encode(value), _MSGPACK
    else:
        body, kind = msgspec.json.encode(value), "application/json"
    if secret:
        return Response(body, media_type=kind, headers=NO_STORE)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept, Authorization, Cookie"}
    if request.method == "GET" and etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)


def dashed(uuid: str) -> str:
    """Return a UUID in the form that users see, with dashes."""
    return str(UUID(hex=uuid))


def _iso(time: float | None) -> str | None:
    return None if time is None else datetime.fromtimestamp(int(time), UTC).isoformat()
