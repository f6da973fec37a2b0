"""The connection settings of a client: from arguments, the environment, or defaults."""

import os
from dataclasses import dataclass, field

from bluesky_qs.addresses import (
    CONTROL_ADDRESS,
    CONTROL_PORT,
    INFO_ADDRESS,
    INFO_PORT,
    expanded,
    host_fault,
    port_fault,
)
from bluesky_qs.errors import ConfigError
from bluesky_qs.wire.codec import Encoding
from bluesky_qs.wire.control import check_key


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """How a client reaches the service.

    Attributes
    ----------
    public_key
        The server's CURVE public key (40 characters), or None for plain sockets.
    timeout_recv, timeout_send
        Seconds to wait for a reply, and for the request to be sent.
    is_address_given
        Whether the caller gave the control address. Otherwise it comes from the environment, or is the default.
    asks_for_info
        Whether the client requests the info address from the service, because neither the caller nor the environment
        gave one. ``info_addr`` is the address if the service does not send it.
    """

    control_addr: str = CONTROL_ADDRESS
    info_addr: str = INFO_ADDRESS
    encoding: Encoding = "json"
    public_key: str | None = None
    timeout_recv: float = 2.0
    timeout_send: float = 0.5
    is_address_given: bool = field(default=False, compare=False)
    asks_for_info: bool = field(default=False, compare=False)

    @property
    def address(self) -> str:
        """The address in messages."""
        return self.control_addr


def settings(
    *,
    control_addr: str | None = None,
    info_addr: str | None = None,
    encoding: str | None = None,
    public_key: str | None = None,
    timeout_recv: float | None = None,
    timeout_send: float | None = None,
) -> ConnectionSettings:
    """Return the settings: the given values first, then the environment (``QSERVER_ZMQ_…``), then the defaults.

    Raises
    ------
    ConfigError
        The encoding is not ``json`` or ``msgpack``, or an address or the public key is not valid.
    """
    default = ConnectionSettings()
    chosen = encoding or os.environ.get("QSERVER_ZMQ_ENCODING") or "json"
    if chosen not in ("json", "msgpack"):
        raise ConfigError(f"Unknown encoding {chosen!r}. Use 'json' or 'msgpack'")
    return ConnectionSettings(
        control_addr=_address(control_addr, "QSERVER_ZMQ_CONTROL_ADDRESS", CONTROL_PORT),
        info_addr=_address(info_addr, "QSERVER_ZMQ_INFO_ADDRESS", INFO_PORT),
        encoding=chosen,
        public_key=_public_key(public_key or os.environ.get("QSERVER_ZMQ_PUBLIC_KEY")),
        timeout_recv=default.timeout_recv if timeout_recv is None else timeout_recv,
        timeout_send=default.timeout_send if timeout_send is None else timeout_send,
        is_address_given=bool(control_addr),
        asks_for_info=not (info_addr or os.environ.get("QSERVER_ZMQ_INFO_ADDRESS")),
    )


def _address(given: str | None, variable: str, usual_port: int) -> str:
    text = given or os.environ.get(variable) or "localhost"
    address = expanded(text, usual_port)
    if fault := port_fault(address) or host_fault(address):
        where = "" if given else f" (environment variable {variable})"
        raise ConfigError(f"{text!r} {fault}{where}")
    return address


def _public_key(key: str | None) -> str | None:
    return check_key(key, "public key") if key else None
