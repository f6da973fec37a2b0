"""The requests to an OpenID Connect provider: for its description, for its keys, and for tokens in exchange for a
code.
"""

import asyncio
import logging
import re
import ssl
import time
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote_plus, urlsplit

import httpx
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet

from bluesky_qs.door.signin.provider import ProviderUnavailable, SignInRefused

logger = logging.getLogger(__name__)

T = TypeVar("T")

_TIMEOUT = 10.0
#: Seconds after which the provider's metadata are read again.
_DESCRIPTION_LASTS = 3600.0
_KEY_TYPES = frozenset({"RSA", "EC", "OKP"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ERROR_CODE = re.compile(r"[a-z_]{1,60}")
_OK = 200
_BAD_REQUEST = 400


class OIDCArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The possible ``args``. Most names are those of bluesky-httpserver (0.0.14 and newer)."""

    client_id: str
    client_secret: str = ""
    """Empty for a public client: PKCE protects the code."""
    well_known_uri: str = ""
    issuer: str = ""
    """Without `well_known_uri`, the provider's description is read below this address."""
    audience: str = ""
    """The `aud` of the ID token, if it is not the client ID."""
    authorization_endpoint: str = ""
    token_uri: str = ""
    public_keys: list[dict[str, Any]] = []
    redirect_uri: str = ""
    """The address of the door at the identity provider, if the door cannot determine it."""
    scopes: list[str] = []
    user_claim: str = ""
    strip_domain: str = ""
    """User names that end with ``@`` and this domain are used without it."""
    groups_claim: str = "groups"
    """A dot leads into an object, as in ``realm_access.roles``."""
    ca_file: str = ""
    confirmation_message: str = ""

    @property
    def is_described(self) -> bool:
        """Whether the provider has a description to read."""
        return bool(self.well_known_uri or (self.issuer and not self.token_uri))


class Endpoints(msgspec.Struct, frozen=True):
    """The metadata of a provider (OpenID Connect Discovery)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str = ""
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)


class Tokens(msgspec.Struct, frozen=True):
    """The provider's reply to a code."""

    id_token: str
    access_token: str = ""


class _Keys(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class _Error(msgspec.Struct, frozen=True):
    error: str = ""


class OIDCServer:
    """One identity provider. Its published data are kept; simultaneous requests read them once."""

    def __init__(self, name: str, args: OIDCArgs) -> None:
        self._name = name
        self._args = args
        self._client: httpx.AsyncClient | None = None
        self._reading = asyncio.Lock()
        self._endpoints: Endpoints | None = None
        self._read_at = 0.0
        self._keys: KeySet | None = None

    async def endpoints(self) -> Endpoints:
        args = self._args
        if not args.is_described:
            return Endpoints(
                issuer=args.issuer,
                authorization_endpoint=args.authorization_endpoint,
                token_endpoint=args.token_uri,
                # Public clients and old files: the secret goes into the form, as bluesky-httpserver 0.0.14 sends it.
                token_endpoint_auth_methods_supported=("client_secret_post",),
                id_token_signing_alg_values_supported=tuple({str(key.get("alg", "RS256")) for key in args.public_keys}),
            )
        async with self._reading:
            if self._endpoints is None or time.monotonic() > self._read_at + _DESCRIPTION_LASTS:
                await self._read_description()
        assert self._endpoints is not None
        return self._endpoints

    async def _read_description(self) -> None:
        address = self._args.well_known_uri or self._args.issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            found = await self._get(address, Endpoints)
        except ProviderUnavailable:
            if self._endpoints is None:
                raise
            found = self._endpoints  # metadata rarely change, so old ones are better than none
        if self._args.issuer and found.issuer != self._args.issuer:
            logger.error("Sign-in provider %r: %s describes another issuer", self._name, address)
            raise ProviderUnavailable(f"The identity provider is not the one that is configured. {_ASK}")
        self._endpoints = found
        self._read_at = time.monotonic()

    async def keys(self, *, fresh: bool = False) -> KeySet:
        """Return the public keys; with ``fresh``, as the provider publishes them now."""
        endpoints = await self.endpoints()
        async with self._reading:
            if self._args.public_keys and not endpoints.jwks_uri:
                self._keys = self._keys or _key_set(self._args.public_keys)
            elif fresh or self._keys is None:
                self._keys = _key_set((await self._get(endpoints.jwks_uri, _Keys)).keys)
            return self._keys

    async def tokens(self, *, code: str, redirect_uri: str, code_verifier: str) -> Tokens:
        """Exchange a code for tokens.

        Raises
        ------
        SignInRefused
            The provider does not accept the code or this server.
        """
        endpoints = await self.endpoints()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        }
        headers = {"Accept": "application/json"}
        args = self._args
        if args.client_secret and "client_secret_basic" in endpoints.token_endpoint_auth_methods_supported:
            auth = httpx.BasicAuth(quote_plus(args.client_id), quote_plus(args.client_secret))
        else:
            auth = None
            form["client_id"] = args.client_id
            if args.client_secret:
                form["client_secret"] = args.client_secret
        request = self._http().build_request("POST", endpoints.token_endpoint, data=form, headers=headers)
        reply = await self._send(request, auth)
        if _BAD_REQUEST <= reply.status_code < 500:  # noqa: PLR2004
            self._refuse(reply)
        return self._read(reply, Tokens)

    async def userinfo(self, access_token: str, subject: str) -> dict[str, Any]:
        """Return more claims about this user; empty if the provider has no address for this request."""
        address = (await self.endpoints()).userinfo_endpoint
        if not address:
            return {}
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        reply = await self._send(self._http().build_request("GET", address, headers=headers))
        claims = self._read(reply, dict[str, Any])
        # OpenID Connect Core 5.3.2: claims about another user must not be used.
        return claims if claims.get("sub") == subject else {}

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            context = ssl.create_default_context(cafile=self._args.ca_file or None)
            host = urlsplit(self._args.well_known_uri or self._args.issuer or self._args.token_uri).hostname
            # Ignore proxies in the environment for addresses on this computer.
            self._client = httpx.AsyncClient(verify=context, timeout=_TIMEOUT, trust_env=host not in _LOOPBACK)
        return self._client

    async def _get(self, address: str, kind: type[T]) -> T:
        return self._read(await self._send(self._http().build_request("GET", address)), kind)

    async def _send(self, request: httpx.Request, auth: httpx.Auth | None = None) -> httpx.Response:
        try:
            return await self._http().send(request, auth=auth)
        except httpx.HTTPError as error:
            # The texts of these errors contain at most the address, which contains no secret.
            self._unavailable(f"{_place(request.url)} does not answer: {error or type(error).__name__}")

    def _read(self, reply: httpx.Response, kind: type[T]) -> T:
        where = _place(reply.request.url)
        if reply.status_code != _OK:
            self._unavailable(f"{where} answered with status {reply.status_code}")
        try:
            return msgspec.json.decode(reply.content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._unavailable(f"{where} did not answer as OpenID Connect requires")

    def _refuse(self, reply: httpx.Response) -> NoReturn:
        try:
            error = msgspec.json.decode(reply.content, type=_Error).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            error = ""
        reason = error if _ERROR_CODE.fullmatch(error) else f"status {reply.status_code}"
        logger.warning("Sign-in provider %r: the identity provider refused the code: %s", self._name, reason)
        if reason == "invalid_grant":
            raise SignInRefused("The identity provider no longer accepts this sign-in. Sign in again.")
        raise SignInRefused(f"The identity provider refused the sign-in ({reason}). {_ASK}")

    def _unavailable(self, reason: str) -> NoReturn:
        logger.error("Sign-in provider %r: %s", self._name, reason)
        raise ProviderUnavailable(f"The identity provider cannot be reached now. Try again later. {_ASK}") from None


_ASK = "If that does not help, ask the person who runs this server; the details are in its log."


def _place(address: httpx.URL) -> str:
    return f"{address.scheme}://{address.netloc.decode()}{address.path}"


def _key_set(keys: list[Mapping[str, Any]] | list[dict[str, Any]]) -> KeySet:
    """Return the keys that can verify a token, without keys for encryption and unknown keys."""
    usable = []
    for key in keys:
        if key.get("kty") in _KEY_TYPES and key.get("use", "sig") == "sig":
            try:
                usable.append(JWKRegistry.import_key(dict(key)))
            except (JoseError, ValueError) as error:
                logger.warning("A key from an identity provider cannot be used: %s", type(error).__name__)
    return KeySet(usable)
