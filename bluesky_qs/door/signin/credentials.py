"""The credentials of a request: a key or a token, in the header, the query or a cookie."""

import hmac
import secrets
from typing import Literal, NamedTuple

from starlette.requests import HTTPConnection

from bluesky_qs.door.caller import Credentials
from bluesky_qs.door.refusals import BadRequest, CSRFRefused, NotSignedIn

KEY_COOKIE, CSRF_COOKIE = "bluesky_httpserver_api_key", "bluesky_httpserver_csrf"
#: The key in the ASGI scope for headers that the door adds to the response.
ADDED_HEADERS = "bluesky_qs.headers"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Presented(NamedTuple):
    """A key or a token in a request."""

    kind: Literal["key", "token"]
    secret: str
    source: Literal["query", "header", "cookie", "message"]

    def __repr__(self) -> str:  # the text may end up in a log
        return f"Presented({self.kind} from {self.source})"


def presented(connection: HTTPConnection, credentials: Credentials | None = None) -> Presented | None:
    """The credentials of a request: from the query, otherwise from the header, otherwise from the cookie; None without
    any.

    Raises
    ------
    BadRequest
        The header has an unknown scheme.
    CSRFRefused
        A request that changes something has a cookie but not the token that belongs to it.
    """
    if found := _in_message(credentials) or _in_query(connection):
        return found
    headers = connection.headers
    if header := headers.get("authorization"):
        return _from_header(header)
    if "cookie" in headers and (key := connection.cookies.get(KEY_COOKIE)):
        _check_origin(connection)
        return Presented("key", key, "cookie")
    return None


def _in_message(credentials: Credentials | None) -> Presented | None:
    if credentials is None:
        return None
    if credentials.api_key:
        return Presented("key", credentials.api_key, "message")
    return Presented("token", credentials.access_token, "message") if credentials.access_token else None


def _in_query(connection: HTTPConnection) -> Presented | None:
    if not connection.scope["query_string"]:
        return None
    query = connection.query_params
    if key := query.get("api_key"):
        return Presented("key", key, "query")
    # Browsers cannot send headers with a websocket.
    if connection.scope["type"] == "websocket" and (token := query.get("access_token")):
        return Presented("token", token, "query")
    return None


def _from_header(header: str) -> Presented:
    scheme, _, secret = header.partition(" ")
    match scheme.lower():
        case "apikey":
            return Presented("key", secret.strip(), "header")
        case "bearer":
            return Presented("token", secret.strip(), "header")
        case _:
            raise BadRequest("The Authorization header must begin with 'ApiKey' or 'Bearer'")


def _check_origin(connection: HTTPConnection) -> None:
    """Refuse requests that may be from another site's page, because browsers send cookies automatically."""
    if connection.scope["type"] == "websocket":
        origin = connection.headers.get("origin")
        if origin and origin.partition("://")[2] != connection.headers.get("host"):
            raise NotSignedIn("A websocket from another site's page cannot use the cookie. Send the key in a message.")
        return
    if connection.scope["method"] in _SAFE:
        return
    token = connection.cookies.get(CSRF_COOKIE)
    sent = connection.headers.get("x-csrf") or connection.query_params.get("csrf")
    if not token or not sent:
        raise CSRFRefused(
            f"The header X-CSRF (or the query parameter csrf) must have the same value as the cookie {CSRF_COOKIE}"
        )
    if not hmac.compare_digest(token.encode(), sent.encode()):
        raise CSRFRefused(f"The header X-CSRF differs from the cookie {CSRF_COOKIE}")


def keep_in_cookie(connection: HTTPConnection, key: str) -> None:
    """Make the response move a key from the query to a cookie, so that the page can remove it from the address."""
    secure = "; Secure" if connection.scope.get("scheme") in ("https", "wss") else ""
    path = f"; Path={connection.scope.get('root_path') or '/'}; SameSite=lax{secure}"
    # A page's script can read the token, to send it back in a header, but it can never read the key.
    cookies = (f"{KEY_COOKIE}={key}{path}; HttpOnly", f"{CSRF_COOKIE}={secrets.token_urlsafe(32)}{path}")
    added: list[tuple[bytes, bytes]] = connection.scope.setdefault(ADDED_HEADERS, [])
    added += [(b"set-cookie", cookie.encode("latin-1")) for cookie in cookies]


def drop_cookies(connection: HTTPConnection) -> None:
    """Make the response delete the cookies."""
    path = connection.scope.get("root_path") or "/"
    added: list[tuple[bytes, bytes]] = connection.scope.setdefault(ADDED_HEADERS, [])
    deleted = f"=; Path={path}; Max-Age=0; SameSite=lax"
    added += [(b"set-cookie", f"{cookie}{deleted}".encode()) for cookie in (KEY_COOKIE, CSRF_COOKIE)]
