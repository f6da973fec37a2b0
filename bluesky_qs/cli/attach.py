"""Code shared by the commands that attach Jupyter's front ends to the IPython kernel of the environment."""

import json
import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bluesky_qs.addresses import CONTROL_ADDRESS
from bluesky_qs.cli.parser import Parser, ParserExit, add_encoding, described
from bluesky_qs.client.failures import RequestTimeoutError
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import QSError

#: Starts a front end, with the front end's arguments and a client of the service.
Start = Callable[[list[str], REManagerAPI], None]

_FAILED = 5


class CannotStart(Exception):
    """There is no kernel to attach to, or no front end is installed."""


def command(name: str, help_text: str, start: Start) -> Callable[[], int]:
    """Return the ``main`` of a command. Exit codes: 0, 2 for bad options, 5 if the front end could not be started."""

    def main() -> int:
        parser = _parser(name, help_text)
        try:
            # The front end has its own options, so unknown options are passed to it.
            options, front_end = parser.parse_known_args()
            _attach(start, front_end, options)
        except ParserExit as ended:
            return ended.code
        except (CannotStart, QSError, RequestTimeoutError) as error:
            print(f"Failed to start the console: {error}", file=sys.stderr)
            return _FAILED
        except KeyboardInterrupt:
            return _FAILED
        return 0

    return main


def _parser(name: str, help_text: str) -> Parser:
    parser = Parser(name, help_text, arguments=" [OPTIONS OF JUPYTER]...", allow_abbrev=False)
    parser.add_argument(
        "-a",
        "--zmq-control-addr",
        "--address",
        dest="control_addr",
        metavar="ADDRESS",
        help=described("Address of the service.", f"default: {CONTROL_ADDRESS}", "QSERVER_ZMQ_CONTROL_ADDRESS"),
    )
    add_encoding(parser)
    parser.add_argument("-k", "--lock-key", metavar="KEY", help="Key for Ctrl-C while the service is locked.")
    parser.add_help_option()
    return parser


def _attach(start: Start, front_end: list[str], options: Namespace) -> None:
    with REManagerAPI(
        options.control_addr,
        zmq_encoding=options.encoding,
        lock_key=options.lock_key,
        request_fail_exceptions=False,
    ) as manager:
        info = _connection(manager)
        with _file(info) as path:
            print("Starting Jupyter Console ...", file=sys.stderr)
            start([*front_end, f"--existing={path}"], manager)


def _connection(manager: REManagerAPI) -> dict[str, Any]:
    """Return the connection data of the kernel.

    Raises
    ------
    CannotStart
        There is no kernel.
    """
    info: Any = manager.config_get()["config"].get("ip_connect_info")
    status = manager.status()
    if not status["worker_environment_exists"]:
        raise CannotStart("RE Worker environment is not open")
    if not info:
        raise CannotStart("RE Manager is not in IPython mode: IPython kernel is not used")
    if status["ip_kernel_captured"]:
        print("RE Manager is using the kernel: the console will respond when the plan or task ends.", file=sys.stderr)
    return info


@contextmanager
def _file(info: dict[str, Any]) -> Iterator[str]:
    """Write a connection file that only its owner can read, because it contains the key."""
    fd, path = tempfile.mkstemp(prefix="qserver-kernel-", suffix=".json")
    try:
        with os.fdopen(fd, "w") as file:
            json.dump(info, file)
        yield path
    finally:
        os.unlink(path)  # noqa: PTH108 - mkstemp returns a string
