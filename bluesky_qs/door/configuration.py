"""The configuration file of a door, with the sections of the community's server and some of our own.

==============================  ==================================================================================
``qserver_zmq_configuration``   the service behind the door
``instruments``                 several services, by name; the first one is the default (ours)
``uvicorn``                     where the door listens, its certificate, its path prefix
``allow_origins``               other sites whose pages may use the door
``authentication``, ``access``  sign-in, roles and groups, read by `bluesky_qs.door.signin`, as are ``api_access``,
                                ``resource_access`` and ``database``
==============================  ==================================================================================
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import structs

from bluesky_qs.client.settings import settings as connection
from bluesky_qs.config import files, schema
from bluesky_qs.door.settings import ServiceSettings
from bluesky_qs.door.signin import settings as sign_in
from bluesky_qs.errors import ConfigError
from bluesky_qs.nearest import did_you_mean, nearest

_T = TypeVar("_T")
_SECTIONS = (
    "qserver_zmq_configuration",
    "instruments",
    "uvicorn",
    "allow_origins",
    "metrics",
    "server_configuration",
    *sign_in.SECTIONS,
)
#: Settings of bluesky-httpserver that this server does not support, with advice.
_UNSUPPORTED = {
    "server_configuration.custom_routers": "this server does not load routers. Run them in a separate server",
    "server_configuration.custom_modules": (
        "this server does not load code. Spreadsheets are read as described in docs/http-door.md"
    ),
    "uvicorn.workers": "one process is enough. Remove it",
    "uvicorn.ssl_keyfile_password": "use a key without a password, in a file that only the door's user can read",
    "uvicorn.ssl_version": "let a proxy handle TLS if Python's defaults do not suit you",
    "uvicorn.ssl_cert_reqs": "let a proxy ask for client certificates",
    "uvicorn.ssl_ca_certs": "let a proxy ask for client certificates",
    "uvicorn.ssl_ciphers": "let a proxy handle TLS if Python's defaults do not suit you",
}


class Uvicorn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The address of the door, unless it is on the command line."""

    host: str | None = None
    port: int | None = None
    root_path: str | None = None
    proxy_headers: bool | None = None
    forwarded_allow_ips: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None


class Configuration(msgspec.Struct, frozen=True):
    """A configuration file.

    Attributes
    ----------
    services
        The services behind the door; empty if the file names none.
    sign_in
        The sections about sign-in, not yet interpreted.
    """

    uvicorn: Uvicorn = Uvicorn()
    services: tuple[ServiceSettings, ...] = ()
    allow_origins: tuple[str, ...] = ()
    sign_in: dict[str, Any] = {}


class _Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    control_address: str | None = None
    info_address: str | None = None
    encoding: str | None = None
    public_key: str | None = None


def read(path: str | None, environ: Mapping[str, str]) -> Configuration:
    """Read a configuration file; without one, all settings have their defaults.

    Raises
    ------
    ConfigError
        The file cannot be read, or has an unknown or an unsupported section or key. The message names it.
    """
    if path is None:
        return Configuration()
    sections = known_sections(path, environ)
    return Configuration(
        uvicorn=_converted(sections.get("uvicorn") or {}, Uvicorn, "uvicorn", path),
        services=_services(sections, path),
        allow_origins=_converted(sections.get("allow_origins") or [], tuple[str, ...], "allow_origins", path),
        sign_in={name: value for name, value in sections.items() if name in sign_in.SECTIONS},
    )


def known_sections(path: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the sections of a configuration file.

    Raises
    ------
    ConfigError
        The file cannot be read, or has an unknown section or an unsupported key. The message names it.
    """
    sections = files.sections(path, environ)
    for name, value in sections.items():
        if name not in _SECTIONS:
            raise _unknown_section(name, sections, path)
        for key in value if isinstance(value, dict) else ():
            if advice := _UNSUPPORTED.get(f"{name}.{key}"):
                raise ConfigError(f"{name}.{key} in {path} is not supported: {advice}")
    return sections


def _unknown_section(name: str, sections: Mapping[str, Any], path: str) -> ConfigError:
    if name not in schema.SECTIONS:
        hint = did_you_mean(nearest(name, _SECTIONS, 1)) or f"; known sections are: {', '.join(_SECTIONS)}"
        return ConfigError(f"Unknown section {name!r} in {path}{hint}")
    http = sections.get("http")
    named = http.get("config") if isinstance(http, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    advice = f" It names this file: {named}" if named else ""
    return ConfigError(
        f"{path} is the configuration file of the service: it has the section {name!r}. Give the configuration file of "
        f"the HTTP door instead.{advice}"
    )


def _services(sections: Mapping[str, Any], path: str) -> tuple[ServiceSettings, ...]:
    single, several = "qserver_zmq_configuration", "instruments"
    if single in sections and several in sections:
        raise ConfigError(f"{path} has both sections '{single}' and '{several}'. Keep only one of them")
    if single in sections:
        address = _converted(sections[single] or {}, _Address, single, path)
        return (_service(address, None),)
    instruments = _converted(sections.get(several) or {}, dict[str, _Address], several, path)
    for name, address in instruments.items():
        if not name.isidentifier() and not name.replace("-", "_").isidentifier():
            raise ConfigError(
                f"The name {name!r} in section '{several}' of {path} must consist of letters, digits, '-' and '_', and "
                "must not start with a digit"
            )
        if address.control_address is None or address.info_address is None:
            raise ConfigError(f"{several}.{name} in {path} needs control_address and info_address")
    return tuple(_service(address, name) for name, address in instruments.items())


def service_at(
    *,
    control_addr: str | None = None,
    info_addr: str | None = None,
    encoding: str | None = None,
    public_key: str | None = None,
) -> ServiceSettings:
    """Return the service at these addresses. Missing values come from the environment, as for every client.

    Raises
    ------
    ConfigError
        An address, the encoding or the key is not valid.
    """
    found = connection(control_addr=control_addr, info_addr=info_addr, encoding=encoding, public_key=public_key)
    return ServiceSettings(
        control_addr=found.control_addr,
        info_addr=found.info_addr,
        encoding=found.encoding,
        public_key=found.public_key,
    )


def _service(address: _Address, name: str | None) -> ServiceSettings:
    service = service_at(
        control_addr=address.control_address,
        info_addr=address.info_address,
        encoding=address.encoding,
        public_key=address.public_key,
    )
    # With several services, ignore the key in the environment, because each service has its own.
    return service if name is None else structs.replace(service, name=name, public_key=address.public_key)


def _converted(value: Any, kind: type[_T], section: str, path: str) -> _T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"Section {section!r} in {path}: {error}") from None
