"""The keys and options of the control and info sockets."""

from collections.abc import Callable
from typing import Any

import zmq

from bluesky_qs.addresses import CONTROL_ADDRESS, bind_address, client_address
from bluesky_qs.errors import AddressInUse, ConfigError

#: Maximum number of connections that wait until the service accepts them. The operating system may allow fewer. Many
#: arrive at the same time when the manager is replaced and all clients reconnect.
_BACKLOG = 4096
#: Length of a key in its text form (Z85).
KEY_LENGTH = 40
#: Maximum number of bytes in a message to the control socket. A client that sends more is disconnected, and gets no
#: reply.
LARGEST_MESSAGE = 1_000_000_000
#: Maximum number of bytes in a message to the info socket, which receives only the topics of subscriptions.
LARGEST_SUBSCRIPTION = 65_536


def generate_keys() -> tuple[str, str]:
    """Create a public key and a private key, and return them in this order."""
    public, private = zmq.curve_keypair()
    return public.decode(), private.decode()


def public_key(private_key: str) -> str:
    """Return the public key of a private key.

    Raises
    ------
    ConfigError
        The private key is not valid. The message does not show it.
    """
    check_key(private_key, "private key")
    return zmq.curve_public(private_key.encode()).decode()


def check_key(key: str, what: str = "key") -> str:
    """Check a key and return it.

    Raises
    ------
    ConfigError
        The key is not valid. The message does not show it.
    """
    if len(key) != KEY_LENGTH:
        raise ConfigError(f"The {what} is not valid: it has {len(key)} characters, but must have {KEY_LENGTH}")
    try:
        zmq.curve_public(key.encode("ascii"))
    except (zmq.ZMQError, ValueError):  # a UnicodeEncodeError is a ValueError
        raise ConfigError(f"The {what} is not valid: it contains characters that are not allowed in a key") from None
    return key


def client_socket(
    context: Any,
    address: str,
    *,
    server_key: str | None = None,
    kind: int = zmq.REQ,
    before_connecting: Callable[[Any], object] | None = None,
    **options: int,
) -> Any:
    """Return a socket that is connected to the service: a plain or an asyncio socket, depending on the context.

    Parameters
    ----------
    context
        ``zmq.Context`` or ``zmq.asyncio.Context``.
    address
        Address of the service. An address to bind to (``tcp://*:60615``) means this host.
    server_key
        The service's public key, if its control socket is encrypted.
    kind
        Type of the socket: ``zmq.REQ``, ``zmq.DEALER``, ``zmq.SUB``, ….
    before_connecting
        Called with the socket, to monitor it from the beginning.
    options
        Socket options: ``rcvhwm=0``, ….

    Raises
    ------
    ConfigError
        The address or the key is not valid.
    """
    socket = context.socket(kind)
    try:
        socket.linger = 0
        for name, value in options.items():
            setattr(socket, name, value)
        if server_key is not None:
            # Any pair works, because the service accepts every client.
            socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
            socket.curve_serverkey = check_key(server_key, "public key").encode()
        if before_connecting is not None:
            before_connecting(socket)
        socket.connect(client_address(address))
    except BaseException as error:
        socket.close(linger=0)
        if not isinstance(error, zmq.ZMQError):
            raise
        msg = f"Cannot connect to {address!r}: {error}. An address looks like {CONTROL_ADDRESS} or ipc:///path"
        raise ConfigError(msg) from None
    return socket


def server_socket(
    context: Any,
    address: str,
    *,
    private_key: str | None = None,
    kind: int = zmq.ROUTER,
    setting: str = "",
    **options: int,
) -> Any:
    """Bind a socket to ``address``, encrypted if there is a private key; ``options`` are set first.

    ``setting`` is the option for the address; if the address is in use, the message names this option.

    Raises
    ------
    ConfigError
        The address is in use or cannot be bound; the message names it.
    """
    socket = context.socket(kind)
    try:
        socket.linger = 0
        socket.backlog = _BACKLOG
        for name, value in options.items():
            setattr(socket, name, value)
        if private_key is not None:
            socket.curve_server = True
            socket.curve_publickey = public_key(private_key).encode()
            socket.curve_secretkey = private_key.encode()
        _bind(socket, address, setting)
    except BaseException:
        socket.close(linger=0)
        raise
    return socket


def _bind(socket: Any, address: str, setting: str) -> None:
    try:
        socket.bind(bind_address(address))
    except zmq.ZMQError as error:
        in_use = error.errno == zmq.EADDRINUSE
        hint = ": is another RE Manager running?" if in_use else ""
        hint += f" ({setting} chooses another address)" if setting else ""
        sentence = f"Cannot bind to {address}: {zmq.strerror(error.errno or 0)}{hint}"
        raise (AddressInUse if in_use else ConfigError)(sentence) from None
