"""The control channel as a blocking client uses it: requests from any thread, none of REQ's traps."""

import os
import threading
from typing import Any

import zmq

from bluesky_qs.client.failures import ClientClosedError
from bluesky_qs.client.settings import CONTROL_ADDRESS, Settings
from bluesky_qs.errors import ConfigError


class Control:
    """Exchanges frames with the service.

    Threads that ask at the same time use sockets of their own, kept for the next request. A socket whose answer did
    not come is thrown away, because REQ would wait for that answer for ever; its request is dropped with it, so that
    a service that starts later does not carry it out.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self._idle: list[zmq.Socket[bytes]] = []
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._pid = os.getpid()

    def exchange(self, frame: bytes) -> bytes:
        """Send one request and return its answer.

        Raises
        ------
        TimeoutError
            No answer within the settings' ``timeout_recv``.
        ClientClosedError
            Another thread closed the client meanwhile.
        """
        socket = self._take()
        answered = False
        try:
            socket.send(frame)
            answer = socket.recv()
            answered = True
        except zmq.Again:
            raise TimeoutError from None
        except zmq.ContextTerminated:
            raise ClientClosedError from None
        finally:
            if answered:
                self._keep(socket)
            else:
                socket.close(linger=0)
        return answer

    def close(self) -> None:
        """Close the sockets and end 0MQ's threads; the next request opens them again."""
        with self._guard:
            idle, self._idle = self._idle, []
            context, self._context = self._context, None
        for socket in idle:
            socket.close(linger=0)
        if context is not None and self._pid == os.getpid():
            context.term()

    def _take(self) -> "zmq.Socket[bytes]":
        with self._guard:
            if self._pid != os.getpid():  # 0MQ does not survive a fork
                self._pid, self._idle, self._context = os.getpid(), [], None
            if self._idle:
                return self._idle.pop()
            if self._context is None:
                self._context = zmq.Context()
            return connected(self._context, self._settings)

    def _keep(self, socket: "zmq.Socket[bytes]") -> None:
        with self._guard:
            if socket.context is self._context:
                self._idle.append(socket)
                return
        socket.close(linger=0)  # the client was closed by another thread while this one waited


def connected(context: "zmq.Context[Any]", settings: Settings) -> Any:
    """A REQ socket connected to the service; of the context's kind.

    Raises
    ------
    ConfigError
        The address or the public key is not one.
    """
    socket = context.socket(zmq.REQ)
    socket.linger = 0
    socket.rcvtimeo = int(settings.timeout_recv * 1000)
    socket.sndtimeo = int(settings.timeout_send * 1000)
    try:
        if settings.public_key:
            socket.curve_serverkey = settings.public_key.encode()
            # The service knows its clients by its own key only: any pair will do.
            socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
        socket.connect(settings.control_addr)
    except (zmq.ZMQError, ValueError, UnicodeEncodeError) as error:
        socket.close(linger=0)
        raise ConfigError(
            f"Cannot connect to {settings.control_addr!r}"
            f"{' with the public key given' if settings.public_key else ''}: {error}; "
            f"an address is like {CONTROL_ADDRESS} or ipc:///path"
        ) from None
    return socket
