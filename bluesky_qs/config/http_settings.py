"""The settings of the HTTP door."""

import re
from typing import Annotated

import msgspec

from bluesky_qs.addresses import HTTP_ADDRESS, http_fault
from bluesky_qs.config.setting import Setting


def _no_path_prefix(path: str) -> str:
    return "" if re.fullmatch(r"(/[^/?#\s]+)+", path) else "is not a path prefix like /beamline"


class Http(msgspec.Struct, frozen=True):
    """The HTTP door, which `start-re-manager --http` starts.

    `qserver-http` takes the same options, but `ADDR` alone in place of `--http ADDR`, and `--config` in place of
    `--http-config`.
    """

    addr: Annotated[
        str | None,
        Setting(
            "Also answer HTTP requests at this address: host:port, host or port; *:port for every interface. "
            f"--http alone means {HTTP_ADDRESS}.",
            ("--http",),
            ("QSERVER_HTTP_ADDRESS_FOR_SERVER",),
            "ADDRESS",
            fault=http_fault,
            bare=HTTP_ADDRESS,
        ),
    ] = None
    config: Annotated[
        str | None,
        Setting(
            "Configuration file of the HTTP door (YAML), with users and their permissions.",
            ("--http-config",),
            ("QSERVER_HTTP_SERVER_CONFIG",),
            "PATH",
            path=True,
        ),
    ] = None
    ssl_certfile: Annotated[
        str | None,
        Setting(
            "Certificate of this host with its chain (PEM). The HTTP door then answers at https://.",
            ("--ssl-certfile",),
            metavar="FILE",
            path=True,
        ),
    ] = None
    ssl_keyfile: Annotated[
        str | None,
        Setting(
            "Private key of the certificate (PEM), unless it is in the same file.",
            ("--ssl-keyfile",),
            metavar="FILE",
            path=True,
        ),
    ] = None
    behind_proxy: Annotated[
        bool,
        Setting(
            "A proxy handles TLS for the HTTP door. The door uses the proxy's X-Forwarded-For and X-Forwarded-Proto.",
            ("--behind-proxy",),
            bare="ON",
        ),
    ] = False
    root_path: Annotated[
        str | None,
        Setting(
            "Path prefix under which the proxy serves the HTTP door, such as /beamline.",
            ("--root-path",),
            metavar="PATH",
            fault=_no_path_prefix,
        ),
    ] = None
    metrics: Annotated[
        str | None,
        Setting(
            "Publish metrics for Prometheus at this address, for anyone who can reach it: PORT (on this computer "
            "only) or HOST:PORT. The HTTP door is not needed.",
            ("--metrics",),
            ("QSERVER_METRICS_ADDRESS_FOR_SERVER",),
            "ADDRESS",
            fault=http_fault,
        ),
    ] = None
