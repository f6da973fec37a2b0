"""The settings of a door: where it listens, which services are behind it, and its limits."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bluesky_qs.addresses import CONTROL_ADDRESS, INFO_ADDRESS
from bluesky_qs.door.signin.settings import SignInSettings
from bluesky_qs.errors import ConfigError
from bluesky_qs.wire.codec import Encoding

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 60610
#: Name of the service at ``/api/…``.
DEFAULT_SERVICE = "default"

_VARIABLE = "QSERVER_HTTP_SERVER_"


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the door reaches one service.

    Attributes
    ----------
    timeout
        Seconds to wait for a reply, less than the 5 s for which existing clients wait for the door.
    is_beside
        Whether the supervisor of this service starts the door.
    others_addr, others_info_addr
        Control and info addresses for other programs, if they differ from the addresses that the door uses.
    """

    name: str = DEFAULT_SERVICE
    control_addr: str = CONTROL_ADDRESS
    info_addr: str = INFO_ADDRESS
    encoding: Encoding = "json"
    public_key: str | None = None
    timeout: float = 4.0
    is_beside: bool = False
    others_addr: str | None = None
    others_info_addr: str | None = None


class SingleUser(msgspec.Struct, frozen=True, kw_only=True):
    """Access with one key for everyone, if no providers are configured.

    Attributes
    ----------
    key
        The key. Without it, the key is in `key_file`.
    key_file
        File for a generated key, readable by its owner only.
    name
        The user in the items that are added.
    user_group
        Default: ``primary``, or ``admin`` if there is no ``primary``.
    anonymous
        Whether requests without credentials may read the status.
    """

    key: str | None = None
    key_file: Path | None = None
    name: str = "UNAUTHENTICATED_SINGLE_USER"
    user_group: str | None = None
    anonymous: bool = False

    def __repr__(self) -> str:  # the text may end up in a log
        return f"SingleUser(name={self.name!r}, …)"


class DoorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a door.

    Attributes
    ----------
    services
        The services behind the door; the first one is the default.
    sign_in
        Users, their permissions, and the place where their keys and sessions are stored.
    allow_origins
        Web pages of these origins may use the door (CORS).
    behind_proxy
        Whether a proxy handles TLS. The door then uses the proxy's ``X-Forwarded-…`` headers.
    proxies
        Addresses of such proxies. Headers from other addresses are ignored.
    root_path
        Path prefix under which the proxy serves the door.
    certificate, private_key
        Files for TLS in the door itself.
    metrics
        Additional address where anyone may read the metrics.
    head_limit, body_limit
        Largest head and body of a request, in bytes.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    services: tuple[ServiceSettings, ...] = (ServiceSettings(),)
    single_user: SingleUser = SingleUser()
    sign_in: SignInSettings = SignInSettings()
    allow_origins: tuple[str, ...] = ()
    behind_proxy: bool = False
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    root_path: str = ""
    certificate: Path | None = None
    private_key: Path | None = None
    metrics: str | None = None
    head_limit: int = 64 * 1024
    body_limit: int = 64 * 1024 * 1024


def single_user(environ: Mapping[str, str] = os.environ) -> SingleUser:
    """The settings of single-user access, from the variables of the community's server.

    Raises
    ------
    ConfigError
        The key contains characters other than letters and digits. The message does not show it.
    """
    key = environ.get(f"{_VARIABLE}SINGLE_USER_API_KEY") or None
    if key is not None and not (key.isascii() and key.isalnum()):
        raise ConfigError(
            f"The key in the environment variable {_VARIABLE}SINGLE_USER_API_KEY must consist of letters and digits. "
            "Make one with: openssl rand -hex 32"
        )
    anonymous = environ.get(f"{_VARIABLE}ALLOW_ANONYMOUS_ACCESS", "").lower() in {"1", "true", "yes", "on"}
    return SingleUser(key=key, anonymous=anonymous)
