"""Collects and checks the settings of a door, from options, the configuration file and the environment."""

import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bluesky_qs.addresses import HTTP_ADDRESS, http_fault, http_place, is_loopback, reaches_beyond
from bluesky_qs.config.schema import Http
from bluesky_qs.door import configuration
from bluesky_qs.door.configuration import Uvicorn
from bluesky_qs.door.keyfile import default_key_file, key_in
from bluesky_qs.door.settings import DoorSettings, ServiceSettings, SingleUser, single_user
from bluesky_qs.door.signin.access import read_user_group
from bluesky_qs.door.signin.settings import SignInSettings, read_sign_in, single_user_key
from bluesky_qs.errors import ConfigError

_NO_TLS = (
    "The HTTP door can be reached from other computers without TLS, so keys and passwords can be read on the way. "
    "Use --ssl-certfile and --ssl-keyfile, or --behind-proxy if a proxy handles TLS"
)
_AROUND = (
    "Roles do not protect the service from users who can reach the control socket {control}: it requires no sign-in "
    "and is not encrypted. Start the service with --zmq-control-addr {control_here} --zmq-info-addr {info_here}, or "
    "encrypt the control socket (see qserver-zmq-keys)"
)


class Opening(NamedTuple):
    """A door that is ready to be opened.

    Attributes
    ----------
    http
        The options, with missing ones filled in from the configuration file.
    settings
        The settings of the door.
    key_file
        The file with the generated key; None if there is none.
    warnings
        Warnings for the log.
    """

    http: Http
    settings: DoorSettings
    key_file: Path | None
    warnings: list[str]


_NOBODY = (
    "With {addr}, other computers can reach the HTTP door, but nobody could sign in there. Configure who may sign in "
    "({option} FILE, section 'authentication'), or set a key (QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY)"
)


def prepare(
    http: Http, environ: Mapping[str, str], *, service: ServiceSettings | None = None, config_option: str = "--config"
) -> Opening:
    """Collect the settings for opening the door. A key is generated if necessary.

    ``service`` is the service of this door; without it, the configuration names the services. ``config_option`` is the
    option that names the configuration file, for an error.

    Raises
    ------
    ConfigError
        The configuration is not valid, the certificate cannot be used, or anyone could use the door.
    """
    file = configuration.read(http.config, environ)
    http = _completed(http, file.uvicorn, environ)
    services = (service,) if service is not None else file.services or (configuration.service_at(),)
    host, port = http_place(http.addr or HTTP_ADDRESS)
    only_here = is_loopback(host)
    user, sign_in = _single_user(file.sign_in, environ), _sign_in(file.sign_in, environ, http.config)
    if not (only_here or sign_in.providers or user.key):
        raise ConfigError(_NOBODY.format(addr=http.addr, option=config_option))
    _check_certificate(http)
    key_file = None if sign_in.providers or user.key else default_key_file()
    if key_file is not None:
        user = msgspec.structs.replace(user, key=key_in(key_file))
    tls = http.ssl_certfile is not None or http.behind_proxy
    return Opening(
        http=http,
        settings=DoorSettings(
            host=host,
            port=port,
            services=services,
            single_user=user,
            sign_in=sign_in,
            allow_origins=file.allow_origins,
            behind_proxy=http.behind_proxy,
            proxies=_proxies(file.uvicorn.forwarded_allow_ips or environ.get("FORWARDED_ALLOW_IPS")),
            root_path=http.root_path or "",
            metrics=http.metrics,
            certificate=None if http.ssl_certfile is None else Path(http.ssl_certfile),
            private_key=None if http.ssl_keyfile is None else Path(http.ssl_keyfile),
        ),
        key_file=key_file,
        warnings=[
            *([] if only_here or tls else [_NO_TLS]),
            *(_ways_around(services) if sign_in.providers else []),
        ],
    )


def _ways_around(services: Iterable[ServiceSettings]) -> list[str]:
    """A warning for each control address at which other computers can bypass the door."""
    found: list[str] = []
    for service in services:
        control = service.others_addr or service.control_addr
        if service.public_key is None and reaches_beyond(control):
            info = service.others_info_addr or service.info_addr
            found.append(_AROUND.format(control=control, control_here=_here(control), info_here=_here(info)))
    return found


def _here(address: str) -> str:
    """The address with the same port that only this computer can reach."""
    return f"tcp://127.0.0.1:{address.rpartition(':')[2]}" if reaches_beyond(address) else address


def _completed(http: Http, file: Uvicorn, environ: Mapping[str, str]) -> Http:
    """Add missing options from the file, then from the environment."""
    addr = http.addr
    if addr is None and (file.host is not None or file.port is not None):
        host = file.host or "127.0.0.1"
        host = f"[{host}]" if ":" in host else host
        addr = host if file.port is None else f"{host}:{file.port}"
        if fault := http_fault(addr):
            raise ConfigError(f"uvicorn.host and uvicorn.port in {http.config}: {addr!r} {fault}")
    return msgspec.structs.replace(
        http,
        addr=addr or environ.get("QSERVER_HTTP_ADDRESS_FOR_SERVER") or HTTP_ADDRESS,
        ssl_certfile=http.ssl_certfile or file.ssl_certfile,
        ssl_keyfile=http.ssl_keyfile or (None if http.ssl_certfile else file.ssl_keyfile),
        behind_proxy=http.behind_proxy or bool(file.proxy_headers),
        root_path=http.root_path or (file.root_path or "").rstrip("/") or None,
    )


def _proxies(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text else DoorSettings().proxies


def _single_user(sections: Mapping[str, Any], environ: Mapping[str, str]) -> SingleUser:
    user = msgspec.structs.replace(single_user(environ), user_group=read_user_group(sections))
    key = single_user_key(sections)
    return user if key is None else msgspec.structs.replace(user, key=key)


def _sign_in(sections: Mapping[str, Any], environ: Mapping[str, str], path: str | None) -> SignInSettings:
    try:
        return read_sign_in(sections, environ)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}" if path else error.message) from None


def _check_certificate(http: Http) -> None:
    if http.ssl_certfile is None:
        if http.ssl_keyfile is not None:
            raise ConfigError("--ssl-keyfile needs --ssl-certfile, the certificate of this host")
        return
    for path in (http.ssl_certfile, http.ssl_keyfile):
        try:
            if path is not None:
                Path(path).open("rb").close()
        except OSError as error:
            raise ConfigError(f"The certificate cannot be used: {path}: {error.strerror}") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            http.ssl_certfile, http.ssl_keyfile, password=_no_password
        )
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"The certificate {http.ssl_certfile} and its key cannot be used: {_reason(error)}. Both must be PEM files "
            "that belong together, and the key must have no password"
        ) from None


def _no_password() -> str:
    return ""  # otherwise OpenSSL asks for a password in the terminal


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)
