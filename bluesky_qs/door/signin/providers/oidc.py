"""Sign-in at an OpenID Connect provider: the address for the browser, and the validation of ID tokens."""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ClaimError,
    InvalidClaimError,
    InvalidKeyIdError,
    JoseError,
    MissingKeyError,
)

from bluesky_qs.door.signin.provider import Identity, SignInRefused
from bluesky_qs.door.signin.providers.args import check_ca_file, read_args
from bluesky_qs.door.signin.providers.oidc_server import OIDCArgs, OIDCServer
from bluesky_qs.errors import ConfigError

logger = logging.getLogger(__name__)

#: Only signatures with a public key. With HS256, anyone who knows the client secret could make tokens.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
#: Claims about the token, not about the user.
_OF_THE_TOKEN = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "sid", "jti", "iat", "exp", "nbf", "auth_time"})
#: Seconds by which the clocks may differ.
_LEEWAY = 60
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: Errors that verification raises after the provider has changed its keys.
_CHANGED_KEYS = (BadSignatureError, InvalidKeyIdError, MissingKeyError)
_ASK = "Ask the person who runs this server; the details are in its log."


def oidc_provider(name: str, args: Mapping[str, Any]) -> "OIDCProvider":
    reason = "the door shows its own page after a sign-in"
    unsupported = {"redirect_on_success": reason, "redirect_on_failure": reason}
    settings = read_args(args, OIDCArgs, unsupported=unsupported)
    _check(settings)
    return OIDCProvider(name, settings)


def _check(args: OIDCArgs) -> None:
    if not args.is_described and not (args.authorization_endpoint and args.token_uri and args.public_keys):
        raise ConfigError("the argument 'well_known_uri' is missing (the address of the provider's description)")
    for name in ("well_known_uri", "issuer", "authorization_endpoint", "token_uri"):
        address = urlsplit(getattr(args, name))
        if address.geturl() and address.scheme != "https" and address.hostname not in _LOOPBACK:
            raise ConfigError(f"the argument {name!r} must begin with https:// (http:// only for this computer)")
    check_ca_file(args.ca_file)


class OIDCProvider:
    """An `ExternalProvider`. It contacts the identity provider only when a user signs in."""

    def __init__(self, name: str, args: OIDCArgs) -> None:
        self.name = name
        self.confirmation_message = args.confirmation_message
        self._args = args
        self._server = OIDCServer(name, args)

    async def authorize_url(self, *, redirect_uri: str, state: str, nonce: str, code_challenge: str) -> str:
        redirect_uri = self._args.redirect_uri or redirect_uri
        endpoint = (await self._server.endpoints()).authorization_endpoint
        # Files of bluesky-httpserver 0.0.14 have these parameters and the scopes in the address.
        endpoint = endpoint.replace("{client_id}", quote(self._args.client_id, safe=""))
        address = urlsplit(endpoint.replace("{redirect_uri}", quote(redirect_uri, safe="")))
        query = {
            "scope": "openid profile email",
            **dict(parse_qsl(address.query, keep_blank_values=True)),
            "response_type": "code",
            "client_id": self._args.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "nonce": nonce,
            "code_challenge": code_challenge,
            "code_challenge_method": "S256",
        }
        if self._args.scopes:
            query["scope"] = " ".join(dict.fromkeys(["openid", *self._args.scopes]))
        return urlunsplit(address._replace(query=urlencode(query)))

    async def exchange(self, *, code: str, redirect_uri: str, nonce: str, code_verifier: str) -> Identity:
        redirect_uri = self._args.redirect_uri or redirect_uri
        tokens = await self._server.tokens(code=code, redirect_uri=redirect_uri, code_verifier=code_verifier)
        claims = await self._verified(tokens.id_token, nonce)
        if tokens.access_token and (self._user(claims) is None or self._groups(claims) is None):
            claims = {**await self._server.userinfo(tokens.access_token, claims["sub"]), **claims}
        return self._identity(claims)

    async def current(self, identity: Identity) -> Identity | None:
        """Return the same identity, because an identity provider sends data only during a sign-in."""
        return identity

    async def close(self) -> None:
        await self._server.close()

    async def _verified(self, id_token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of a valid token.

        If necessary, the keys are read once more, because the provider may have changed them.
        """
        endpoints = await self._server.endpoints()
        algorithms = [each for each in endpoints.id_token_signing_alg_values_supported if each in _ALGORITHMS]
        try:
            try:
                token = jwt.decode(id_token, await self._server.keys(), algorithms)
            except _CHANGED_KEYS:
                token = jwt.decode(id_token, await self._server.keys(fresh=True), algorithms)
            self._requirements(endpoints.issuer, nonce).validate(token.claims)
            if token.claims.get("azp", self._args.client_id) != self._args.client_id:
                raise InvalidClaimError("azp")
        except (JoseError, ValueError) as error:
            reason = f"{type(error).__name__} {error.claim}" if isinstance(error, ClaimError) else type(error).__name__
            logger.warning("Sign-in provider %r: the ID token is not valid: %s", self.name, reason)
            raise SignInRefused(f"The identity provider sent an ID token that is not valid here. {_ASK}") from None
        return token.claims

    def _requirements(self, issuer: str, nonce: str) -> jwt.JWTClaimsRegistry:
        expected: dict[str, jwt.ClaimsOption] = {
            "sub": {"essential": True},
            "exp": {"essential": True},
            "aud": {"essential": True, "value": self._args.audience or self._args.client_id},
            "nonce": {"essential": True, "value": nonce},
        }
        if issuer:
            expected["iss"] = {"essential": True, "value": issuer}
        return jwt.JWTClaimsRegistry(None, _LEEWAY, **expected)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        user = self._user(claims)
        if user is None and not self._args.user_claim:
            user = claims["sub"]
        if not user:
            logger.warning("Sign-in provider %r: the claim with the user name is missing", self.name)
            raise SignInRefused(f"The identity provider did not send your user name. {_ASK}")
        if self._args.strip_domain:
            user = user.removesuffix("@" + self._args.strip_domain)
        return Identity(
            id=user,
            provider=self.name,
            display_name=_text(claims.get("name")) or "",
            mail=_text(claims.get("email")) or "",
            groups=self._groups(claims) or frozenset(),
            claims={key: value for key, value in claims.items() if key not in _OF_THE_TOKEN},
        )

    def _user(self, claims: Mapping[str, Any]) -> str | None:
        # Without metadata, as in files of bluesky-httpserver 0.0.14, the user name is the claim `sub`.
        claim = self._args.user_claim or ("preferred_username" if self._args.is_described else "sub")
        if claim == "email" and claims.get("email_verified") is False:
            return None
        return _text(_value(claims, claim))

    def _groups(self, claims: Mapping[str, Any]) -> frozenset[str] | None:
        match _value(claims, self._args.groups_claim):
            case list() as names:
                return frozenset(name for name in names if isinstance(name, str))
            case str() as name:
                return frozenset({name})
            case _:
                return None


def _value(claims: Mapping[str, Any], claim: str) -> Any:
    """Return the value of a claim. Its name may contain dots, or it may be a path of names separated by dots."""
    if claim in claims:
        return claims[claim]
    value: Any = claims
    for name in claim.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
