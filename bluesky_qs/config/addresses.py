"""Checks of addresses that people write: of sockets, and of a Redis given instead of a path."""

import re
from pathlib import Path

_EXPECTED = "an address like tcp://*:60615 or ipc:///path"
_TCP = re.compile(r"tcp://(?P<host>.+):(?P<port>[^:]+)")
_IPC = re.compile(r"ipc://.+")
_EVERYWHERE = frozenset({"*", "0.0.0.0", "[::]"})  # noqa: S104 - only compared
_LAST_PORT = 65535
_PASSWORD = re.compile(r"//[^/]*@")
_SCHEMES = ("redis", "rediss", "unix")
#: host:port, host:port/db, a URL of a Redis, localhost, and IP addresses.
_REDIS = re.compile(
    r"(?:[\w.-]+|\[[\w:]+\]):\d+(?:/\d*)?|(?:rediss?|unix):.*|localhost(?:/\d+)?|\d+(?:\.\d+){3}(?:/\d+)?"
)


def socket_fault(address: str) -> str:
    """Return why this is not the address of a 0MQ socket, as words that follow the address; empty if it is one."""
    if _IPC.fullmatch(address):
        return ""
    parts = _TCP.fullmatch(address)
    if parts is None:
        return f"is not {_EXPECTED}"
    return "" if parts["port"] == "*" else port_fault(address)


def port_fault(address: str) -> str:
    """Return why the port of a ``tcp://`` address is invalid; empty for valid ports and other addresses."""
    parts = _TCP.fullmatch(address)
    if parts is None or _is_port(parts["port"]):
        return ""
    return f"has an invalid port: it must be a number from 1 to {_LAST_PORT}, not {parts['port']!r}"


def collide(one: str, other: str) -> bool:
    """Return whether two sockets cannot be bound to these addresses at once."""
    if one == other:
        return not one.endswith(":*")
    ours, theirs = _TCP.fullmatch(one), _TCP.fullmatch(other)
    if not (ours and theirs) or ours["port"] != theirs["port"] or ours["port"] == "*":
        return False
    hosts = {"127.0.0.1" if host == "localhost" else host for host in (ours["host"], theirs["host"])}
    return len(hosts) == 1 or bool(hosts & _EVERYWHERE)


def redis_meant(path: str) -> str:
    """Return the Redis address that a path without a file probably means; empty for a path."""
    if not _REDIS.fullmatch(path) or Path(path).exists():
        return ""
    scheme, has_scheme, rest = path.partition(":/")
    if has_scheme and scheme in _SCHEMES:
        return f"{scheme}://{rest.removeprefix('/')}"
    return f"redis://{path.removeprefix('redis:')}"


def redis_fault(address: str) -> str:
    """Return why this is not the address of a Redis, as words that follow it; empty if it may be one."""
    scheme, has_scheme, rest = address.partition("://")
    if scheme == "unix":
        return ""
    if has_scheme and scheme not in _SCHEMES:
        return "is not a Redis address: use host, host:port, host:port/db or redis://…"
    host = (rest if has_scheme else address).partition("/")[0].rpartition("@")[2].rpartition("]")[2]
    _, has_port, port = host.partition(":")
    if not has_port or _is_port(port):
        return ""
    return f"has an invalid port: it must be a number from 1 to {_LAST_PORT}, not {port!r}"


def hide_password(text: str) -> str:
    """Return an address without user and password."""
    return _PASSWORD.sub("//***@", text)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 1 <= int(text) <= _LAST_PORT
