"""``qserver-console-monitor``: shows the console output of a running service."""

import socket as sockets
import sys
from typing import Any
from urllib.parse import urlsplit

import zmq

from bluesky_qs.addresses import INFO_ADDRESS, client_address
from bluesky_qs.cli.parser import Parser, ParserExit, add_encoding, described
from bluesky_qs.client.settings import settings
from bluesky_qs.errors import ConfigError, QSError
from bluesky_qs.wire import info
from bluesky_qs.wire.codec import DecodeError, Encoding, decode
from bluesky_qs.wire.control import client_socket

#: If nothing was printed after this many status messages, the console output is perhaps not published.
_SILENT = 3
_NOTHING_YET = (
    "[The service is running and has printed nothing yet. It publishes console output only if it was started with "
    "--zmq-publish-console ON]"
)


_HELP = """Show the console output of RE Manager until you press Ctrl-C.

The service publishes it if it was started with --zmq-publish-console ON."""


def main() -> int:
    """Run the command. Return 0 when interrupted, 1 for bad options."""
    parser = Parser("qserver-console-monitor", _HELP)
    parser.add_argument(
        "--zmq-info-addr",
        "--zmq-subscribe-addr",
        dest="info_addr",
        metavar="ADDRESS",
        help=described("Info socket of the service.", f"default: {INFO_ADDRESS}", "QSERVER_ZMQ_INFO_ADDRESS"),
    )
    add_encoding(parser)
    parser.add_help_option()
    try:
        options = parser.parse_args()
        _follow(options.info_addr, options.encoding)
    except ParserExit as ended:
        return ended.code
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Nobody reads our output anymore. Without this, Python reports an error when it flushes at exit.
        sys.stdout = None
        return 0
    except DecodeError as error:
        print(f"Error: {error}. Does the service use another encoding?", file=sys.stderr)
    except QSError as error:
        print(f"Error: {error.message}", file=sys.stderr)
    return 1


def _follow(info_addr: str | None, encoding: Encoding | None) -> None:
    chosen = settings(info_addr=info_addr, encoding=encoding)
    _check_host(client_address(chosen.info_addr))
    with zmq.Context() as context:
        socket = client_socket(context, chosen.info_addr, kind=zmq.SUB, rcvhwm=0)
        try:
            socket.subscribe(info.CONSOLE)
            socket.subscribe(info.INFO)  # sent each second, whether the console is published or not
            _show(socket, chosen.encoding)
        finally:
            socket.close(linger=0)


def _check_host(address: str) -> None:
    """Raise an error for a host that does not exist, because 0MQ would try to find it forever."""
    host = urlsplit(address).hostname if address.startswith("tcp://") else None
    if host is None:
        return
    try:
        sockets.getaddrinfo(host, None)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f'Unknown host "{host}" in {address} ({error})') from None


def _show(socket: Any, encoding: Encoding) -> None:
    """Print the messages. Report lost messages, and a silent console, on standard error."""
    last: int | None = None
    silent = 0
    while True:
        topic, payload = socket.recv_multipart()
        if topic == info.INFO:
            silent += 1
            if silent == _SILENT and last is None:
                print(_NOTHING_YET, file=sys.stderr, flush=True)
            continue
        message = decode(payload, encoding)
        seq = message.get("seq")
        if seq is not None and last is not None and seq > last + 1:
            print(f"\n[{seq - last - 1} console messages were lost]", file=sys.stderr, flush=True)
        last = seq
        sys.stdout.write(message["msg"])
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
