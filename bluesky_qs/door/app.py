"""The door as an ASGI application."""

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bluesky_qs.api.paths import PREFIX
from bluesky_qs.door import extra_routes, methods, metrics, openapi, pages, probes, reading_plans, uploads, web_page
from bluesky_qs.door.audit import audit
from bluesky_qs.door.caller import ANONYMOUS
from bluesky_qs.door.door import Door, Observer
from bluesky_qs.door.refusals import (
    CSRFRefused,
    HTTPRefusal,
    NoSuchRoute,
    NotSignedIn,
    TooLarge,
    WrongVerb,
    missing_scopes,
)
from bluesky_qs.door.route import JSON, TEXT, Answer, Call, ClientGone, Route
from bluesky_qs.door.service import Service
from bluesky_qs.door.signin.auth_route import AuthRoute
from bluesky_qs.door.signin.credentials import ADDED_HEADERS
from bluesky_qs.door.signin.sign_in_log import no_scope
from bluesky_qs.door.streams import buffer, ends
from bluesky_qs.door.streams.hub import Streams

logger = logging.getLogger(__name__)

_API, _INSTRUMENTS = f"{PREFIX}/", f"{PREFIX}/instruments/"


def all_routes() -> list[Route]:
    """All routes with `Call` handlers and their scopes. The routes of the contract come first."""
    return [*methods.routes(), *extra_routes.routes(), *reading_plans.routes(), *uploads.routes(), *buffer.routes()]


def root_routes() -> list[Route]:
    """All routes outside of ``/api``, with their scopes."""
    return [*probes.routes(), *pages.routes(described), *metrics.routes()]


def described(door: Door) -> dict[str, Any]:
    """The OpenAPI document of a door."""
    sign_in = [route for route in door.sign_in.routes if isinstance(route, AuthRoute)]
    names = list(door.services) if len(door.services) > 1 else ()
    return openapi.document(all_routes(), root_routes(), sign_in, root_path=door.settings.root_path, instruments=names)


def make_app(door: Door, more: Iterable[BaseRoute] = ()) -> Any:
    """The ASGI application. If the server supports lifespan, the application opens and closes the door.

    ``more`` are Starlette routes: websockets and pages.
    """
    app = _App(door, [*door.sign_in.routes, *more])
    origins = door.settings.allow_origins
    if not origins:
        return app
    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], allow_credentials="*" not in origins
    )


@contextlib.asynccontextmanager
async def opened(door: Door) -> AsyncIterator[None]:
    """Open a door that already has an application, and close it at the end.

    Raises
    ------
    QSError
        The door cannot be opened.
    """
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(door.close)
        await door.open()
        stack.push_async_callback(door.streams.close)
        await door.streams.open()
        for service in door.services.values():
            door.metrics.follow(service)
        stack.enter_context(door.metrics.listening(door.settings.metrics))
        yield


class _Table:
    """Finds the route for a verb and a path below the prefix."""

    def __init__(self, routes: Iterable[Route], prefix: str = "") -> None:
        self._prefix = prefix
        self._exact: dict[tuple[str, str], Route] = {}
        self._patterns: list[tuple[list[str], Route]] = []
        self._verbs: dict[str, set[str]] = {}
        for route in routes:
            if "{" in route.path:
                self._patterns.append((route.path.split("/"), route))
            else:
                self._exact[route.verb, route.path] = route
                self._verbs.setdefault(route.path, set()).add(route.verb)

    def find(self, verb: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and the named parts of the path; None if there is no such path.

        Raises
        ------
        WrongVerb
            The path exists, but not with this verb.
        """
        if route := self._exact.get((verb, path)):
            return route, _NO_PARTS
        if verbs := self._verbs.get(path):
            allowed = ", ".join(sorted(verbs))
            raise WrongVerb(f"{self._prefix}{path} supports the verb {allowed}, not {verb}", {"Allow": allowed})
        parts = path.split("/")
        for pattern, route in self._patterns:
            if route.verb == verb and (named := _named_parts(pattern, parts)) is not None:
                return route, named
        return None


_NO_PARTS: dict[str, str] = {}


def _named_parts(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(parts):
        return None
    named: dict[str, str] = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{") and part:
            named[wanted[1:-1]] = part
        elif wanted != part:
            return None
    return named


class _App:
    """Answers requests to the routes in our own table, and passes everything else to Starlette.

    Starlette would take as long to find a handler as the rest of the door takes for the whole request.
    """

    def __init__(self, door: Door, routes: Iterable[BaseRoute]) -> None:
        self._door = door
        self._head_limit = door.settings.head_limit
        self._table = _Table(all_routes(), PREFIX)
        self._root_table = _Table([*root_routes(), *web_page.routes()])
        door.streams = Streams(door)
        door.metrics = metrics.Metrics(door)
        self._rest = Starlette(
            routes=[*routes, *ends.routes(door, door.streams)],
            lifespan=lambda _: opened(door),
            exception_handlers={HTTPRefusal: _as_response, HTTPException: _as_response, Exception: _as_response},
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        began = time.perf_counter()
        route: Route | None = None
        call: Call | None = None
        try:
            found = self._find(scope)
            if found is None:
                await self._rest(scope, receive, _timed(send, scope, began, self._door.observers))
                return
            route, service, parts = found
            call = Call(self._door, service, scope, receive, parts)
            await self._admit(call, route)
            answer = await route.handle(call)
        except HTTPRefusal as refusal:
            answer = _refused(refusal, scope)
        except ClientGone:
            return
        except Exception:  # the client must get a response for any error
            logger.exception("Unexpected error while answering %s %s", scope["method"], route.path if route else "")
            answer = _UNEXPECTED
        seconds = time.perf_counter() - began
        await _send(answer, scope, send, seconds, call.asked if call else 0.0)
        for observer in self._door.observers:
            observer(route.path if route else "", answer.status, seconds)

    def _find(self, scope: Any) -> tuple[Route, Service, dict[str, str]] | None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > self._head_limit:
            raise TooLarge(f"The request head is larger than {self._head_limit} bytes")
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        service = self._door.default
        # The server itself leaves out the body of the response to HEAD.
        verb = "GET" if scope["method"] == "HEAD" else scope["method"]
        if not (path.startswith(_API) or path == PREFIX):
            found = self._root_table.find(verb, path)
            return None if found is None else (found[0], service, found[1])
        if path.startswith(_INSTRUMENTS):
            name, _, rest = path[len(_INSTRUMENTS) :].partition("/")
            if name not in self._door.services:
                raise NoSuchRoute(f"There is no instrument {name!r}. There are: {', '.join(self._door.services)}")
            service = self._door.services[name]
            path = f"{PREFIX}/{rest}"
        found = self._table.find(verb, path[len(PREFIX) :] or "/")
        return None if found is None else (found[0], service, found[1])

    async def _admit(self, call: Call, route: Route) -> None:
        """Check that the sender may use the route.

        Raises
        ------
        HTTPRefusal
            The sender is not signed in, or lacks the scope.
        """
        if route.scope is None:
            return
        call.caller = await self._door.sign_in.caller(HTTPConnection(call.scope))
        if route.scope not in call.caller.scopes:
            _audit_refusal(call, route, route.scope)
            raise missing_scopes([route.scope], call.caller.scopes)


def _audit_refusal(call: Call, route: Route, scope: str) -> None:
    """Log a refusal, unless the request only reads or comes from a stranger.

    Pages may poll, and strangers could fill the log.
    """
    if not scope.startswith("read:") and call.caller.credential != ANONYMOUS:
        audit(call, call.caller.user, route.method or f"{route.verb} {route.path}", result=no_scope(scope))


_UNEXPECTED = Answer(b'{"detail":"Unexpected error in the HTTP server. Its log has the details."}', status=500)


def _refused(refusal: HTTPRefusal, scope: Any) -> Answer:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in refusal.headers.items()]
    if isinstance(refusal, NotSignedIn):
        headers.append((b"x-tiled-root", _base_url(scope)))
    if isinstance(refusal, CSRFRefused):
        return Answer(refusal.detail.encode(), refusal.status_code, TEXT, tuple(headers))
    return Answer(refusal.body, refusal.status_code, JSON, tuple(headers))


def _base_url(scope: Any) -> bytes:
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return f"{scope.get('scheme', 'http')}://".encode() + host + f"{scope.get('root_path', '')}{PREFIX}".encode()


async def _as_response(request: Request, error: Exception) -> Response:
    """The response of a Starlette route that refuses or fails."""
    if isinstance(error, HTTPException):
        error = HTTPRefusal(error.detail, error.headers, status=error.status_code)
    # Starlette re-raises any other error, and the server logs it.
    answer = _refused(error, request.scope) if isinstance(error, HTTPRefusal) else _UNEXPECTED
    headers = {name.decode(): value.decode("latin-1") for name, value in answer.headers}
    return Response(answer.body, answer.status, headers, answer.content_type.decode())


async def _send(answer: Answer, scope: Any, send: Any, seconds: float, asked: float) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        (b"server-timing", b"app;dur=%.2f, service;dur=%.2f" % ((seconds - asked) * 1e3, asked * 1e3)),
        *answer.headers,
    ]
    if ADDED_HEADERS in scope:
        headers += scope[ADDED_HEADERS]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _timed(send: Any, scope: Any, began: float, observers: Iterable[Observer]) -> Callable[[Any], Any]:
    """Add our headers to the response of a Starlette route, and call the observers. A stream counts when it begins."""

    async def timed(message: Any) -> None:
        if message["type"] == "http.response.start":
            taken = time.perf_counter() - began
            added = [(b"server-timing", b"app;dur=%.2f" % (taken * 1e3)), *scope.get(ADDED_HEADERS, ())]
            path = getattr(scope.get("route"), "path", "").removeprefix(PREFIX)
            for observer in observers:
                observer(path, message["status"], taken)
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return timed
