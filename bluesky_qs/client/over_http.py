"""The blocking client's HTTP transport: requests from any thread, and the server's streams."""

import asyncio
import os
import queue
import ssl
import threading
import time
from typing import Any

import httpx

from bluesky_qs.client import failures, http_calls, http_failures, tls_probe
from bluesky_qs.client.authorization import Authorization
from bluesky_qs.client.http_calls import HTTPCall
from bluesky_qs.client.http_settings import HTTPSettings
from bluesky_qs.client.http_streams import Streams
from bluesky_qs.client.transport import Closing, EncodedReply, Message, Request
from bluesky_qs.errors import ConfigError, QSError

#: Seconds for which an idle connection is kept. It is less than the 5 s after which servers close connections, so that
#: no request is sent at that moment.
_KEEP = 4.0


class HTTPTransport:
    """Exchanges requests and replies with the service through an HTTP server; implements `transport.Transport`.

    Threads share the connections, which are kept for the next request.
    """

    def __init__(self, settings: HTTPSettings, authorization: Authorization) -> None:
        self._settings = settings
        self.authorization = authorization
        self._guard = threading.Lock()
        self._refreshing = threading.Lock()
        self._client: httpx.Client | None = None
        #: Whether the server uses TLS, according to its address.
        self._has_answered = False
        self._pid = os.getpid()

    def exchange(self, request: Request) -> EncodedReply:
        """Send a request and return the reply; see `transport.Transport`."""
        call = http_calls.of_request(request)
        return http_calls.reply(call, self._respond(call), self._settings, self.authorization.user)

    def send(self, call: HTTPCall) -> Any:
        """Send any call and return the decoded body of the response.

        Raises
        ------
        HTTPError
            The server did not answer, or refused the call.
        """
        return http_calls.checked(call, self._respond(call), self._settings, self.authorization.user)

    def subscribe(self, *topics: bytes) -> "HTTPFeed":
        """Subscribe to streams of the server; see `transport.Transport`."""
        return HTTPFeed(self, self._settings, topics)

    def refresh(self, used: str | None) -> None:
        """Get new tokens, unless another thread has meanwhile replaced the token ``used``."""
        with self._refreshing:
            if self.authorization.keys.token == used:
                self.authorization.set_tokens(self.send(http_calls.refreshing(self.authorization)))

    def last_event(self) -> int | None:
        """The number of the latest event; None if it is not known."""
        try:
            return http_calls.last_event(self.exchange(http_calls.EVENTS))
        except QSError:
            return None

    def close(self) -> None:
        """Close the connections. The next request opens them again."""
        with self._guard:
            client, self._client = self._client, None
        if client is not None and self._pid == os.getpid():
            client.close()

    def _respond(self, call: HTTPCall) -> httpx.Response:
        keys = self.authorization.keys
        if http_calls.needs_first_token(call, keys):
            self.refresh(keys.token)
            keys = self.authorization.keys
        response = self._repeated(call)
        if http_calls.needs_new_token(call, keys, response):
            self.refresh(keys.token)
            response = self._repeated(call)
        if http_failures.wants_tls(response):
            self.authorization.forget()
        return response

    def _repeated(self, call: HTTPCall) -> httpx.Response:
        """Send a call. If the response is lost, send the call again if that is safe, even to a restarted server."""
        is_lost = False
        pauses = list(http_calls.PAUSES)
        while True:
            try:
                response = self._attempt(call)
            except httpx.TransportError as error:
                if is_interruption(error) and not is_lost:
                    is_lost = True
                    # The key must not be sent unencrypted again.
                    if not self._has_answered and tls_probe.wants_tls(self._settings):
                        raise http_calls.refused_in_clear(call, self._settings, self.authorization) from None
                if not (pauses and is_lost and call.may_be_repeated):
                    raise failure(error, call, self._settings) from None
            else:
                self._has_answered = True
                return response
            time.sleep(pauses.pop(0))

    def _attempt(self, call: HTTPCall) -> httpx.Response:
        client = self._connected()
        try:
            return client.request(**arguments(call, self._settings, self.authorization))
        except (httpx.TransportError, RuntimeError):  # RuntimeError: a client that was closed before it sent
            if client is not self._client:
                raise failures.ClientClosedError from None
            raise

    def _connected(self) -> httpx.Client:
        with self._guard:
            if self._pid != os.getpid():  # two processes must not share a connection
                self._pid, self._client = os.getpid(), None
            if self._client is None:
                self._client = httpx.Client(**client_arguments(self._settings))
            return self._client


class HTTPFeed(Closing):
    """A subscription to streams of the server; implements `transport.Feed`.

    A thread keeps the connections, and reopens them if they are lost.
    """

    def __init__(self, transport: HTTPTransport, settings: HTTPSettings, topics: tuple[bytes, ...]) -> None:
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._transport = transport
        self._streams = Streams(settings, self, topics, deliver=self._messages.put, tls=tls_context(settings))
        self._begun = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name=type(self).__name__)
        self._thread.start()
        # A caller that subscribes and then sends a request must not miss the effects of the request.
        self._begun.wait(settings.timeout or None)

    @property
    def authorization(self) -> Authorization:
        """The credentials of requests."""
        return self._transport.authorization

    @property
    def refusal(self) -> QSError | None:
        """The reason why the server refuses the streams, or None."""
        return self._streams.refusal

    def next(self, timeout: float) -> Message | None:
        """Return the next message, or None if none arrives within ``timeout`` seconds."""
        try:
            return self._messages.get(timeout=timeout) if timeout > 0 else self._messages.get_nowait()
        except queue.Empty:
            return None

    def close(self) -> None:
        """End the subscription."""
        loop, task = self._loop, self._task
        if loop is not None and task is not None and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._read())
        finally:
            self._begun.set()

    async def _read(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._streams.run(self._begun.set))
        await asyncio.wait([self._task])

    async def refresh(self, used: str | None) -> None:
        """Get new tokens in place of the one that was ``used``."""
        await asyncio.to_thread(self._transport.refresh, used)

    async def last_event(self) -> int | None:
        """The number of the latest event; None if it is not known."""
        return await asyncio.to_thread(self._transport.last_event)


def client_arguments(settings: HTTPSettings) -> dict[str, Any]:
    """The arguments of an httpx client, blocking or asyncio."""
    return {
        "base_url": settings.server_uri,
        "verify": tls_context(settings) or False,
        # This computer needs no proxy, but the environment variables often do not exclude it.
        "trust_env": not settings.is_loopback,
        "limits": httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=_KEEP),
    }


def arguments(call: HTTPCall, settings: HTTPSettings, authorization: Authorization) -> dict[str, Any]:
    """The arguments of a request with an httpx client."""
    timeout = call.seconds(settings.timeout)
    body = {"content": call.body} if call.form is None else {"data": dict(call.form)}
    return {
        "method": call.verb,
        "url": settings.server_uri + call.path,
        "params": call.query,
        "headers": call.sent_headers(authorization.keys),
        "timeout": http_failures.seconds(timeout),
        **body,
    }


def tls_context(settings: HTTPSettings) -> ssl.SSLContext | None:
    """The certificates to trust: those in the file, or those of the system and of the package certifi.

    Raises
    ------
    ConfigError
        The file has no certificates.
    """
    if not settings.is_encrypted:
        return None
    if settings.ca_file is not None:
        try:
            return ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:
            raise ConfigError(f"Cannot read certificates from {settings.ca_file!r}: {error.strerror}") from None
    import certifi  # noqa: PLC0415 - httpx brings it; only needed for TLS

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def is_interruption(error: httpx.TransportError) -> bool:
    """Whether the connection was lost after the request was sent."""
    return isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError)


def failure(error: httpx.TransportError, call: HTTPCall, settings: HTTPSettings) -> http_failures.HTTPRequestError:
    """Return our error for an error of httpx."""
    if isinstance(error, httpx.ConnectTimeout | httpx.ReadTimeout | httpx.WriteTimeout | httpx.PoolTimeout):
        timeout = call.seconds(settings.timeout)
        return http_failures.no_answer(settings, call.shown, timeout)
    if is_interruption(error):
        return http_failures.interrupted(settings, call.shown, error)
    return http_failures.unreachable(settings, call.shown, error)
