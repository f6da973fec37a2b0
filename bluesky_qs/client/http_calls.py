"""A client's calls to an HTTP server, and the meaning of the responses. No I/O."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from bluesky_qs._version import __version__
from bluesky_qs.api.paths import PATHS, PREFIX
from bluesky_qs.client import http_failures
from bluesky_qs.client.authorization import Authorization, Keys
from bluesky_qs.client.codec import encode_params
from bluesky_qs.client.http_settings import HTTPSettings
from bluesky_qs.client.transport import EncodedReply, Request, takes
from bluesky_qs.errors import BadParams, RequestIdReused, UnknownMethod
from bluesky_qs.wire.codec import DecodeError, decode

#: Requests that all compatible servers answer. If one of these routes is missing, the server is of a different kind.
_EVERYWHERE = ("status", "ping")
#: The route that refreshes a session; it needs no key.
REFRESH = f"{PREFIX}/auth/session/refresh"
_BAD_REQUEST, _CONFLICT, _UNPROCESSABLE = 400, 409, 422

#: Seconds before each repetition of a request whose response was lost. A restarted server is back by then.
PAUSES = (0.0, 0.3, 0.7, 1.5, 2.5)
#: The request for the number of the latest event.
EVENTS = Request("events_get", {"limit": 1})


class HTTPCall(NamedTuple):
    """One HTTP request.

    Attributes
    ----------
    path
        The part after the address of the server, such as ``/api/status``.
    body
        JSON, unless there is a ``form``.
    timeout
        Seconds; None for the client's own limit, 0 for none.
    takes
        The additional seconds that the service may take for this request.
    signed_with
        The ``Authorization`` header to send instead of the client's own; empty to send none.
    refreshes
        Whether an expired session is refreshed and the request repeated.
    request
        The request as errors show it.
    """

    verb: str
    path: str
    body: bytes = b"{}"
    form: Mapping[str, Any] | None = None
    query: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    timeout: float | None = None
    takes: float = 0.0
    signed_with: str | None = None
    refreshes: bool = True
    request: Mapping[str, Any] | None = None

    @property
    def shown(self) -> Mapping[str, Any]:
        """The request as errors show it."""
        return self.request or {"method": (self.verb, self.path)}

    def seconds(self, usual: float) -> float:
        """The time limit for this call, based on the client's limit; 0 for none."""
        if self.timeout is not None:
            return self.timeout
        return usual + self.takes if usual else usual

    def sent_headers(self, keys: Keys) -> dict[str, str]:
        """The headers to send."""
        # Without nan=1, our server writes null for NaN and infinities. The community's server knows only the first
        # type.
        headers = {"user-agent": f"bluesky-qs/{__version__}", "accept": "application/json, application/json; nan=1"}
        if self.form is None:
            headers["content-type"] = "application/json"
        signature = keys.header if self.signed_with is None else self.signed_with
        if signature:
            headers["authorization"] = signature
        return headers | dict(self.headers or {})

    @property
    def may_be_repeated(self) -> bool:
        """Whether the call can safely be repeated if the first response was lost."""
        params: Mapping[str, Any] = (self.request or {}).get("params") or {}
        return self.verb == "GET" or bool(params.get("request_id"))


def of_request(request: Request) -> HTTPCall:
    """Return the call for a request to the service.

    Raises
    ------
    BadParams
        A parameter cannot be encoded, or there is no such method.
    """
    path = PATHS.get(request.method)
    if path is None:
        raise BadParams(f"Unknown method {request.method!r}")
    body = encode_params(request.params)
    shown = {"method": request.method, "params": request.params}
    return HTTPCall(path.verb, PREFIX + path.path, body, takes=takes(request), request=shown)


def of_method(
    method: object,
    params: Mapping[str, Any] | None,
    *,
    url_params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    data: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    refreshes: bool = True,
) -> HTTPCall:
    """Return the call for `send_request`: a method of the service by its name, or any route as ``(VERB, PATH)``.

    Raises
    ------
    BadParams
        A parameter cannot be encoded, or the method is neither of these.
    """
    if isinstance(method, str):
        call = of_request(Request(method, dict(params or {})))
    else:
        verb, path = _route(method)
        call = HTTPCall(verb, path, encode_params(dict(params or {})))
    return call._replace(query=url_params, headers=headers, form=data, timeout=timeout, refreshes=refreshes)


def refreshing(authorization: Authorization, refresh_token: str | None = None) -> HTTPCall:
    """Return the call that exchanges the refresh token for new tokens.

    Raises
    ------
    BadParams
        There is no refresh token.
    """
    token = refresh_token or authorization.keys.refresh_token
    if token is None:
        raise BadParams("There is no refresh token: sign in with RM.login(…)")
    return HTTPCall("POST", REFRESH, encode_params({"refresh_token": token}), signed_with="", refreshes=False)


def needs_first_token(call: HTTPCall, keys: Keys) -> bool:
    """Whether the client has only a refresh token, which must be exchanged before the call."""
    return call.refreshes and call.signed_with is None and keys.token is None and keys.refresh_token is not None


def needs_new_token(call: HTTPCall, keys: Keys, response: http_failures.Answer) -> bool:
    """Whether the token has expired, and the call can be repeated with a new one."""
    mine = call.signed_with is None and keys.refresh_token is not None
    return call.refreshes and mine and http_failures.is_expired(response)


def refused_in_clear(
    call: HTTPCall, settings: HTTPSettings, authorization: Authorization
) -> http_failures.HTTPRequestError:
    """Return the error for an unencrypted call to a server with TLS, and stop sending credentials."""
    was_signed = "authorization" in call.sent_headers(authorization.keys) or call.path == REFRESH
    authorization.forget()
    return http_failures.not_encrypted(settings, call.shown, key_was_sent=was_signed)


def checked(call: HTTPCall, response: Any, settings: HTTPSettings, user: str = "") -> Any:
    """Return the decoded body of a response. ``user`` is the signed-in user, if known.

    Raises
    ------
    HTTPError
        The response is an error, or it does not come from the API.
    """
    error = http_failures.refusal(response, settings, call.shown, user)
    if error is not None:
        raise error
    try:
        return decode(response.content)
    except DecodeError:
        raise http_failures.not_ours(settings, call.shown, response) from None


def reply(call: HTTPCall, response: Any, settings: HTTPSettings, user: str = "") -> EncodedReply:
    """Return the reply of the service, the same as over 0MQ. ``user`` is the signed-in user, if known.

    Raises
    ------
    HTTPError
        The response is not a reply.
    """
    status: int = response.status_code
    method = str(call.shown["method"])
    if http_failures.is_unknown_path(response) and method not in _EVERYWHERE:
        # bluesky-httpserver does not have all our methods.
        return _refused(f"Unknown method {method!r}", UnknownMethod.__name__)
    if status == _BAD_REQUEST and (reason := http_failures.detail(response)):
        return _refused(reason, BadParams.__name__)
    error = None if _is_refusal(response) else http_failures.refusal(response, settings, call.shown, user)
    if error is not None:
        if http_failures.is_unknown_path(response):
            raise http_failures.not_ours(settings, call.shown, response)
        raise error
    if not str(response.headers.get("content-type", "")).startswith("application/json"):
        raise http_failures.not_ours(settings, call.shown, response)
    return EncodedReply(response.content, "json")


def last_event(reply: EncodedReply) -> int | None:
    """Return the number of the latest event in the reply to `EVENTS`."""
    return reply.values().get("last")


def _is_refusal(response: Any) -> bool:
    """Whether the body is a refusal by the service, although the status is not 200.

    Somebody has changed the item (the body contains the current item), or the request id belongs to another request.
    """
    if response.status_code != _UNPROCESSABLE:
        return response.status_code == _CONFLICT
    try:
        match decode(response.content):
            case {"error": str() as code}:
                return code == RequestIdReused.__name__
            case _:
                return False
    except DecodeError:
        return False


def _refused(message: str, code: str) -> EncodedReply:
    return EncodedReply(encode_params({"success": False, "msg": message, "error": code}), "json")


def _route(method: object) -> tuple[str, str]:
    if not isinstance(method, Iterable):
        raise BadParams(f"The method must be a name or (VERB, PATH), not {method!r}")
    parts = list(cast("Iterable[Any]", method))
    match parts:
        case [str() as verb, str() as path]:
            return verb.upper(), path if path.startswith("/") else f"/{path}"
        case _:
            raise BadParams(f"The method must be a name or (VERB, PATH), not {method!r}")
