"""Checks who may open a websocket. Credentials are in the header, the query, a cookie or the first message."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from starlette.requests import HTTPConnection

from bluesky_qs.door.caller import Caller, Credentials, SignIn
from bluesky_qs.door.refusals import HTTPRefusal, NotSignedIn, missing_scopes
from bluesky_qs.door.streams.outlet import StreamEnd

#: Seconds for the first message with credentials.
PATIENCE = 10.0
#: Maximum number of characters in the first message.
LONGEST = 16 * 1024
#: Maximum number of websockets waiting for credentials.
MOST_WAITING = 100
#: Maximum number of bytes for the reason in a close frame.
_ROOM = 123

NONE_CAME = StreamEnd(4401, "No credentials arrived within 10 s")
NOT_AUTH = StreamEnd(4001, 'The first message must be {"type": "auth", "api_key" or "access_token": …}')

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _First(msgspec.Struct):
    """The first message of a client that has no other way to send its credentials."""

    type: str
    api_key: str | None = None
    access_token: str | None = None


class Entrance:
    """Admits websockets."""

    def __init__(self, sign_in: SignIn) -> None:
        self._sign_in = sign_in
        self._waiting = 0

    async def accept(self, needed: str, scope: Scope, receive: Receive, send: Send) -> Caller | None:
        """Accept a new websocket and return its user, or refuse it and return None.

        Wrong credentials in a header are refused at the handshake. Pages cannot send headers with a websocket, and they
        do not learn why a handshake failed. All other refusals are therefore sent as a close code.
        """
        connection = HTTPConnection(scope)
        has_header = "authorization" in connection.headers
        given = await self._given(connection, needed)
        if isinstance(given, HTTPRefusal) and has_header:
            await refuse(scope, send, given)
            return None
        if given is None and self._waiting >= MOST_WAITING:
            await refuse(scope, send, HTTPRefusal("Too many websockets are waiting to send credentials", status=503))
            return None
        await send({"type": "websocket.accept"})
        if given is None:
            given = await self._first_message(connection, needed, receive)
        if isinstance(given, Caller):
            return given
        if given is not None:
            code, reason = (4001, given.detail) if isinstance(given, HTTPRefusal) else given
            await send({"type": "websocket.close", "code": code, "reason": _short(reason)})
        return None

    async def _given(self, connection: HTTPConnection, needed: str) -> Caller | HTTPRefusal | None:
        """The sender of the handshake; None if it has no credentials. They may follow in the first message."""
        query = connection.query_params
        has_any = "authorization" in connection.headers or "api_key" in query or "access_token" in query
        found = await self._caller(connection, needed)
        return None if isinstance(found, HTTPRefusal) and not has_any else found

    async def _first_message(
        self, connection: HTTPConnection, needed: str, receive: Receive
    ) -> Caller | HTTPRefusal | StreamEnd | None:
        self._waiting += 1
        try:
            async with asyncio.timeout(PATIENCE):
                message = await receive()
        except TimeoutError:
            return NONE_CAME
        finally:
            self._waiting -= 1
        if message["type"] == "websocket.disconnect":
            return None
        text = message.get("text") or ""
        try:
            first = msgspec.json.decode(text, type=_First) if len(text) <= LONGEST else None
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            first = None
        if first is None or first.type != "auth" or not (first.api_key or first.access_token):
            return NOT_AUTH
        return await self._caller(connection, needed, Credentials(first.api_key, first.access_token))

    async def _caller(
        self, connection: HTTPConnection, needed: str, credentials: Credentials | None = None
    ) -> Caller | HTTPRefusal:
        try:
            caller = await self._sign_in.caller(connection, credentials)
        except HTTPRefusal as refusal:
            return refusal
        if needed not in caller.scopes:
            return missing_scopes([needed], caller.scopes)
        return caller


async def refuse(scope: Scope, send: Send, refusal: HTTPRefusal) -> None:
    """Refuse the handshake: 403, as the community's server does, with the reason in the body if the server can."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 4001, "reason": "Invalid token"})
        return
    status = 403 if isinstance(refusal, NotSignedIn) else refusal.status_code
    headers = [(b"content-type", b"application/json")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": refusal.body})


def _short(reason: str) -> str:
    """The reason, shortened to fit into a close frame."""
    text = reason.encode()
    return reason if len(text) <= _ROOM else text[: _ROOM - 3].decode(errors="ignore") + "…"
