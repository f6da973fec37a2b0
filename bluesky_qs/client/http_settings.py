"""The settings of a client that reaches the service over HTTP: from arguments, the environment, or defaults."""

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from bluesky_qs.errors import ConfigError

#: The default address of the clients in `bluesky_qs.http`.
SERVER_URI = "http://localhost:60610"


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPSettings:
    """How a client reaches the service over HTTP.

    Attributes
    ----------
    server_uri
        Address of the server, without a slash at the end. It may have a path, if the server is behind another one.
    auth_provider
        The default path to which `login` sends the name and the password, such as ``/site/token``.
    timeout, timeout_login
        Seconds to wait for a reply, and for the reply to a sign-in; 0 waits forever.
    ca_file
        The certificates to trust instead of those of the system, or None.
    """

    server_uri: str
    auth_provider: str | None = None
    timeout: float = 5.0
    timeout_login: float = 60.0
    ca_file: str | None = None

    #: Replies over HTTP are JSON.
    encoding = "json"

    @property
    def address(self) -> str:
        """The address in messages."""
        return self.server_uri

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection is encrypted."""
        return self.server_uri.startswith("https:")

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this computer. Then no proxy is used."""
        return is_loopback(urlsplit(self.server_uri).hostname or "")

    @property
    def stream_uri(self) -> str:
        """The address for websockets."""
        return "ws" + self.server_uri.removeprefix("http")


def http_settings(
    *,
    server_uri: str | None = None,
    auth_provider: str | None = None,
    timeout: float | None = None,
    timeout_login: float | None = None,
    ca_file: str | None = None,
) -> HTTPSettings:
    """Return the settings: the given values first, then ``QSERVER_HTTP_SERVER_URI``, then the defaults.

    Raises
    ------
    ConfigError
        The address is not valid, or the file of certificates does not exist.
    """
    default = HTTPSettings(server_uri=SERVER_URI)
    return HTTPSettings(
        server_uri=_checked_uri(server_uri or os.environ.get("QSERVER_HTTP_SERVER_URI") or SERVER_URI),
        auth_provider=auth_provider,
        timeout=default.timeout if timeout is None else max(timeout, 0.0),
        timeout_login=default.timeout_login if timeout_login is None else max(timeout_login, 0.0),
        ca_file=_checked_file(ca_file),
    )


class OverHTTP:
    """A base class that makes the next client class use HTTP, with the defaults of bluesky-queueserver-api."""

    def __init__(
        self,
        *,
        http_server_uri: str | None = None,
        http_auth_provider: str | None = None,
        timeout: float | None = 5.0,
        timeout_login: float | None = 60.0,
        **others: Any,
    ) -> None:
        options = {"timeout": timeout, "timeout_login": timeout_login, **others}
        uri = http_settings(server_uri=http_server_uri).server_uri
        client: Any = super()
        client.__init__(http_server_uri=uri, http_auth_provider=http_auth_provider, **options)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this computer."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_http(address: str) -> bool:
    """Whether an address belongs to an HTTP server and not to a 0MQ socket."""
    return address.lower().startswith(("http://", "https://"))


def _checked_uri(text: str) -> str:
    parts = _split(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{text!r} is not the address of an HTTP server: it should look like {SERVER_URI}")
    if parts.username or parts.password:
        raise ConfigError(
            "The address of the HTTP server must not contain a name or a password. Sign in with RM.login(…), or with a "
            "key: RM.set_authorization_key(api_key=…)"
        )
    if parts.query or parts.fragment:
        raise ConfigError(
            "The address of the HTTP server must not contain a '?' or '#'. Give a key with "
            "RM.set_authorization_key(api_key=…)"
        )
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text.strip())
        _ = parts.port  # reading the port checks it
    except ValueError:
        return None
    return parts


def _checked_file(name: str | None) -> str | None:
    if name is not None and not Path(name).expanduser().is_file():
        raise ConfigError(f"There is no file {name!r} with certificates")
    return name and str(Path(name).expanduser())
