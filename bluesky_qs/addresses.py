"""Reads the addresses that users give for 0MQ sockets, the HTTP door and Redis."""

import re
from pathlib import Path

from bluesky_qs.errors import ConfigError

CONTROL_PORT, INFO_PORT = 60615, 60625
#: The default address of the service, for clients, and for the service itself.
CONTROL_ADDRESS, INFO_ADDRESS = f"tcp://localhost:{CONTROL_PORT}", f"tcp://localhost:{INFO_PORT}"
BOUND_CONTROL_ADDRESS, BOUND_INFO_ADDRESS = f"tcp://*:{CONTROL_PORT}", f"tcp://*:{INFO_PORT}"
HTTP_PORT = 60610
#: The default address of the HTTP door.
HTTP_ADDRESS = f"127.0.0.1:{HTTP_PORT}"

_TCP = re.compile(r"tcp://(?P<host>\[[^\]]+\]|[^:/\[\]]+):(?P<port>[^:]+)")
_IPC = re.compile(r"ipc://.+")
_INPROC = re.compile(r"inproc://.+")
_EVERY_HOST = frozenset({"*", "0.0.0.0", "[::]"})  # noqa: S104 - only compared
_LAST_PORT = 65535

_PASSWORD = re.compile(r"//[^/]*@")
_REDIS_SCHEMES = ("redis", "rediss", "unix")
#: host:port, host:port/db, a Redis URL, localhost, and IP addresses.
_REDIS = re.compile(
    r"(?:[\w.-]+|\[[\w:]+\]):\d+(?:/\d*)?|(?:rediss?|unix):.*|localhost(?:/\d+)?|\d+(?:\.\d+){3}(?:/\d+)?"
)


def expanded(text: str, usual_port: int) -> str:
    """Return the full address; ``host`` and ``host:port`` are short for ``tcp://host:port``, with the default port."""
    if "://" in text:
        return text
    host, port = _host_and_port(text)
    return f"tcp://{host}:{usual_port if port is None else port}"


def both_addresses(address: str) -> tuple[str, str]:
    """Return the control and info addresses for ``host``, ``host:port`` or ``tcp://host:port``; the ports differ by 10.

    With ``ipc://path``, the info address is the default one, unless the service reports another.

    Raises
    ------
    ConfigError
        The port is not a number, or the address has another form.
    """
    scheme, _, place = address.rpartition("://")
    if scheme == "ipc" and place:
        return address, INFO_ADDRESS
    if scheme not in ("", "tcp"):
        raise ConfigError(f"{address!r} is not an address: it should look like {CONTROL_ADDRESS} or ipc:///path")
    host, port = _host_and_port(place)
    if port is None:
        port = str(CONTROL_PORT)
    elif not port.isdecimal():
        raise ConfigError(f"The port in {address!r} is not a number")
    return f"tcp://{host}:{port}", f"tcp://{host}:{int(port) + INFO_PORT - CONTROL_PORT}"


def check_address(address: str) -> str:
    """Check an address and return it.

    Raises
    ------
    ConfigError
        It does not have the form ``tcp://host:port`` or ``ipc://path``.
    """
    parts = _TCP.fullmatch(address)
    is_tcp = parts is not None and (parts["port"] == "*" or parts["port"].isdecimal())
    if not (is_tcp or _IPC.fullmatch(address) or _INPROC.fullmatch(address)):
        raise ConfigError(f"{address!r} is not an address: it should look like {CONTROL_ADDRESS} or ipc:///path")
    return address


def client_address(address: str) -> str:
    """Return the address that clients on this host connect to: ``tcp://*:60615`` → ``tcp://localhost:60615``."""
    parts = _TCP.fullmatch(address)
    if parts and parts["host"] in _EVERY_HOST:
        return f"tcp://localhost:{parts['port']}"
    return address


def reachable_info_address(listening: object, control: str) -> str | None:
    """Return the address of the info socket for a client that reaches the control socket at ``control``.

    ``listening`` is the address on which the service listens, from its reply to clients. The host is taken from the
    control address, which is known to reach the service. None if the user must give the address: the service does not
    report it, the system chose its port, or it is a file on another computer.
    """
    if not isinstance(listening, str):
        return None
    ours, theirs = _TCP.fullmatch(control), _TCP.fullmatch(listening)
    if theirs is None:
        is_here = ours is None or ours["host"] == "localhost" or is_loopback(ours["host"].strip("[]"))
        return listening if is_here and _IPC.fullmatch(listening) else None
    if theirs["port"] == "*":
        return None
    return client_address(listening) if ours is None else f"tcp://{ours['host']}:{theirs['port']}"


def bind_address(address: str) -> str:
    """Return the address to bind: 0MQ binds to IP addresses and interfaces, not to the name ``localhost``."""
    parts = _TCP.fullmatch(check_address(address))
    return f"tcp://127.0.0.1:{parts['port']}" if parts and parts["host"] == "localhost" else address


def socket_fault(address: str) -> str:
    """Return why the service cannot listen on this address, as text to append to the address, or ``""``."""
    if _IPC.fullmatch(address):
        return ""
    parts = _TCP.fullmatch(address)
    if parts is None:
        return f"is not an address like {BOUND_CONTROL_ADDRESS} or ipc:///path"
    return "" if parts["port"] == "*" else port_fault(address)


def port_fault(address: str) -> str:
    """Return the reason why the port of a ``tcp://`` address is invalid; ``""`` for valid ports and other addresses."""
    parts = _TCP.fullmatch(address)
    return "" if parts is None else _number_fault(parts["port"])


def host_fault(address: str) -> str:
    """Return the error text to append to a ``tcp://`` address that has no host; ``""`` for all other addresses."""
    return f"has no host: it should look like {CONTROL_ADDRESS}" if address.startswith("tcp://:") else ""


def collide(one: str, other: str) -> bool:
    """Return whether two sockets with these addresses would conflict."""
    if one == other:
        return not one.endswith(":*")
    ours, theirs = _TCP.fullmatch(one), _TCP.fullmatch(other)
    if not (ours and theirs) or ours["port"] != theirs["port"] or ours["port"] == "*":
        return False
    hosts = {"127.0.0.1" if host == "localhost" else host for host in (ours["host"], theirs["host"])}
    return len(hosts) == 1 or bool(hosts & _EVERY_HOST)


def http_place(address: str) -> tuple[str, int]:
    """Return the host and the port where the HTTP door listens; the host is ``""`` for every interface.

    The address is ``host:port``, ``host``, ``port`` or ``*:port``. Port 0 lets the system choose one.

    Raises
    ------
    ValueError
        The address has another form. The message is the rest of a sentence that begins with the address.
    """
    host, port = ("127.0.0.1", address) if address.isdecimal() else _host_and_port(address)
    if "://" in address or (port is None and not host) or (host.count(":") == 1):
        raise ValueError(f"is not an address like {HTTP_ADDRESS}")
    if port not in (None, "0") and (fault := _number_fault(port)):
        raise ValueError(fault)
    host = {"localhost": "127.0.0.1", "*": "", "0.0.0.0": ""}.get(host, host.strip("[]"))  # noqa: S104 - only compared
    return host, HTTP_PORT if port is None else int(port)


def http_fault(address: str) -> str:
    """Return why the HTTP door cannot listen on this address, as text to append to the address, or ``""``."""
    try:
        http_place(address)
    except ValueError as error:
        return str(error)
    return ""


def is_loopback(host: str) -> bool:
    """Return whether a door on this host (from `http_place`) can be reached from this computer only."""
    return host == "::1" or host.startswith("127.")


def reaches_beyond(address: str) -> bool:
    """Return whether other computers may reach a 0MQ socket with this address."""
    parts = _TCP.fullmatch(address)
    return parts is not None and parts["host"] != "localhost" and not is_loopback(parts["host"].strip("[]"))


def redis_meant(path: str) -> str:
    """Return the Redis address that was given in place of a file path; ``""`` if ``path`` is a file path."""
    if not _REDIS.fullmatch(path) or Path(path).exists():
        return ""
    scheme, has_scheme, rest = path.partition(":/")
    if has_scheme and scheme in _REDIS_SCHEMES:
        return f"{scheme}://{rest.removeprefix('/')}"
    return redis_url(path.removeprefix("redis:"))


def redis_url(address: str) -> str:
    """Return a Redis address with its scheme: ``host:port`` is short for ``redis://host:port``."""
    return address if "://" in address else f"redis://{address}"


def redis_fault(address: str) -> str:
    """Return why this is not a Redis address, as text to append to the address, or ``""``."""
    scheme, has_scheme, rest = address.partition("://")
    if scheme == "unix":
        return ""
    if has_scheme and scheme not in _REDIS_SCHEMES:
        return "is not a Redis address: use host, host:port, host:port/db or redis://…"
    host = (rest if has_scheme else address).partition("/")[0].rpartition("@")[2].rpartition("]")[2]
    _, has_port, port = host.partition(":")
    return _number_fault(port) if has_port else ""


def hide_password(text: str) -> str:
    """Return an address without its user name and password."""
    return _PASSWORD.sub("//***@", text)


def _host_and_port(place: str) -> tuple[str, str | None]:
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):  # in an IPv6 address, the last colon does not separate a port
        return place, None
    return host, port


def _number_fault(port: str) -> str:
    if port.isascii() and port.isdecimal() and 1 <= int(port) <= _LAST_PORT:
        return ""
    return f"has an invalid port: it must be a number from 1 to {_LAST_PORT}, not {port!r}"
