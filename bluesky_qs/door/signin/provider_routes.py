"""The routes under ``/api/auth/provider``, which are open to anyone: sign-in by password, browser and terminal."""

import asyncio
import base64
import hashlib
import hmac
import logging
import secrets
from typing import TYPE_CHECKING, Annotated, cast

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from bluesky_qs.api.paths import PREFIX
from bluesky_qs.door.refusals import HTTPRefusal, NoSuchRoute, NotSignedIn
from bluesky_qs.door.signin.answers import NO_STORE, DeviceAnswer, respond
from bluesky_qs.door.signin.attempts import Attempts
from bluesky_qs.door.signin.auth_route import AuthRoute, Needs
from bluesky_qs.door.signin.pages import code_page, message_page
from bluesky_qs.door.signin.provider import (
    ExternalProvider,
    Identity,
    PasswordProvider,
    Provider,
    ProviderUnavailable,
    SignInRefused,
)
from bluesky_qs.door.signin.records import PendingAuthorization, SessionRecord
from bluesky_qs.door.signin.requests import InvalidBody, form, json_body
from bluesky_qs.door.signin.resolve import session_name
from bluesky_qs.door.signin.sessions import Tokens
from bluesky_qs.door.signin.sign_in_log import address_of, audit_sign_in
from bluesky_qs.door.signin.terminals import WaitingTerminals

if TYPE_CHECKING:
    from bluesky_qs.door.signin.accounts import Accounts

logger = logging.getLogger(__name__)

_PENDING_SECONDS = 600
_POLL_SECONDS = 5
_LONGEST_WAIT = 20.0
#: Less than a minute, which is how long existing clients wait.
_PATIENCE = 50.0
#: Letters that are hard to confuse and cannot spell words.
_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_CODE_LENGTH = 8
_STATE_COOKIE, _DEVICE_COOKIE = "bluesky_httpserver_state", "bluesky_httpserver_device"
_WRONG = "Incorrect username or password"
_OTHER_BROWSER = "This sign-in has expired, or began in another browser. Begin again."
_EXTERNAL_FAILURE = "Authentication failure"


class DeviceCode(msgspec.Struct):
    """The request of a terminal. Clients may also send a ``grant_type``. The response may wait up to ``wait`` seconds
    for the end of the sign-in.
    """

    device_code: str
    wait: Annotated[float, msgspec.Meta(ge=0, le=_LONGEST_WAIT)] = 0.0


class ProviderRoutes:
    """The routes of all providers. The provider's name is part of the path."""

    def __init__(self, accounts: "Accounts") -> None:
        self._accounts = accounts
        self._database = accounts.database
        self._attempts = Attempts()
        #: Limits how often a sign-in in a browser starts, because each one adds a row to the database.
        self._begun = Attempts()
        self._terminals = WaitingTerminals(accounts.door.closing)

    def routes(self) -> list[AuthRoute]:
        """Return the routes."""
        nothing, path = Needs.NOTHING, "/provider/{provider}"
        return [
            AuthRoute("POST", f"{path}/token", self.token, needs=nothing, answers=Tokens),
            AuthRoute("GET", f"{path}/authorize", self.authorize, needs=nothing),
            AuthRoute("POST", f"{path}/authorize", self.begin_device, needs=nothing, answers=DeviceAnswer),
            AuthRoute("GET", f"{path}/code", self.code, needs=nothing, answers=str),
            AuthRoute("POST", f"{path}/code", self.code, needs=nothing, answers=str),
            AuthRoute("GET", f"{path}/device_code", self.device_form, needs=nothing),
            AuthRoute("POST", f"{path}/device_code", self.device_submit, needs=nothing),
        ]

    async def token(self, request: Request) -> Response:
        """Sign in with a form that has ``username`` and ``password``. Terminals send their ``device_code`` as JSON."""
        name = request.path_params["provider"]
        provider = self._accounts.providers.get(name)
        if provider is None:
            raise NoSuchRoute(f"There is no sign-in provider {name!r}")
        if hasattr(provider, "authorize_url"):
            return await self._poll(request)
        fields = await form(request)
        if "username" not in fields or "password" not in fields:
            raise InvalidBody("The form needs the fields 'username' and 'password'")
        identity = await self._by_password(
            request, cast("PasswordProvider", provider), fields["username"], fields["password"]
        )
        session = await self._begin(request, identity)
        tokens = await self._accounts.sessions.tokens(session)
        return respond(request, tokens, secret=True)

    async def authorize(self, request: Request) -> Response:
        """Send a browser to the identity provider. ``next`` is the path of the page to open afterwards.

        That page gets the refresh token as the fragment ``#refresh_token=…``, which browsers do not send.
        """
        provider = self._external(request)
        self._count(request)
        after = request.query_params.get("next", "")
        if after and not _local(after):
            raise InvalidBody("'next' must be a path of this server")
        return await self._send_on(request, provider, after=after)

    async def code(self, request: Request) -> Response:
        """The address to which the identity provider returns the browser. The response is the refresh token."""
        provider = self._external(request)
        sent = await form(request) if request.method == "POST" else request.query_params
        state = sent.get("state", "")
        if not state or not hmac.compare_digest(state.encode(), request.cookies.get(_STATE_COOKIE, "").encode()):
            raise NotSignedIn(_OTHER_BROWSER)
        pending = await self._database.take_authorization(state, now=self._accounts.clock())
        if pending is None or pending.provider != provider.name:
            raise NotSignedIn(_OTHER_BROWSER)
        try:
            identity = await self._exchanged(request, provider, pending, sent.get("code", ""))
            session = await self._begin(request, identity)
        except NotSignedIn as refusal:
            if not pending.device:
                raise
            await self._settle(pending.device, error="access_denied")
            return message_page("Not signed in", refusal.detail, status=401)
        if pending.device:
            await self._settle(pending.device, session=session.uuid)
            return message_page("Signed in", "You can close this page and return to the terminal.")
        tokens = await self._accounts.sessions.tokens(session)
        response: Response
        if pending.after:
            response = RedirectResponse(f"{pending.after}#refresh_token={tokens.refresh_token}", 303, NO_STORE)
        else:
            response = respond(request, tokens.refresh_token, secret=True)
        response.delete_cookie(_STATE_COOKIE, path=_cookie_path(request))
        return response

    async def begin_device(self, request: Request) -> Response:
        """Begin a terminal sign-in. Users open ``authorization_uri``; the terminal polls ``verification_uri``."""
        provider = self._external(request)
        self._count(request)
        device = secrets.token_bytes(32)
        code = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
        expires = self._accounts.clock() + _PENDING_SECONDS
        await self._database.add_device(device, code, provider.name, expires=expires)
        shown = f"{code[:4]}-{code[4:]}"
        base = f"{base_url(request)}/auth/provider/{provider.name}"
        answer = DeviceAnswer(
            f"{base}/device_code?user_code={shown}",
            f"{base}/token",
            _POLL_SECONDS,
            device.hex(),
            _PENDING_SECONDS,
            shown,
        )
        return respond(request, answer, secret=True)

    async def device_form(self, request: Request) -> Response:
        """The page that asks for a terminal's code."""
        provider = self._external(request)
        return self._code_page(request, provider, request.query_params.get("user_code", ""))

    async def device_submit(self, request: Request) -> Response:
        """Check a terminal's code, and send the browser to the identity provider."""
        provider = self._external(request)
        fields = await form(request)
        given = fields.get("user_code", "")
        # Another site's page could send the form, but it does not know the cookie.
        token, cookie = fields.get("csrf", ""), request.cookies.get(_DEVICE_COOKIE, "")
        if not token or not hmac.compare_digest(token.encode(), cookie.encode()):
            return self._code_page(request, provider, given, problem="Enter the code again.")
        self._count(request)
        code = given.upper().replace("-", "").replace(" ", "")
        device = await self._database.device_with_code(code, now=self._accounts.clock())
        if device is None or device.provider != provider.name or device.session or device.error:
            problem = "No terminal is waiting with this code. The code may be mistyped, or it may have expired."
            return self._code_page(request, provider, given, problem=problem)
        return await self._send_on(request, provider, device=device.device)

    async def _by_password(
        self, request: Request, provider: PasswordProvider, username: str, password: str
    ) -> Identity:
        address, now, attempts = address_of(request), self._accounts.clock(), self._attempts
        _wait(attempts.wait(username, address, now=now))
        attempts.failed(username, address, now=now)  # count it first, so that simultaneous attempts count too
        try:
            identity = await asyncio.wait_for(provider.authenticate(username, password), _PATIENCE)
        except (ProviderUnavailable, TimeoutError) as error:
            attempts.taken_back(username, address)
            raise _unusable(provider, error) from None
        if identity is None:
            # Log only names of users who have signed in before, because people sometimes type their password into this
            # field.
            known = await self._database.knows(provider.name, username)
            audit_sign_in(request, f"sign in at {provider.name}", "refused", user=username if known else "")
            raise NotSignedIn(_WRONG)
        attempts.succeeded(username, address)
        return msgspec.structs.replace(identity, provider=provider.name)

    async def _exchanged(
        self, request: Request, provider: ExternalProvider, pending: PendingAuthorization, code: str
    ) -> Identity:
        if not code:  # the identity provider, or the user there, has refused
            raise NotSignedIn(_EXTERNAL_FAILURE)
        try:
            identity = await asyncio.wait_for(
                provider.exchange(
                    code=code,
                    redirect_uri=_redirect_uri(request, provider),
                    nonce=pending.nonce,
                    code_verifier=pending.code_verifier,
                ),
                _PATIENCE,
            )
        except SignInRefused as error:
            audit_sign_in(request, f"sign in at {provider.name}", "refused")
            raise NotSignedIn(f"{_EXTERNAL_FAILURE}: {error.message}") from None
        except (ProviderUnavailable, TimeoutError) as error:
            raise _unusable(provider, error) from None
        return msgspec.structs.replace(identity, provider=provider.name)

    async def _begin(self, request: Request, identity: Identity) -> SessionRecord:
        action = f"sign in at {identity.provider}"
        try:
            session = await self._accounts.sessions.begin(identity)
        except NotSignedIn:
            audit_sign_in(request, action, "refused: no role", user=identity.id)
            raise
        audit_sign_in(request, action, "accepted", user=identity.id, credential=session_name(session.uuid))
        return session

    async def _send_on(
        self, request: Request, provider: ExternalProvider, *, after: str = "", device: str = ""
    ) -> Response:
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        try:
            address = await provider.authorize_url(
                redirect_uri=_redirect_uri(request, provider), state=state, nonce=nonce, code_challenge=challenge
            )
        except ProviderUnavailable as error:
            raise _unusable(provider, error) from None
        pending = PendingAuthorization(provider.name, nonce, verifier, after, device)
        await self._database.add_authorization(state, pending, expires=self._accounts.clock() + _PENDING_SECONDS)
        response = RedirectResponse(address, 303, {**NO_STORE, "Referrer-Policy": "no-referrer"})
        _set_cookie(request, response, _STATE_COOKIE, state)
        return response

    async def _poll(self, request: Request) -> Response:
        body = await json_body(request, DeviceCode)
        try:
            device = bytes.fromhex(body.device_code)
        except ValueError:
            raise NotSignedIn("Invalid device code") from None
        found = await self._database.poll_device(device, now=self._accounts.clock())
        if body.wait and found is not None and not (found.session or found.error):
            await self._terminals.wait(found.device, body.wait)
            if not await request.is_disconnected():  # otherwise the tokens would be lost
                found = await self._database.poll_device(device, now=self._accounts.clock())
        if found is None or found.provider != request.path_params["provider"]:
            raise NoSuchRoute("No such device_code. The pending request may have expired.")
        if found.session is None:
            return JSONResponse({"detail": {"error": found.error or "authorization_pending"}}, 400)
        session = await self._database.session(found.session)
        if session is None or session.revoked:
            return JSONResponse({"detail": {"error": "access_denied"}}, 400)
        return respond(request, await self._accounts.sessions.tokens(session), secret=True)

    async def _settle(self, device: str, *, session: str | None = None, error: str | None = None) -> None:
        """End the sign-in of a terminal."""
        await self._database.settle_device(device, session=session, error=error)
        self._terminals.ended(device)

    def _external(self, request: Request) -> ExternalProvider:
        name = request.path_params["provider"]
        provider = self._accounts.providers.get(name)
        if provider is None or not hasattr(provider, "authorize_url"):
            raise NoSuchRoute(f"There is no sign-in provider {name!r} for sign-in with a browser")
        return cast("ExternalProvider", provider)

    def _count(self, request: Request) -> None:
        """Limit the sign-ins that an address may begin, and the codes that it may try."""
        address, now = address_of(request), self._accounts.clock()
        _wait(self._begun.wait_at(address, now=now))
        self._begun.begun_at(address, now=now)

    def _code_page(self, request: Request, provider: ExternalProvider, code: str, *, problem: str = "") -> Response:
        token = secrets.token_urlsafe(32)
        action = f"{base_path(request)}/auth/provider/{provider.name}/device_code"
        response = code_page(action, user_code=code[:20], hidden={"csrf": token}, problem=problem)
        _set_cookie(request, response, _DEVICE_COOKIE, token)
        return response


def base_path(connection: HTTPConnection) -> str:
    """Return the path of the API as the client sees it."""
    return f"{connection.scope.get('root_path') or ''}{PREFIX}"


def base_url(connection: HTTPConnection) -> str:
    """Return the address of the API as the client sees it."""
    return f"{connection.url.scheme}://{connection.url.netloc}{base_path(connection)}"


def _redirect_uri(request: Request, provider: ExternalProvider) -> str:
    return f"{base_url(request)}/auth/provider/{provider.name}/code"


def _cookie_path(request: Request) -> str:
    return f"{base_path(request)}/auth"


def _set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=_PENDING_SECONDS,
        path=_cookie_path(request),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def _local(path: str) -> bool:
    """Whether this is a path on this server. To browsers, two slashes (of either kind) mean another server."""
    return path.startswith("/") and not path.startswith("//") and path.isprintable() and not set(path) & {"\\", "#"}


def _unusable(provider: Provider, error: ProviderUnavailable | TimeoutError) -> HTTPRefusal:
    """The refusal, without the reason.

    Only the log has the reason, because strangers must not see paths and servers.
    """
    reason = error.message if isinstance(error, ProviderUnavailable) else "It does not answer"
    logger.error("The sign-in provider %s cannot be used: %s", provider.name, reason)
    return HTTPRefusal(
        f"The sign-in provider {provider.name} cannot be used now. The HTTP server's log says why", status=503
    )


def _wait(seconds: float) -> None:
    if seconds > 0:
        whole = int(seconds) + 1
        raise HTTPRefusal(f"Too many failed sign-ins. Try again in {whole} s.", {"Retry-After": str(whole)}, status=429)
