"""Access and refresh tokens: their content, and functions that sign and read them. The caller passes the time."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from bluesky_qs.errors import ConfigError

_ALGORITHM = "HS256"
#: RFC 7518 requires a key to have at least as many bits as the hash.
_SHORTEST_KEY = 32

_Claims = TypeVar("_Claims", "AccessClaims", "RefreshClaims")


class Lifetimes(msgspec.Struct, frozen=True):
    """Lifetimes in seconds."""

    access_token: float = 15 * 60
    refresh_token: float = 7 * 24 * 3600
    session: float = 365 * 24 * 3600


class AccessClaims(msgspec.Struct, frozen=True):
    """The content of an access token."""

    sub: str
    sid: str
    exp: float
    type: str
    sub_typ: str = "user"
    scp: list[str] = []
    ids: list[dict[str, str]] = []


class RefreshClaims(msgspec.Struct, frozen=True):
    """The content of a refresh token."""

    sid: str
    exp: float
    type: str


class InvalidToken(Exception):
    """The token is not signed by this door, is damaged, or has another type."""


class ExpiredToken(Exception):
    """The token is signed by this door, but has expired."""


class Signer:
    """Signs and reads tokens. The first key signs, and all keys verify, so that keys can be changed.

    Raises
    ------
    ConfigError
        There is no key, or one is too short. The message contains no key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ConfigError("There is no secret key for signing tokens")
        for number, key in enumerate(keys, 1):
            if len(key.encode()) < _SHORTEST_KEY:
                raise ConfigError(
                    f"Secret key {number} is too short: it needs at least {_SHORTEST_KEY} characters. "
                    "Make one with: openssl rand -hex 32"
                )
        self._keys = [OctKey.import_key(key) for key in keys]

    def access_token(
        self,
        *,
        principal: str,
        session: str,
        scopes: Iterable[str],
        identities: Iterable[tuple[str, str]],
        expires: float,
    ) -> str:
        """Return an access token. Each identity is a provider and the user's name there."""
        return self._signed(
            {
                "sub": principal,
                "sub_typ": "user",
                "scp": sorted(scopes),
                "ids": [{"id": user, "idp": provider} for provider, user in identities],
                "sid": session,
                "exp": int(expires),
                "type": "access",
            }
        )

    def refresh_token(self, *, session: str, expires: float) -> str:
        """Return a refresh token. Its identifier distinguishes it from others created in the same second."""
        return self._signed(
            {
                "sid": session,
                "exp": int(expires),
                "jti": secrets.token_hex(8),
                "type": "refresh",
            }
        )

    def read_access(self, token: str, *, now: float) -> AccessClaims:
        """Return the content of an access token.

        Raises
        ------
        InvalidToken, ExpiredToken
            The token is not valid.
        """
        claims = _converted(self._claims(token), AccessClaims)
        _check(claims, "access", now)
        return claims

    def read_refresh(self, token: str, *, now: float) -> RefreshClaims:
        """Return the content of a refresh token.

        Raises
        ------
        InvalidToken, ExpiredToken
            The token is not valid.
        """
        claims = _converted(self._claims(token), RefreshClaims)
        _check(claims, "refresh", now)
        return claims

    def __repr__(self) -> str:
        return f"<Signer with {len(self._keys)} keys>"

    def _signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": _ALGORITHM}, claims, self._keys[0])

    def _claims(self, token: str) -> Mapping[str, Any]:
        for key in self._keys:
            try:
                return jwt.decode(token, key, algorithms=[_ALGORITHM]).claims
            except (JoseError, ValueError, TypeError):  # text that is not a token at all raises the latter two
                continue
        raise InvalidToken


def _converted(claims: Mapping[str, Any], kind: type[_Claims]) -> _Claims:
    try:
        return msgspec.convert(claims, kind)
    except msgspec.ValidationError:
        raise InvalidToken from None


def _check(claims: AccessClaims | RefreshClaims, kind: str, now: float) -> None:
    if claims.type != kind:
        raise InvalidToken
    if claims.exp <= now:
        raise ExpiredToken
