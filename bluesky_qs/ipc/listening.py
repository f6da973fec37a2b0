"""The listening socket of the HTTP door. It is bound before the door starts, and outlives it."""

import errno
import os
import socket

from bluesky_qs.addresses import http_place, is_loopback
from bluesky_qs.errors import AddressInUse, ConfigError

_BACKLOG = 2048


def listen(address: str, setting: str) -> socket.socket:
    """Return a socket that listens at the address of an HTTP door.

    ``setting`` is the option for the address; error messages name it.

    Raises
    ------
    ConfigError
        The address is in use or cannot be bound.
    """
    host, port = http_place(address)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _fault(address, error, setting) from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _fault(address, error, setting) from None
    return listening


def url(listening: socket.socket, *, tls: bool) -> str:
    """Return the URL of a door that listens on this socket. If possible, a browser on this computer can use it."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - only compared
        host = "127.0.0.1"
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def only_here(listening: socket.socket) -> bool:
    """Return whether only this computer can connect to the socket."""
    return is_loopback(listening.getsockname()[0])


def _fault(address: str, error: OSError, setting: str) -> ConfigError:
    in_use = error.errno == errno.EADDRINUSE
    hint = ": is another HTTP server running?" if in_use else ""
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    sentence = f"Cannot listen at {address}: {reason}{hint} ({setting} chooses another address)"
    return (AddressInUse if in_use else ConfigError)(sentence)
