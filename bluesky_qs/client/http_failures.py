"""The errors of a client over HTTP. Each message explains what happened and what to do."""

import math
import re
import shlex
from collections.abc import Mapping
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from bluesky_qs.client.failures import RequestTimeoutError
from bluesky_qs.client.http_settings import HTTPSettings
from bluesky_qs.errors import QSError

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _NOT_ALLOWED, _TIMEOUT, _TOO_LARGE = 401, 403, 404, 405, 408, 413
_TOO_MANY, _CLIENT, _SERVER, _REDIRECT = 429, 400, 500, 300
_BAD_REQUEST = 400
#: A proxy in front of the server sends the first and the last of these statuses while the server is down.
_UNAVAILABLE = (502, 503, 504)
_EXPIRED = "Access token has expired"
_LACKS_SCOPES = "Not enough permissions"
_NO_ROLE = ("User is not authorized to access the server", "Permissions for the user are revoked")
_SCOPES = re.compile(rf"^{_LACKS_SCOPES}.* Requires scopes \[([^\]]+)\]")
#: The responses of nginx, Apache, and servers written in Go to plain HTTP on a TLS port.
_WANTS_TLS = ("plain http request was sent to https port", "speaking plain http", "http request to an https server")
_LONGEST = 300


class Answer(Protocol):
    """The parts of a response that the errors use."""

    @property
    def status_code(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def text(self) -> str: ...

    def json(self) -> Any:
        """The decoded body."""
        ...


class HTTPError(QSError):
    """The HTTP request failed.

    Attributes
    ----------
    request
        ``{"method": …, "params": …}`` for a request to the service, ``{"method": (VERB, PATH)}`` for any other request.
    response
        The server's response, an `httpx.Response`, or None. It has ``status_code``, ``headers`` and ``json()``.
    """

    def __init__(
        self, message: str | None = None, request: Mapping[str, Any] | None = None, response: Any = None
    ) -> None:
        super().__init__(message)
        self.request = request
        self.response = response

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.request)  # a response holds a connection, which cannot be pickled


class HTTPRequestError(HTTPError):
    """The HTTP server could not be reached, or its response could not be read."""


class HTTPUnreachableError(HTTPRequestError, RequestTimeoutError):
    """The HTTP server could not be reached. It may be restarting."""


class HTTPTimeoutError(HTTPRequestError, RequestTimeoutError):
    """The HTTP server did not answer in time."""


class HTTPClientError(HTTPError):
    """The HTTP server refused the request."""


class NotSignedInError(HTTPClientError):
    """The HTTP server requires a sign-in, or refused the one that was used."""


class NotAuthorizedError(HTTPClientError):
    """The sign-in does not permit the request."""


class ServiceTimeoutError(HTTPClientError, RequestTimeoutError):
    """The service behind the HTTP server did not answer in time."""


class HTTPServerError(HTTPError):
    """The HTTP server failed."""


class ServiceUnavailableError(HTTPServerError, RequestTimeoutError):
    """The service behind the HTTP server is down. It may be restarting."""


def is_expired(response: Answer) -> bool:
    """Whether the server refused the request because the access token has expired."""
    return response.status_code == _UNAUTHORIZED and _detail(response).startswith(_EXPIRED)


def wants_tls(response: Answer) -> bool:
    """Whether the server refused the request because it was not encrypted."""
    if response.status_code != _BAD_REQUEST:
        return False
    text = response.text.lower()
    return any(sentence in text for sentence in _WANTS_TLS)


def is_unknown_path(response: Answer) -> bool:
    """Whether the server has no route with this path and verb."""
    return response.status_code in (_NOT_FOUND, _NOT_ALLOWED)


def detail(response: Answer) -> str | None:
    """The reason in the response of a server like ours; None if it gives none."""
    return _detail(response) or None


def refusal(response: Answer, settings: HTTPSettings, request: Mapping[str, Any], user: str = "") -> HTTPError | None:
    """Return the error for a response; None if it is a reply. ``user`` is the signed-in user, if known."""
    status = response.status_code
    if wants_tls(response):
        sent = getattr(getattr(response, "request", None), "headers", {})  # the refusal of a stream has no request
        return not_encrypted(settings, request, response, key_was_sent="authorization" in sent)
    if lacking := _SCOPES.search(_detail(response)):
        return lacks_scopes(lacking[1].replace("'", ""), request, user, response)
    kind, message = _kind(status, _detail(response), response, settings)
    return None if kind is None else kind(message, request, response)


def lacks_scopes(scopes: str, request: Mapping[str, Any], user: str = "", response: Any = None) -> NotAuthorizedError:
    """Return the error for a sign-in that does not permit the request, because it lacks these scopes."""
    method: object = request["method"]
    what = method if isinstance(method, str) else " ".join(cast("tuple[str, str]", method))
    who = f"You ({user})" if user else "You"
    noun = "scopes" if "," in scopes else "scope"
    return NotAuthorizedError(
        f"{who} may not use {what}: that needs the {noun} {scopes}. Ask the administrator of the server for it.",
        request,
        response,
    )


def not_ours(settings: HTTPSettings, request: Mapping[str, Any], response: Any) -> HTTPRequestError:
    """Return the error for a response that does not come from a Queue Server."""
    return HTTPRequestError(
        f"The server at {settings.server_uri} is not a Bluesky HTTP server: its response is not one of this API. "
        "Check the address.",
        request,
        response,
    )


def not_encrypted(
    settings: HTTPSettings, request: Mapping[str, Any], response: Any = None, *, key_was_sent: bool
) -> HTTPRequestError:
    """Return the error for plain HTTP sent to a server that uses TLS."""
    encrypted = settings.server_uri.replace("http:", "https:", 1)
    risk = " Your key was sent without encryption: revoke it if others can read this network." * key_was_sent
    return HTTPRequestError(
        f"The server at {settings.server_uri} requires https. Use {encrypted}.{risk}", request, response
    )


def no_answer(settings: HTTPSettings, request: Mapping[str, Any], seconds: float) -> HTTPTimeoutError:
    """Return the error for a response that did not arrive in time."""
    return HTTPTimeoutError(
        f"No answer from the HTTP server at {settings.server_uri} after {seconds:g} s. It may be busy or unreachable; "
        "try again.",
        request,
    )


def unreachable(settings: HTTPSettings, request: Mapping[str, Any], error: BaseException) -> HTTPRequestError:
    """Return the error for a connection that failed. The library's error has the reason in its causes."""
    uri, causes = settings.server_uri, _causes(error)
    text = " ".join(str(cause) for cause in causes)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return HTTPRequestError(_certificate_fault(uri, text), request)
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text:
        plain = uri.replace("https:", "http:", 1)
        return HTTPRequestError(f"The server at {uri} does not use TLS. Is its address {plain}?", request)
    if any(type(cause).__name__ == "gaierror" for cause in causes):
        host = uri.partition("//")[2].partition("/")[0]
        return HTTPUnreachableError(f'Unknown host "{host}". Check the address: {uri}', request)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes) or "refused" in text:
        return HTTPUnreachableError(
            f"No HTTP server at {uri}: connection refused. Is start-re-manager --http (or qserver-http) running there?",
            request,
        )
    return HTTPUnreachableError(f"Cannot connect to the HTTP server at {uri}: {_why(error)}", request)


def _certificate_fault(uri: str, text: str) -> str:
    """The error for a certificate, with the remedy. ``text`` is OpenSSL's error."""
    reason = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or "it cannot be verified"
    reason = reason.rstrip(".")
    if "mismatch" in reason:
        host = urlsplit(uri).hostname
        return (
            f'The certificate of {uri} is for another host: it does not contain "{host}". Use the name of the host for '
            "which it was made, or ask the administrator of the server for a certificate with this name."
        )
    if "expired" in reason or "not yet valid" in reason:
        return (
            f"The certificate of {uri} cannot be used: {reason}. If this computer's clock is right, ask the "
            "administrator of the server for a new certificate."
        )
    return (
        f"The certificate of {uri} is not trusted: {reason}. If your site has its own certificate authority, give "
        "the file with its certificate: --ca-file FILE, or http_ca_file=… in Python."
    )


def interrupted(settings: HTTPSettings, request: Mapping[str, Any], error: BaseException) -> HTTPUnreachableError:
    """Return the error for a connection that was lost before the response arrived."""
    return HTTPUnreachableError(
        f"The HTTP server at {settings.server_uri} closed the connection before it answered ({_why(error)}); it is "
        "unknown whether it carried out the request.",
        request,
    )


def _kind(status: int, reason: str, response: Answer, settings: HTTPSettings) -> tuple[type[HTTPError] | None, str]:
    uri = settings.server_uri
    if status < _REDIRECT:
        return None, ""
    if status < _CLIENT:
        place = response.headers.get("location", "another address")
        return HTTPRequestError, f"The server at {uri} redirects to {place}. Use that address."
    if status == _FORBIDDEN or _LACKS_SCOPES in reason:
        return NotAuthorizedError, f"Your sign-in does not permit this: {reason or 'forbidden'}"
    if status in _UNAVAILABLE:
        return ServiceUnavailableError, (
            f"The service behind {uri} is not available{_colon(reason) or '. It may be restarting'}. {_again(response)}"
        )
    if status >= _SERVER:
        return HTTPServerError, f"The HTTP server at {uri} failed with status {status}{_colon(reason)}. See its log."
    messages: dict[int, tuple[type[HTTPError], str]] = {
        _UNAUTHORIZED: (NotSignedInError, _sign_in(settings, reason)),
        _TIMEOUT: (ServiceTimeoutError, f"The service behind {uri} does not answer. It may be busy; try again."),
        _TOO_LARGE: (HTTPClientError, f"The request is too large for {uri}{_colon(reason)}. Send it in several parts."),
        _TOO_MANY: (HTTPClientError, f"Too many requests to {uri}{_colon(reason)}. {_again(response)}"),
    }
    # bluesky-queueserver-api begins the message with the status, and scripts look for it.
    return messages.get(status, (HTTPClientError, f"{status}: {reason or 'the server refused the request'}"))


def _sign_in(settings: HTTPSettings, reason: str) -> str:
    uri = settings.server_uri
    # Leave out our server's reason for a request without credentials, because it is for users who write HTTP requests
    # by hand.
    why = "" if reason.startswith("Not signed in") else _colon(reason)
    if reason.startswith(_NO_ROLE):  # signing in again does not help
        return f"Not signed in at {uri}{why}."
    ca_file = f" --ca-file {shlex.quote(settings.ca_file)}" if settings.ca_file else ""
    return (
        f"Not signed in at {uri}{why}. Sign in with %qs connect {uri}{ca_file}, with RM.login(…), or with an API key "
        "(--api-key-file FILE, or QSERVER_HTTP_SERVER_API_KEY)."
    )


def _again(response: Answer) -> str:
    after = response.headers.get("retry-after", "")
    return f"Try again in {after} s." if after.isdecimal() else "Try again later."


def _colon(reason: str) -> str:
    return f": {reason.rstrip('.')}" if reason else ""


def _detail(response: Answer) -> str:
    try:
        body = response.json()
    except ValueError:
        return ""
    reason = body.get("detail") if isinstance(body, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return str(reason)[:_LONGEST] if reason else ""  # pyright: ignore[reportUnknownArgumentType]


def _causes(error: BaseException) -> list[BaseException]:
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    return causes


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__


def seconds(timeout: float) -> float | None:
    """A time limit for libraries: 0 means no limit."""
    return timeout if 0 < timeout < math.inf else None
