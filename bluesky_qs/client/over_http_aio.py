"""The asyncio client's HTTP transport."""

import asyncio
from typing import Any, Self

import httpx

from bluesky_qs.client import failures, http_calls, http_failures, tls_probe
from bluesky_qs.client.authorization import Authorization
from bluesky_qs.client.http_calls import HTTPCall
from bluesky_qs.client.http_settings import HTTPSettings
from bluesky_qs.client.http_streams import Streams
from bluesky_qs.client.over_http import arguments, client_arguments, failure, is_interruption, tls_context
from bluesky_qs.client.transport import EncodedReply, Message, Request
from bluesky_qs.errors import QSError


class AsyncHTTPTransport:
    """Exchanges requests and replies with the service through an HTTP server; implements `transport.AsyncTransport`."""

    def __init__(self, settings: HTTPSettings, authorization: Authorization) -> None:
        self._settings = settings
        self.authorization = authorization
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refreshing = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None
        #: Whether the server uses TLS, according to its address.
        self._has_answered = False

    async def exchange(self, request: Request) -> EncodedReply:
        """Send a request and return the reply; see `transport.Transport`."""
        call = http_calls.of_request(request)
        return http_calls.reply(call, await self._respond(call), self._settings, self.authorization.user)

    async def send(self, call: HTTPCall) -> Any:
        """Send any call and return the decoded body of the response.

        Raises
        ------
        HTTPError
            The server did not answer, or refused the call.
        """
        return http_calls.checked(call, await self._respond(call), self._settings, self.authorization.user)

    def subscribe(self, *topics: bytes) -> "AsyncHTTPFeed":
        """Subscribe to streams of the server, in the running loop."""
        return AsyncHTTPFeed(self, self._settings, topics)

    async def refresh(self, used: str | None) -> None:
        """Get new tokens, unless another task has replaced the one that was ``used`` in the meantime."""
        async with self._refreshing:
            if self.authorization.keys.token == used:
                self.authorization.set_tokens(await self.send(http_calls.refreshing(self.authorization)))

    async def last_event(self) -> int | None:
        """The number of the latest event; None if it is not known."""
        try:
            return http_calls.last_event(await self.exchange(http_calls.EVENTS))
        except QSError:
            return None

    async def aclose(self) -> None:
        """Close the connections. The next request opens them again."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    async def _respond(self, call: HTTPCall) -> httpx.Response:
        keys = self.authorization.keys
        if http_calls.needs_first_token(call, keys):
            await self.refresh(keys.token)
            keys = self.authorization.keys
        response = await self._repeated(call)
        if http_calls.needs_new_token(call, keys, response):
            await self.refresh(keys.token)
            response = await self._repeated(call)
        if http_failures.wants_tls(response):
            self.authorization.forget()
        return response

    async def _repeated(self, call: HTTPCall) -> httpx.Response:
        """Send a call. If the response is lost, send the call again if that is safe, even to a restarted server."""
        is_lost = False
        pauses = list(http_calls.PAUSES)
        while True:
            try:
                response = await self._attempt(call)
            except httpx.TransportError as error:
                if is_interruption(error) and not is_lost:
                    is_lost = True
                    # The key must not be sent unencrypted again.
                    if not self._has_answered and await tls_probe.wants_tls_async(self._settings):
                        raise http_calls.refused_in_clear(call, self._settings, self.authorization) from None
                if not (pauses and is_lost and call.may_be_repeated):
                    raise failure(error, call, self._settings) from None
            else:
                self._has_answered = True
                return response
            await asyncio.sleep(pauses.pop(0))

    async def _attempt(self, call: HTTPCall) -> httpx.Response:
        client = self._connected()
        try:
            return await client.request(**arguments(call, self._settings, self.authorization))
        except (httpx.TransportError, RuntimeError):  # RuntimeError: a client that was closed before it sent
            if client is not self._client:
                raise failures.ClientClosedError from None
            raise

    def _connected(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # a connection belongs to the loop in which it was made
            self._loop, self._client, self._refreshing = loop, None, asyncio.Lock()
        if self._client is None:
            self._client = httpx.AsyncClient(**client_arguments(self._settings))
        return self._client


class AsyncHTTPFeed:
    """A subscription to streams of the server; implements `transport.AsyncFeed`."""

    def __init__(self, transport: AsyncHTTPTransport, settings: HTTPSettings, topics: tuple[bytes, ...]) -> None:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._timeout = settings.timeout or None
        self._streams = Streams(
            settings, transport, topics, deliver=self._messages.put_nowait, tls=tls_context(settings)
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def refusal(self) -> QSError | None:
        """Why the server refuses the streams, or None."""
        return self._streams.refusal

    async def next(self, timeout: float) -> Message | None:  # noqa: ASYNC109 - None instead of an error
        """Return the next message, or None if none arrives within ``timeout`` seconds."""
        if not self._messages.empty():
            return self._messages.get_nowait()
        try:
            async with asyncio.timeout(timeout):
                return await self._messages.get()
        except TimeoutError:
            return None

    async def __aenter__(self) -> Self:
        begun = asyncio.Event()
        self._task = asyncio.create_task(self._streams.run(begun.set))
        waiting = asyncio.create_task(begun.wait())
        try:
            await asyncio.wait([self._task, waiting], timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        finally:
            waiting.cancel()
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
