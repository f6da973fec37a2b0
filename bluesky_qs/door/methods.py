"""The routes of the contract: one for each method."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from bluesky_qs.api.method import METHODS, Method
from bluesky_qs.api.paths import ALIASES, PATHS
from bluesky_qs.door.audit import Outcome, audit
from bluesky_qs.door.params import Parameters, Sent, joined
from bluesky_qs.door.refusals import BadRequest, HTTPRefusal, missing_body
from bluesky_qs.door.route import Answer, Call, Route
from bluesky_qs.door.simplified import SIMPLIFIED
from bluesky_qs.wire.codec import decode, json_text

#: Query parameters that belong to the sign-in.
OF_SIGN_IN = frozenset({"api_key", "access_token", "csrf"})
#: Name of the header, and of the parameter that it becomes.
IDEMPOTENCY_HEADER, REQUEST_ID = b"idempotency-key", "request_id"
LONGEST_KEY = 128
#: The part of the Accept header with which a client shows that it can read NaN and infinities.
_NAN = "nan=1"
LONGEST_NAME = 64
#: Additional seconds to wait for a reply, beyond those that the service may take.
LONGER = 2.0


def routes() -> list[Route]:
    """A route for each method and each alias."""
    made: list[Route] = []
    for method in METHODS.values():
        path = PATHS[method.name]
        handle = MethodHandler(method, body_required=path.body_required)
        made.append(_route(method, path.verb, path.path, handle))
    for alias in ALIASES:
        fixed: Sent = {name: msgspec.json.encode(value) for name, value in alias.params.items()}
        handle = MethodHandler(METHODS[alias.method], fixed=fixed)
        made.append(_route(METHODS[alias.method], alias.verb, alias.path, handle))
    return made


def _route(method: Method[..., Any], verb: str, path: str, handle: Callable[[Call], Awaitable[Answer]]) -> Route:
    return Route(verb, path, method.scope, handle, method.name, method.stub.__doc__ or "")


class MethodHandler:
    """Passes a request to the service, and the reply back to the client.

    Parameters
    ----------
    fixed
        Parameters that the path implies.
    """

    def __init__(self, method: Method[..., Any], *, body_required: bool = False, fixed: Sent | None = None) -> None:
        self._method = method
        self._body_required = body_required
        self._fixed = fixed or {}
        self._simplified = SIMPLIFIED.get(method.name)
        self._sets_user = sets_user(method)
        self._writes = method.scope.startswith("write:")
        extra: dict[str, Any] = {}
        if self._simplified:
            extra["reduced"] = bool
        if self._sets_user:
            extra["client_name"] = str
        self._parameters = Parameters(method, extra)

    async def __call__(self, call: Call) -> Answer:
        if self._method.lenient:
            return Answer(await _asked(call, self._method.name, b"{}"))
        return await self.send(call, {**await self._sent(call), **self._fixed})

    async def send(self, call: Call, sent: Sent) -> Answer:
        """Send the request with these parameters, and with the signed-in user."""
        label = _label(sent.pop("client_name", None), call)
        reduced = sent.pop("reduced", b"false")
        user = f"{call.caller.user} ({label})" if label else call.caller.user
        await self._set_user(sent, call, user)
        if self._writes:
            return await self._write(call, sent, user)
        reply = await _asked(call, self._method.name, joined(sent), takes=self._method.takes(_timeout_in(sent)))
        if self._simplified and bytes(reduced) == b"true":
            reply = self._simplified(reply)
        return Answer(reply)

    async def _write(self, call: Call, sent: Sent, user: str) -> Answer:
        """Send a request that changes something, and log the user."""
        if REQUEST_ID in self._method.parameters:
            await _set_request_id(sent, call)
        try:
            reply = await _asked(call, self._method.name, joined(sent))
        except HTTPRefusal as refusal:
            audit(call, user, self._method.name, result=f"no answer ({refusal.status_code})")
            raise
        outcome = Outcome.of(reply)
        audit(call, user, self._method.name, result=outcome.result, items=outcome.uids)
        status = _STATUS.get(outcome.error, 200)
        return Answer(_with_detail(reply) if status == _UNPROCESSABLE else reply, status=status)

    async def _sent(self, call: Call) -> Sent:
        query = self._parameters.in_query(call.scope["query_string"], OF_SIGN_IN) if call.scope["query_string"] else {}
        body = await call.body()
        if body:
            return {**query, **self._parameters.in_body(body)}
        if self._body_required and not query:
            raise missing_body(
                {
                    name: self._method.is_required(name)
                    for name in self._method.parameters
                    if not (self._sets_user and name in {"user", "user_group"})
                }
            )
        return query

    async def _set_user(self, sent: Sent, call: Call, user: str) -> None:
        """Replace the user and the group in the request with those of the sign-in."""
        if not self._sets_user:
            return
        method = self._method
        if "user" in method.parameters:
            if "user" not in method.extensions or await call.service.has("user"):
                sent["user"] = msgspec.json.encode(user)
            else:
                sent.pop("user", None)
        if "user_group" in method.parameters:
            sent["user_group"] = msgspec.json.encode(call.caller.user_group)


def sets_user(method: Method[..., Any]) -> bool:
    """Whether ``user`` and ``user_group`` belong to the sender. In requests for the history, they select items."""
    return method.scope != "read:history" and not {"user", "user_group"}.isdisjoint(method.parameters)


def _timeout_in(sent: Sent) -> dict[str, Any]:
    return {"timeout": decode(bytes(sent["timeout"]))} if "timeout" in sent else {}


async def _asked(call: Call, method: str, params: bytes, *, takes: float = 0.0) -> bytes:
    began = time.perf_counter()
    timeout = takes + LONGER if takes else None
    try:
        return await call.service.ask(method, params, timeout=timeout, keeps_nan=_NAN in (call.header(b"accept") or ""))
    finally:
        call.asked += time.perf_counter() - began


def _label(text: bytes | msgspec.Raw | None, call: Call) -> str:
    """The client's name. Only users of a shared key may give one."""
    label = call.caller.label
    if text is not None and not call.caller.principal:
        label = decode(bytes(text))
    if len(label) > LONGEST_NAME or not label.isprintable():
        raise BadRequest(f"client_name must be printable text of at most {LONGEST_NAME} characters")
    return label


async def _set_request_id(sent: Sent, call: Call) -> None:
    """Convert the header to a parameter. Each user has separate keys."""
    key = call.header(IDEMPOTENCY_HEADER)
    if key is None and REQUEST_ID in sent:
        key = decode(bytes(sent.pop(REQUEST_ID)))
    if key is None or not await call.service.has(REQUEST_ID):
        return
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise BadRequest(f"Idempotency-Key must have 1 to {LONGEST_KEY} printable ASCII characters")
    sent[REQUEST_ID] = msgspec.json.encode(f"{call.caller.principal or call.caller.user}:{key}")


def _with_detail(reply: bytes) -> bytes:
    """The refusal, with its message also under ``detail``, where clients look for it if the status is not 200."""
    values = decode(reply)
    return json_text({**values, "detail": values.get("msg")})


_UNPROCESSABLE = 422
#: Status codes of refusals by the service that are not 200.
_STATUS = {"ItemChanged": 409, "RequestIdReused": _UNPROCESSABLE}
