"""A route of the door: a handler that gets a call and returns an `Answer`, with the scope that it needs."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple

import msgspec

from bluesky_qs.api.method import Scope
from bluesky_qs.door.caller import Caller
from bluesky_qs.door.door import Door
from bluesky_qs.door.refusals import TooLarge
from bluesky_qs.door.service import Service

Headers = list[tuple[bytes, bytes]]
JSON, TEXT = b"application/json", b"text/plain; charset=utf-8"


class ClientGone(Exception):
    """The client has closed the connection before its request was complete."""


class Answer(NamedTuple):
    """The response to a request."""

    body: bytes
    status: int = 200
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


def answer(value: Any, status: int = 200) -> Answer:
    """A response with a JSON value."""
    return Answer(msgspec.json.encode(value), status)


class Call:
    """A request for a handler. The sender is known and has the scope.

    Attributes
    ----------
    scope
        The ASGI scope.
    service
        The service for the request.
    path_params
        The named parts of the path.
    asked
        Seconds that the service took.
    """

    __slots__ = ("_receive", "asked", "caller", "door", "path_params", "scope", "service")

    def __init__(
        self,
        door: Door,
        service: Service,
        scope: MutableMapping[str, Any],
        receive: Any,
        path_params: Mapping[str, str],
    ) -> None:
        self.door = door
        self.service = service
        self.scope = scope
        self.path_params = path_params
        self.caller: Caller
        self.asked = 0.0
        self._receive = receive

    def header(self, name: bytes) -> str | None:
        """The first header with this name, which is in lower case."""
        for key, value in self.scope["headers"]:
            if key == name:
                return value.decode("latin-1")
        return None

    async def body(self) -> bytes:
        """The whole body.

        Raises
        ------
        TooLarge
            The body is larger than the limit in the settings.
        ClientGone
            The client has closed the connection.
        """
        limit = self.door.settings.body_limit
        length = self.header(b"content-length")
        if length is not None and length.isdecimal() and int(length) > limit:
            raise _too_large(limit)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            if part := message.get("body", b""):
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    # The rest of the body is not read, so the connection cannot be used again.
    return TooLarge(f"The request body is larger than {limit} bytes", {"Connection": "close"})


Handler = Callable[[Call], Awaitable[Answer]]


class Route(NamedTuple):
    """A route of the door.

    Attributes
    ----------
    path
        Without the prefix; ``{name}`` stands for one part of it.
    scope
        The scope that the caller needs; None for a route that is open to anyone.
    method
        The 0MQ method of the route, or ``""``.
    text
        Description, for the documentation.
    takes, gives
        Types of the parameters and of the response, for the documentation, if the route has no method.
    """

    verb: str
    path: str
    scope: Scope | None
    handle: Handler
    method: str = ""
    text: str = ""
    takes: Any = None
    gives: Any = None
