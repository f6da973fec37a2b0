"""What the commands share that attach Jupyter's front ends to the IPython kernel of the environment."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from bluesky_qs.client.failures import RequestTimeoutError
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import QSError

#: Starts a front end, given its arguments and the service.
Start = Callable[[list[str], REManagerAPI], None]

_FAILED = 5


class CannotStart(Exception):
    """Why there is nothing to attach to, or nothing to attach."""


def command(name: str, help_text: str, start: Start) -> Callable[[], int]:
    """The command of this name, ready to be run: 0, 1 for bad options, 5 if the front end could not be started."""
    made = click.Command(
        name,
        params=list(_params()),
        callback=lambda front_end, **options: _attach(start, front_end, **options),
        help=help_text,
        context_settings={"help_option_names": ["-h", "--help"], "ignore_unknown_options": True},
    )

    def main() -> int:
        try:
            made.main(prog_name=name, standalone_mode=False)
        except click.ClickException as error:
            error.show()
            return 1
        except (CannotStart, QSError, RequestTimeoutError) as error:
            print(f"Failed to start the console: {error}", file=sys.stderr)
            return _FAILED
        except (KeyboardInterrupt, click.Abort):
            return _FAILED
        return 0

    return main


def _params() -> Iterator[click.Parameter]:
    yield click.Option(
        ["-a", "--zmq-control-addr", "--address", "control_addr"],
        metavar="ADDRESS",
        help="The service.  [default: tcp://localhost:60615; QSERVER_ZMQ_CONTROL_ADDRESS]",
    )
    yield click.Option(
        ["--zmq-encoding", "encoding"],
        type=click.Choice(["json", "msgpack"], case_sensitive=False),
        help="Encoding that the service uses.  [default: json; QSERVER_ZMQ_ENCODING]",
    )
    yield click.Option(["-k", "--lock-key", "lock_key"], metavar="KEY", help="Sent where a lock may refuse Ctrl-C.")
    yield click.Argument(["front_end"], nargs=-1, metavar="[OPTIONS OF JUPYTER]...", type=click.UNPROCESSED)


def _attach(
    start: Start, front_end: Sequence[str], *, control_addr: str | None, encoding: Any, lock_key: str | None
) -> None:
    with REManagerAPI(control_addr, zmq_encoding=encoding, lock_key=lock_key, request_fail_exceptions=False) as manager:
        info = _connection(manager)
        with _file(info) as path:
            start([*front_end, f"--existing={path}"], manager)


def _connection(manager: REManagerAPI) -> dict[str, Any]:
    """How to connect to the kernel.

    Raises
    ------
    CannotStart
        There is none.
    """
    info: Any = manager.config_get()["config"].get("ip_connect_info")
    status = manager.status()
    if not status["worker_environment_exists"]:
        raise CannotStart("RE Worker environment is not open")
    if not info:
        raise CannotStart("RE Manager is not in IPython mode: IPython kernel is not used")
    if status["ip_kernel_captured"]:
        print("RE Manager is using the kernel: the console answers when the plan or task has ended.", file=sys.stderr)
    return info


@contextmanager
def _file(info: dict[str, Any]) -> Iterator[str]:
    """A connection file, for the owner's eyes: the key is in it."""
    fd, path = tempfile.mkstemp(prefix="qserver-kernel-", suffix=".json")
    try:
        with os.fdopen(fd, "w") as file:
            json.dump(info, file)
        yield path
    finally:
        os.unlink(path)  # noqa: PTH108 - mkstemp gives text
