"""Finds out whether a server that closes a plain HTTP connection without a response requires TLS."""

import asyncio
import socket
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from bluesky_qs.client.http_settings import HTTPSettings

#: Seconds for the handshake. A server without TLS refuses it at once.
_LONGEST = 2.0


def wants_tls(settings: HTTPSettings) -> bool:
    """Try a handshake at an address without encryption. No key is sent, and no certificate is checked."""
    if settings.is_encrypted:
        return False
    try:
        with (
            socket.create_connection(_place(settings), _patience(settings)) as plain,
            _context().wrap_socket(plain, server_hostname=_place(settings)[0]),
        ):
            return True
    except (OSError, ValueError):  # ssl.SSLError is an OSError; ValueError: TLS does not accept the host name
        return False


async def wants_tls_async(settings: HTTPSettings) -> bool:
    """`wants_tls` for asyncio."""
    if settings.is_encrypted:
        return False
    host, port = _place(settings)
    try:
        async with asyncio.timeout(_patience(settings)):
            _, writer = await asyncio.open_connection(host, port, ssl=_context(), server_hostname=host)
    except (OSError, ValueError):  # TimeoutError is an OSError
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


def _place(settings: HTTPSettings) -> tuple[str, int]:
    parts = urlsplit(settings.server_uri)
    return parts.hostname or "", parts.port or 80


def _patience(settings: HTTPSettings) -> float:
    return min(settings.timeout or _LONGEST, _LONGEST)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
