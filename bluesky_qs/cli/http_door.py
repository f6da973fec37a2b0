"""``qserver-http`` without a command: runs only the HTTP door, for a service on another computer or for several."""

import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from bluesky_qs._version import __version__
from bluesky_qs.addresses import CONTROL_ADDRESS, HTTP_ADDRESS, INFO_ADDRESS
from bluesky_qs.cli import http_users
from bluesky_qs.cli.parser import Parser, add_encoding, described, exit_code_of, values_apart
from bluesky_qs.cli.setting_options import add_levels, add_setting, require_door
from bluesky_qs.config.load import HTTP_CONFIG_VARIABLE, load_http
from bluesky_qs.config.schema import LogLevel, fields
from bluesky_qs.errors import WrongOption

if TYPE_CHECKING:
    from bluesky_qs.door.settings import DoorSettings

_HELP = """Run the HTTP door of RE Manager: it forwards HTTP requests to the service.

ADDR is host:port, host or port; *:port for every interface. The default is 127.0.0.1:60610.
'start-re-manager --http' runs the same door beside the service.

qserver-http user add|passwd|remove|list    users in the users file
qserver-http key new|list|revoke            API keys"""
_OWN_OPTIONS = ("http.addr", "http.config")


def main(args: Sequence[str] | None = None) -> int:
    """Run the door until it receives a signal to stop, and return the exit code."""
    return exit_code_of(partial(_chosen, sys.argv[1:] if args is None else args))


def _chosen(words: Sequence[str]) -> int:
    """Run the command for users or keys, or the door."""
    if words and words[0] in http_users.COMMANDS:
        require_door()
        return http_users.main(words)
    if any(word.partition("=")[0] == "--http" for word in words):
        raise WrongOption("qserver-http has no option --http. Write the address alone: qserver-http ADDR")
    return _run(vars(_parser().parse_args(values_apart(words))))


def _run(options: dict[str, Any]) -> int:
    require_door()

    from bluesky_qs.door.configuration import service_at  # noqa: PLC0415 - help needs no sockets
    from bluesky_qs.door.opening import prepare  # noqa: PLC0415
    from bluesky_qs.door.run import run_alone  # noqa: PLC0415
    from bluesky_qs.ipc.listening import listen, url  # noqa: PLC0415

    http = load_http({**options, "http.addr": _address(options)}, os.environ)
    given = {name: options.pop(name) for name in ("control_addr", "info_addr", "encoding")}
    service = service_at(**given) if any(given.values()) else None
    opening = prepare(http, os.environ, service=service)

    def read() -> "DoorSettings":
        return prepare(http, os.environ, service=service).settings

    with listen(opening.http.addr or HTTP_ADDRESS, "ADDR") as listening:
        place = url(listening, tls=opening.http.ssl_certfile is not None)
        if opening.key_file is not None and sys.stdout.isatty():
            print(f"\n    {place}/#api_key={opening.settings.single_user.key}\n", flush=True)
        run_alone(opening, listening, read, _level(options["level"]))
    return 0


def _address(options: dict[str, Any]) -> str | None:
    """The address from ADDR, or from --host and --port."""
    addr, host, port = (options.pop(name) for name in ("addr", "host", "port"))
    if addr is not None and (host is not None or port is not None):
        raise WrongOption("Give ADDR, or --host and --port, but not both")
    if addr is not None or (host is None and port is None):
        return addr
    host = host or "127.0.0.1"
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return host if port is None else f"{host}:{port}"


def _level(word: str | None) -> LogLevel:
    levels: dict[str | None, LogLevel] = {"verbose": "VERBOSE", "quiet": "QUIET", "silent": "SILENT"}
    return levels.get(word, "NORMAL")


def _parser() -> Parser:
    parser = Parser("qserver-http", _HELP, arguments=" [ADDR]")
    parser.add_argument("addr", nargs="?", metavar="ADDR", help=f"Where to listen  [default: {HTTP_ADDRESS}]")
    parser.add_argument("--host", metavar="HOST", help="Where to listen, without the port.")
    parser.add_argument("--port", metavar="PORT", help="The port.")
    parser.add_argument(
        "--config",
        "--config_path",
        dest="http.config",
        metavar="PATH",
        help=described("Configuration file (YAML), or a folder of them.", HTTP_CONFIG_VARIABLE),
    )
    parser.add_argument(
        "--zmq-control-addr",
        dest="control_addr",
        metavar="ADDRESS",
        help=described("Control socket of the service.", f"default: {CONTROL_ADDRESS}", "QSERVER_ZMQ_CONTROL_ADDRESS"),
    )
    parser.add_argument(
        "--zmq-info-addr",
        dest="info_addr",
        metavar="ADDRESS",
        help=described("Info socket of the service.", f"default: {INFO_ADDRESS}", "QSERVER_ZMQ_INFO_ADDRESS"),
    )
    add_encoding(parser)
    for field in fields():
        if field.section == "http" and field.key not in _OWN_OPTIONS:
            add_setting(parser, field)
    add_levels(parser, "level")
    version = f"qserver-http {__version__}"
    parser.add_argument("--version", action="version", version=version, help="Show the version and exit.")
    parser.add_help_option()
    return parser
