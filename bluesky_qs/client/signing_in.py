"""Signing in at an HTTP server: the name, the parameters and the effects of each call, for both kinds of client.

No I/O.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from getpass import getpass
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import quote

from bluesky_qs.api.paths import PREFIX
from bluesky_qs.client import authorization, http_calls, http_failures
from bluesky_qs.client.authorization import Authorization, AuthorizationMethods
from bluesky_qs.client.codec import encode_params
from bluesky_qs.client.http_calls import HTTPCall
from bluesky_qs.client.http_settings import HTTPSettings
from bluesky_qs.client.identity import SHARED_ROLE, Identity, login_of
from bluesky_qs.errors import BadParams

T = TypeVar("T")

AUTH = f"{PREFIX}/auth"

#: Seconds for which a server may delay its response until a device sign-in has ended. Our server does this.
_DEVICE_WAIT = 5.0
#: The reasons why a device sign-in can end without tokens.
_DEVICE_ENDS = {
    "expired_token": "the code has expired. Begin again.",
    "access_denied": "the sign-in in the browser was refused. The page there says why.",
}


class Pause(NamedTuple):
    """A step of a device sign-in: wait for this number of seconds."""

    seconds: float


#: A procedure whose steps are calls, and pauses between them.
Steps = Generator[HTTPCall | Pause, Any, T]
SignInSteps = Steps[Any]


class DeviceCode(NamedTuple):
    """The information that a person needs to sign in with a browser.

    Attributes
    ----------
    address
        The page to open. It contains the code, or the user types it there.
    user_code
        The code to compare or to type.
    expires_in
        Seconds for which the code is valid.
    """

    address: str
    user_code: str
    expires_in: float


class SigningIn(ABC):
    """A client's sign-in methods over HTTP. In an asyncio client, they return awaitables.

    Over 0MQ there is no sign-in, and these methods raise an error.
    """

    identity: Identity

    @abstractmethod
    def _sign_in(self, steps: Callable[[Authorization, HTTPSettings], SignInSteps]) -> Any:
        """Perform the steps and return their result, or an awaitable of it."""

    @property
    @abstractmethod
    def _authorization(self) -> Authorization: ...

    def set_authorization_key(
        self, *, api_key: str | None = None, token: str | None = None, refresh_token: str | None = None
    ) -> None:
        """Sign requests with an API key, or with tokens; without arguments, do not sign them. No request is sent."""
        self._authorization.keys = authorization.keys(api_key, token, refresh_token)

    @property
    def authorization_keys(self) -> authorization.Keys:
        """The key or the tokens that sign requests, for use in another client. Their repr shows no secret."""
        return self._authorization.keys

    @authorization_keys.setter
    def authorization_keys(self, keys: authorization.Keys) -> None:
        self._authorization.keys = keys

    @property
    def auth_method(self) -> AuthorizationMethods:
        """How requests are signed: with an API key, with tokens, or not at all."""
        return self._authorization.keys.method

    @property
    def auth_key(self) -> str | tuple[str | None, str | None] | None:
        """The API key, or the access token and the refresh token, or None."""
        keys = self._authorization.keys
        if keys.method is AuthorizationMethods.TOKEN:
            return keys.token, keys.refresh_token
        return keys.api_key

    def login(self, username: str | None = None, *, password: str | None = None, provider: str | None = None) -> Any:
        """Sign in with a name and a password. If one of them is missing, you are asked for it.

        Never write a password into a script. ``provider`` is a provider of the server, such as ``site`` or
        ``/site/token``. The default is ``http_auth_provider`` of the client, or the server's only provider. Returns
        the tokens, which sign all requests from now on. They are refreshed when they expire.
        """
        name = _given("username", username, lambda: input("Username: "))
        secret = getpass("Password: ") if password is None else password
        if secret == "":
            raise BadParams("Not signed in: the password is empty. Try again, and type your password.")
        _text("password", secret)
        return self._sign_in(lambda state, settings: _login(state, settings, name, secret, provider))

    def device_login(self, show: Callable[[DeviceCode], object], *, provider: str | None = None) -> Any:
        """Sign in with a browser, on any computer: ``show`` is called with the address to open and the code.

        Returns the tokens, as `login` does, when the person has signed in.
        """
        return self._sign_in(lambda state, settings: _device_login(state, settings, show, provider))

    def auth_providers(self) -> Any:
        """Return the ways to sign in at this server, as a list of dictionaries."""
        return self._sign_in(lambda _state, settings: _listed(settings))

    def session_refresh(self, *, refresh_token: str | None = None) -> Any:
        """Exchange the refresh token for new tokens. Requests do this automatically."""
        return self._sign_in(lambda state, _settings: _session_refresh(state, refresh_token))

    def session_revoke(self, *, session_uid: str, token: str | None = None, api_key: str | None = None) -> Any:
        """End a session, so that its refresh token is no longer valid; `whoami` lists the sessions."""
        path = f"{AUTH}/session/revoke/{_segment('session_uid', session_uid)}"
        return self._sign_in(lambda _state, _settings: _sent(_call("DELETE", path, token, api_key)))

    def apikey_new(
        self,
        *,
        expires_in: int,
        scopes: Sequence[str] | None = None,
        note: str | None = None,
        principal_uid: str | None = None,
    ) -> Any:
        """Create an API key that expires after ``expires_in`` seconds; the key is in ``secret``.

        By default, the key has the ``scopes`` of the sign-in. With ``principal_uid``, an administrator creates a key
        for another user.
        """
        if not isinstance(expires_in, int):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may pass anything
            raise BadParams(f"expires_in must be a whole number of seconds, not {expires_in!r}")
        given = {"scopes": None if scopes is None else list(scopes), "note": note}
        params = {"expires_in": expires_in, **{name: value for name, value in given.items() if value is not None}}
        owner = "" if principal_uid is None else f"/principal/{_segment('principal_uid', principal_uid)}"
        call = HTTPCall("POST", f"{AUTH}{owner}/apikey", encode_params(params))
        return self._sign_in(lambda _state, _settings: _sent(call))

    def apikey_info(self, *, api_key: str | None = None) -> Any:
        """Describe an API key: the one in use, or the given one."""
        return self._sign_in(lambda _state, _settings: _sent(_call("GET", f"{AUTH}/apikey", None, api_key)))

    def apikey_delete(self, *, first_eight: str, token: str | None = None, api_key: str | None = None) -> Any:
        """Delete the API key that begins with these eight characters."""
        query = {"first_eight": _text("first_eight", first_eight)}
        call = _call("DELETE", f"{AUTH}/apikey", token, api_key)._replace(query=query)
        return self._sign_in(lambda _state, _settings: _sent(call))

    def whoami(self, *, token: str | None = None, api_key: str | None = None) -> Any:
        """Describe who has signed in: identities, API keys, sessions."""
        return self._sign_in(lambda _state, _settings: _sent(_call("GET", f"{AUTH}/whoami", token, api_key)))

    def principal_info(self, *, principal_uid: str | None = None) -> Any:
        """Describe all users who have ever signed in, or one of them. Only administrators may do this."""
        one = "" if principal_uid is None else f"/{_segment('principal_uid', principal_uid)}"
        return self._sign_in(lambda _state, _settings: _sent(HTTPCall("GET", f"{AUTH}/principal{one}")))

    def api_scopes(self, *, token: str | None = None, api_key: str | None = None) -> Any:
        """Return the roles and the scopes of the sign-in, which define what it permits."""
        return self._sign_in(lambda _state, _settings: _sent(_call("GET", f"{AUTH}/scopes", token, api_key)))

    def identify(self) -> Any:
        """Request the user of the sign-in from the server, and set `user` and `user_group` accordingly.

        With a shared key, items also show the `user` that this client had before.
        """
        return self._sign_in(lambda state, _settings: _identified(state, self.identity))

    def logout(self) -> Any:
        """Sign out: end the session at the server, and stop sending credentials. An API key stays valid."""
        return self._sign_in(lambda state, _settings: _logout(state))


def _sent(call: HTTPCall) -> SignInSteps:
    return (yield call)


def _login(state: Authorization, settings: HTTPSettings, name: str, password: str, provider: str | None) -> SignInSteps:
    path = yield from _provider_path(settings, provider, is_external=False)
    form = {"username": name, "password": password}
    # The server takes some time to check a password. The keys of an earlier sign-in are not used here.
    call = HTTPCall("POST", f"{AUTH}/provider{path}", form=form, timeout=settings.timeout_login, signed_with="")
    try:
        reply = yield from _sent_to_ours(settings, call._replace(refreshes=False))
    except http_failures.NotSignedInError as error:
        reason = http_failures.detail(error.response) or "the name or the password is wrong"
        raise http_failures.NotSignedInError(
            f"Not signed in at {settings.server_uri} as {name}: {reason.rstrip('.')}.", error.request, error.response
        ) from None
    state.set_tokens(_tokens(reply))
    return reply


def _device_login(
    state: Authorization, settings: HTTPSettings, show: Callable[[DeviceCode], object], provider: str | None
) -> SignInSteps:
    path = yield from _provider_path(settings, provider, is_external=True)
    base = f"{AUTH}/provider{path.removesuffix('/token')}"
    begin = HTTPCall("POST", f"{base}/authorize", timeout=settings.timeout_login, signed_with="", refreshes=False)
    begun = yield from _sent_to_ours(settings, begin)
    address = begun.get("authorization_uri") or begun["verification_uri"]
    show(DeviceCode(address, begun["user_code"], begun["expires_in"]))
    body = encode_params({"device_code": begun["device_code"], "wait": _DEVICE_WAIT})
    poll = HTTPCall("POST", f"{base}/token", body, timeout=settings.timeout_login, signed_with="", refreshes=False)
    interval = float(begun.get("interval") or 5)
    next_poll = time.monotonic()
    while True:
        yield Pause(max(0.0, next_poll - time.monotonic()))
        next_poll = time.monotonic() + interval
        try:
            reply = yield poll
        except http_failures.HTTPClientError as error:
            match _device_state(error):
                case "authorization_pending":
                    continue
                case "slow_down":
                    interval += 5
                    next_poll += 5
                case ("expired_token" | "access_denied") as state_now:
                    raise http_failures.NotSignedInError(
                        f"Not signed in: {_DEVICE_ENDS[state_now]}", error.request, error.response
                    ) from None
                case _:
                    raise
        else:
            state.set_tokens(_tokens(reply))
            return reply


def _session_refresh(state: Authorization, refresh_token: str | None) -> SignInSteps:
    reply = yield http_calls.refreshing(state, None if refresh_token is None else _text("refresh_token", refresh_token))
    state.set_tokens(_tokens(reply))
    return reply


def _identified(state: Authorization, identity: Identity) -> SignInSteps:
    reply = yield _call("GET", f"{AUTH}/scopes", None, None)
    if reply.get("user"):  # bluesky-httpserver does not send it
        is_shared = SHARED_ROLE in reply["roles"]
        identity.recognize(reply["user"], reply["user_group"], is_shared=is_shared)
        state.user = "" if is_shared else login_of(reply["user"])
    return reply


def _logout(state: Authorization) -> SignInSteps:
    token = state.keys.refresh_token
    body = encode_params({} if token is None else {"refresh_token": token})
    try:
        return (yield HTTPCall("POST", f"{AUTH}/logout", body, refreshes=False))
    finally:
        state.keys = authorization.Keys()


def _provider_path(settings: HTTPSettings, provider: str | None, *, is_external: bool) -> Steps[str]:
    """Return the path of a provider, such as ``/site/token``."""
    chosen = provider if provider is not None else settings.auth_provider
    if chosen is not None:
        path = "/" + _text("provider", chosen).strip("/")
        if not settings.is_encrypted:
            with suppress(http_failures.HTTPClientError):  # some servers do not list their providers
                yield _providers_call()  # a server with TLS refuses this, before a password is sent
        return path if path.endswith("/token") else f"{path}/token"
    try:
        offered = providers((yield from _listed(settings)))
    except http_failures.HTTPClientError:
        offered = []
    fitting = [each for each in offered if each.is_external == is_external]
    if len(fitting) == 1:
        return f"/{fitting[0].name}/token"
    names = ", ".join(each.name for each in fitting)
    raise BadParams(
        f"Give the sign-in provider: provider=… is one of {names}" if names else
        "This server does not list its sign-in providers. Give provider=…, such as '/site/token'"
    )  # fmt: skip


class Provider(NamedTuple):
    """One way to sign in at a server. An external one needs a browser."""

    name: str
    is_external: bool


def providers(reply: Any) -> list[Provider]:
    """Return the ways to sign in, from a server's list."""
    listed = cast("Mapping[str, Any]", reply).get("providers") if isinstance(reply, Mapping) else reply
    return [Provider(str(each["provider"]), each.get("mode") == "external") for each in cast("list[Any]", listed or [])]


def _providers_call() -> HTTPCall:
    return HTTPCall("GET", f"{AUTH}/providers", signed_with="", refreshes=False)


def _listed(settings: HTTPSettings) -> SignInSteps:
    return (yield from _sent_to_ours(settings, _providers_call()))


def _sent_to_ours(settings: HTTPSettings, call: HTTPCall) -> SignInSteps:
    """Send a call to a path that some servers lack. The error explains if the server is not a Queue Server."""
    try:
        return (yield call)
    except http_failures.HTTPClientError as error:
        if not http_failures.is_unknown_path(error.response):
            raise
        try:
            yield HTTPCall("GET", f"{PREFIX}/status", signed_with="", refreshes=False)
        except http_failures.HTTPClientError as answer:
            if http_failures.is_unknown_path(answer.response):
                raise http_failures.not_ours(settings, call.shown, error.response) from None
        raise


def _call(verb: str, path: str, token: str | None, api_key: str | None) -> HTTPCall:
    own = authorization.header(token, api_key)
    return HTTPCall(verb, path, signed_with=own, refreshes=own is None)


def _tokens(reply: Any) -> Any:
    if not (isinstance(reply, Mapping) and {"access_token", "refresh_token"} <= reply.keys()):
        raise http_failures.HTTPRequestError("The server did not answer the sign-in with tokens. Check the provider.")
    return cast("Any", reply)


def _device_state(error: http_failures.HTTPClientError) -> str:
    detail: Any = error.response.json().get("detail")
    try:
        return str(detail["error"])
    except (KeyError, TypeError):
        return str(detail)


def _segment(name: str, value: object) -> str:
    """One part of a path."""
    return quote(_text(name, value), safe="")


def _given(name: str, value: str | None, ask: Callable[[], str]) -> str:
    return ask() if value is None else _text(name, value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise BadParams(f"{name} must be non-empty text")
    return value
