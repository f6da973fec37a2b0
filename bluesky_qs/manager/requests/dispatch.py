"""Turns the bytes of a request into the bytes of its reply."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from bluesky_qs.api.limits import check_limits, check_size
from bluesky_qs.api.method import METHODS, Lock, Method, expanded_signature, outline, shown
from bluesky_qs.error_text import LONGEST_MESSAGE, cut
from bluesky_qs.errors import BadParams, Locked, QSError, RequestError, StoreError
from bluesky_qs.ipc import tracing
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.edits.answers import OpenRequest, checked_id, digest_of, is_about_its_id, open_request
from bluesky_qs.manager.requests.console_lines import log_change
from bluesky_qs.wire.codec import DecodeError, Encoded, Encoding, decode, encode

logger = logging.getLogger(__name__)

#: The optional key for the trace context in a request, in addition to ``method`` and ``params``.
TRACE_KEY = "traceparent"

P = ParamSpec("P")
R = TypeVar("R")
Handler = Callable[..., Any]

#: Handlers by method name; filled by importing `bluesky_qs.manager.requests.handlers`.
HANDLERS: dict[str, Handler] = {}
#: The methods whose handlers record the user who sent the request.
RECORD_USER: set[str] = set()
#: A function whose arguments are the parameters as they were sent, and the message.
RefusalKeys = Callable[[Context, Mapping[str, Any], str], Mapping[str, Any]]
#: By method name, functions that add keys with data from the manager to a refusal.
FAILED: dict[str, RefusalKeys] = {}
#: The methods whose handlers store the reply themselves.
STORES_REPLY: set[str] = set()


def handles(
    stub: Callable[..., R],
    *,
    failed: RefusalKeys | None = None,
    stores_reply: bool = False,
) -> Callable[
    [Callable[Concatenate[Context, P], R | Awaitable[R]]], Callable[Concatenate[Context, P], R | Awaitable[R]]
]:
    """Make a function the handler of a method.

    The handler takes the context, then the stub's parameters without ``lock_key`` and ``request_id``, which the
    dispatcher handles, and without ``user`` if it does not record the sender. A test compares the signatures.
    ``failed`` returns additional keys of a refusal. With ``stores_reply`` the handler gives its reply to the ledger
    together with its edits, so that both are in one commit. For other handlers, the dispatcher records the request
    before it is carried out, and the reply afterward.
    """

    def register(
        handler: Callable[Concatenate[Context, P], R | Awaitable[R]],
    ) -> Callable[Concatenate[Context, P], R | Awaitable[R]]:
        HANDLERS[stub.__name__] = handler
        if "user" in expanded_signature(handler).parameters:
            RECORD_USER.add(stub.__name__)
        if failed:
            FAILED[stub.__name__] = failed
        if stores_reply:
            STORES_REPLY.add(stub.__name__)
        return handler

    return register


class Dispatcher:
    """Answers requests. Every request gets a reply, and no request can stop the service.

    Parameters
    ----------
    status
        Returns the current status.

    Attributes
    ----------
    ready
        Set when the manager is ready. All requests except those for the status wait for it.
    """

    def __init__(self, ctx: Context, status: Callable[[], Encoded], encoding: Encoding) -> None:
        self._ctx = ctx
        self._status = status
        self._encoding: Encoding = encoding
        self.ready = asyncio.Event()

    def answer_now(self, frame: bytes) -> bytes | None:
        """Return the reply to a status request, which needs no waiting; None for any other request."""
        # Look for the method before decoding, because clients request the status most often.
        if len(frame) > _LONGEST_STATUS_REQUEST or not (b"status" in frame or b"ping" in frame):
            return None
        try:
            request = decode(frame, self._encoding)
        except DecodeError:
            return None
        if not isinstance(request, dict) or request.get("method") not in ("status", "ping"):
            return None
        if request.keys() - {"method", "params"}:
            return None
        return encode(self._status(), self._encoding)

    async def answer(self, frame: bytes) -> bytes:
        """Return the reply to any request."""
        try:
            return await self._answer(frame)
        except Exception as error:  # the process boundary: the client gets a reply to any error
            # The request is not logged, because it may contain a lock key or a password. The traceback names the
            # handler.
            logger.exception("Unexpected error while answering a request")
            # Do not use the repr, which may contain values: the repr of a UnicodeEncodeError contains the whole text.
            reason = str(error).encode("ascii", "backslashreplace").decode()
            message = f"Unexpected error in the manager: {type(error).__name__}: {reason}"
            refusal = self._refusal(None, {}, QSError(message))
            return encode(refusal, self._encoding)

    async def _answer(self, frame: bytes) -> bytes:
        method: Method[..., Any] | None = None
        params: dict[str, Any] = {}
        try:
            method, sent, trace = self._parse(frame)
            if method.lenient:
                return encode(self._status(), self._encoding)
            params = _as_params(sent)
            method.check_names(params)
            _check_text(params)
            check_limits(params)
            await self.ready.wait()
            with tracing.span(method.name, trace):
                if (request_id := checked_id(params)) is not None:
                    return await self._answer_once(request_id, method, params)
                reply = await self._run(method, params)
            return encode({"success": True, "msg": "", **reply}, self._encoding)
        except QSError as error:
            return encode(self._refusal(method, params, error), self._encoding)

    async def _answer_once(self, request_id: str, method: Method[..., Any], params: dict[str, Any]) -> bytes:
        """Return the reply to a request with an id: the stored one, or that of the same request if it still runs."""
        answers = self._ctx.answers
        digest = digest_of(method, params)
        match answers.find(request_id, digest):
            case bytes() as text:
                return self._frame(text)
            case asyncio.Future() as running:
                return await asyncio.shield(running)
        request = answers.open(request_id, digest)
        present = open_request.set(request)
        try:
            frame = await self._carry_out(request, method, params)
        except asyncio.CancelledError:
            request.frame.cancel()
            raise
        except Exception as error:  # not handled here: others may wait for the frame of the same request
            request.frame.set_exception(error)
            request.frame.exception()  # if nobody waits for it, asyncio would log the exception
            raise
        finally:
            open_request.reset(present)
            answers.close(request)
        request.frame.set_result(frame)
        return frame

    async def _carry_out(self, request: OpenRequest, method: Method[..., Any], params: dict[str, Any]) -> bytes:
        """Carry out a request with an id, and store the reply. A refusal is stored if something was changed."""
        ledger = self._ctx.ledger
        try:
            reply = await self._run(method, params)
            if request.reply is None:
                await ledger.note(request.answer(reply))
            assert request.reply is not None
            return self._frame(request.reply)
        except QSError as error:
            refusal = self._refusal(method, params, error)
            if request.changed and not isinstance(error, StoreError):
                await ledger.note(request.answer(refusal))
            elif request.begun or request.reply is not None:
                await ledger.note(request.forget())
            return encode(refusal, self._encoding)

    def _frame(self, text: bytes) -> bytes:
        return text if self._encoding == "json" else encode(Encoded(text), self._encoding)

    def _parse(self, frame: bytes) -> tuple[Method[..., Any], Any, str | None]:
        """Return the method, its parameters (still of any type) and the trace context (`ipc.tracing`)."""
        check_size(frame)
        try:
            request = decode(frame, self._encoding)
        except DecodeError as error:
            raise RequestError(f"Failed to decode the request: {error}") from None
        if not isinstance(request, dict):
            raise RequestError(f"Invalid request format: the request is not an object: {outline(request)}")
        if "method" not in request:
            raise RequestError(f"Invalid request format: method is not specified: {outline(request)}")
        if unknown := [key for key in request if key not in ("method", "params", TRACE_KEY)]:
            listed = ", ".join(repr(key) for key in unknown)
            msg = (
                f"Invalid request format: unsupported keys: {listed}. Supported keys: 'method', 'params', '{TRACE_KEY}'"
            )
            raise RequestError(msg)
        name = request["method"]
        if not isinstance(name, str):
            raise RequestError(f"Invalid request format: method is not a string: {outline(name)}")
        trace = request.get(TRACE_KEY)
        if not isinstance(trace, str | None) or len(trace or "") > _LONGEST_TRACE:
            raise RequestError(f"Invalid request format: {TRACE_KEY} is not a short string: {outline(trace)}")
        return METHODS.find(name), request.get("params"), trace

    async def _run(self, method: Method[..., Any], params: dict[str, Any]) -> Any:
        key = params.get("lock_key")
        if "lock_key" in method.parameters and key is not None and (not isinstance(key, str) or not key):
            raise BadParams(f"Lock key must be a non-empty string: lock_key={shown('lock_key', key)}")
        self._ctx.lock.check(method.lock, key)
        arguments = method.arguments(params)
        known = dict(arguments)
        if method.lock is not Lock.NONE:
            aside = ("lock_key",) if method.name in RECORD_USER else ("lock_key", "user")
            known = {name: value for name, value in arguments.items() if name not in aside}
        known.pop("request_id", None)
        if (request := open_request.get()) and method.name not in STORES_REPLY:
            await self._ctx.ledger.note(request.begin())
        reply = HANDLERS[method.name](self._ctx, **known)
        reply = await reply if isinstance(reply, Awaitable) else reply
        log_change(method.name, arguments)
        return reply

    def _refusal(self, method: Method[..., Any] | None, params: dict[str, Any], error: QSError) -> dict[str, Any]:
        message = error.message
        if (
            method is not None and method.failing and not isinstance(error, Locked)
        ):  # the message about the lock is complete
            message = f"{method.failing}: {message}"
        reply: dict[str, Any] = {"success": False, "msg": cut(message, LONGEST_MESSAGE)}
        if method is None or not method.bare or is_about_its_id(error):
            reply["error"] = error.code
        if method is not None:
            reply |= method.failure(params)
            if method.name in FAILED:
                reply |= FAILED[method.name](self._ctx, params, error.message)
        return reply | error.reply


def _as_params(sent: Any) -> dict[str, Any]:
    params: dict[Any, Any] = {} if sent is None else sent
    if not isinstance(sent, dict | None) or not all(isinstance(key, str) for key in params):
        raise RequestError(f"Invalid request format: params is not an object: {outline(sent)}")
    return params


def _check_text(params: dict[str, Any]) -> None:
    for name, value in params.items():
        try:
            if isinstance(value, str):
                value.encode()
        except UnicodeEncodeError:
            msg = f"{name}={shown(name, value)} is not valid Unicode text (contains a lone surrogate)"
            raise BadParams(msg) from None


_LONGEST_STATUS_REQUEST = 4096
_LONGEST_TRACE = 256
