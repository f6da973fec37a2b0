"""The blocking client's 0MQ transport: requests from any thread, and the info channel."""

import os
import threading
import time
from dataclasses import replace
from typing import Any

import zmq

from bluesky_qs.addresses import reachable_info_address
from bluesky_qs.client import failures
from bluesky_qs.client.codec import encode_request
from bluesky_qs.client.settings import ConnectionSettings
from bluesky_qs.client.transport import Closing, EncodedReply, Message, Request, takes
from bluesky_qs.errors import ConfigError, QSError
from bluesky_qs.wire.codec import DecodeError, Encoding, decode
from bluesky_qs.wire.control import client_socket

#: The request whose reply contains the address of the info socket.
WHERE_IS_INFO = Request("config_get", {})


class ZmqTransport:
    """Exchanges requests and replies with the service; implements `transport.Transport`.

    Threads that send requests at the same time use separate sockets; idle sockets are kept for the next request. A
    socket whose reply did not arrive is closed, because REQ would wait for that reply forever. Its request is discarded
    too, so that a service that starts later does not carry it out.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self._idle: list[zmq.Socket[bytes]] = []
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._pid = os.getpid()

    def exchange(self, request: Request) -> EncodedReply:
        """Send a request and return the reply; see `transport.Transport`."""
        encoding = self._settings.encoding
        frame = encode_request(request.method, request.params, encoding)
        try:
            return EncodedReply(self._exchange(frame, takes(request)), encoding)
        except TimeoutError:
            raise failures.no_answer(self._settings, request._asdict()) from None

    def subscribe(self, *topics: bytes) -> "ZmqFeed":
        """Subscribe to topics of the info channel; see `transport.Transport`."""
        return ZmqFeed(self._located(), topics)

    def close(self) -> None:
        """Close the sockets and end 0MQ's threads. The next request opens them again."""
        with self._guard:
            idle, self._idle = self._idle, []
            context, self._context = self._context, None
        for socket in idle:
            socket.close(linger=0)
        if context is not None and self._pid == os.getpid():
            context.term()

    def _located(self) -> ConnectionSettings:
        """The settings with the info address of the service; see `located`."""
        if not self._settings.asks_for_info:
            return self._settings
        try:
            return located(self._settings, self.exchange(WHERE_IS_INFO))
        except QSError:  # no answer: a service that starts later is expected at the usual address
            return self._settings

    def _exchange(self, frame: bytes, longer: float) -> bytes:
        """Send a frame and return the reply. The service may take ``longer`` more seconds than usual."""
        socket = self._take_socket()
        replied = False
        try:
            socket.send(frame)
            if longer:
                socket.rcvtimeo = int((self._settings.timeout_recv + longer) * 1000)
            reply = socket.recv()
            if longer:
                socket.rcvtimeo = int(self._settings.timeout_recv * 1000)
            replied = True
        except zmq.Again:
            raise TimeoutError from None
        except zmq.ContextTerminated:
            raise failures.ClientClosedError from None
        finally:
            if replied:
                self._keep_socket(socket)
            else:
                socket.close(linger=0)
        return reply

    def _take_socket(self) -> "zmq.Socket[bytes]":
        with self._guard:
            if self._pid != os.getpid():  # 0MQ does not survive a fork
                self._pid, self._idle, self._context = os.getpid(), [], None
            if self._idle:
                return self._idle.pop()
            if self._context is None:
                self._context = zmq.Context()
            return connected(self._context, self._settings)

    def _keep_socket(self, socket: "zmq.Socket[bytes]") -> None:
        with self._guard:
            if socket.context is self._context:  # pyright: ignore[reportUnknownMemberType] - as pyzmq describes it
                self._idle.append(socket)
                return
        socket.close(linger=0)  # another thread closed the client while this one was waiting


class ZmqFeed(Closing):
    """A subscription to the info channel; implements `transport.Feed`."""

    def __init__(self, settings: ConnectionSettings, topics: tuple[bytes, ...]) -> None:
        self._encoding: Encoding = settings.encoding
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = subscribed(self._context, settings, topics)

    @property
    def refusal(self) -> None:
        """Return None, because all clients that can reach the socket get the messages."""
        return

    def next(self, timeout: float) -> Message | None:
        """Return the next message, or None if none arrives within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) >= 0 and self._socket.poll(int(left * 1000) + 1):
            if message := decoded(self._socket.recv_multipart(), self._encoding):
                return message
        return None

    def close(self) -> None:
        """End the subscription."""
        self._socket.close(linger=0)
        self._context.term()


def located(settings: ConnectionSettings, reply: EncodedReply) -> ConnectionSettings:
    """Return the settings with the info address from the reply to `WHERE_IS_INFO`, if the reply contains one.

    Raises
    ------
    ConfigError
        The reply is not in the client's encoding.
    """
    address = reachable_info_address(reply.values().get("zmq_info_addr"), settings.control_addr)
    return settings if address is None else replace(settings, info_addr=address)


def connected(context: "zmq.Context[Any]", settings: ConnectionSettings) -> Any:
    """Return a REQ socket connected to the service; a plain or an asyncio socket, depending on the context.

    Raises
    ------
    ConfigError
        The address or the public key is not valid.
    """
    return client_socket(
        context,
        settings.control_addr,
        server_key=settings.public_key,
        rcvtimeo=int(settings.timeout_recv * 1000),
        sndtimeo=int(settings.timeout_send * 1000),
    )


def subscribed(context: "zmq.Context[Any]", settings: ConnectionSettings, topics: tuple[bytes, ...]) -> Any:
    """Return a SUB socket for these topics; a plain or an asyncio socket, depending on the context.

    Raises
    ------
    ConfigError
        The address is not valid.
    """
    try:
        # The service limits how much it keeps for us.
        socket = client_socket(context, settings.info_addr, kind=zmq.SUB, rcvhwm=0)
    except ConfigError:
        context.term()
        raise
    for topic in topics:
        socket.subscribe(topic)
    return socket


def decoded(frames: list[bytes], encoding: Encoding) -> Message | None:
    """Return the message, or None if it has another encoding: then the channel counts as silent."""
    try:
        return Message(frames[0], decode(frames[-1], encoding))
    except DecodeError:
        return None
