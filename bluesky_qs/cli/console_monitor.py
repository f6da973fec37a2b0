"""``qserver-console-monitor``: shows the console output of a running service."""

import sys
from typing import Any

import click
import zmq

from bluesky_qs.client.settings import settings
from bluesky_qs.errors import QSError
from bluesky_qs.wire import info
from bluesky_qs.wire.codec import DecodeError, Encoding, decode
from bluesky_qs.wire.control import client_socket

#: Statuses after which a console that has shown nothing may not be published at all.
_SILENT = 3
_NOTHING_YET = (
    "[The service is there and has printed nothing yet. Its console output is published only if it was started with "
    "--zmq-publish-console ON]"
)


@click.command("qserver-console-monitor", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--zmq-info-addr",
    "--zmq-subscribe-addr",
    "info_addr",
    metavar="ADDRESS",
    help="Information socket of the service.  [default: tcp://localhost:60625; QSERVER_ZMQ_INFO_ADDRESS]",
)
@click.option(
    "--zmq-encoding",
    "encoding",
    type=click.Choice(["json", "msgpack"], case_sensitive=False),
    help="Encoding that the service uses.  [default: json; QSERVER_ZMQ_ENCODING]",
)
def _command(info_addr: str | None, encoding: str | None) -> int:
    """Show the console output of RE Manager until interrupted with Ctrl-C.

    The service publishes it if it was started with --zmq-publish-console ON.
    """
    chosen = settings(info_addr=info_addr, encoding=encoding)
    with zmq.Context() as context:
        socket = client_socket(context, chosen.info_addr, kind=zmq.SUB, rcvhwm=0)
        try:
            socket.subscribe(info.CONSOLE)
            socket.subscribe(info.INFO)  # comes each second, whether the console is published or not
            _show(socket, chosen.encoding)
        finally:
            socket.close(linger=0)
    return 0


def _show(socket: Any, encoding: Encoding) -> None:
    """Print what comes; tell, apart from it, where messages are missing, and if none may ever come."""
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
            print(f"\n[{seq - last - 1} messages of the console were lost]", file=sys.stderr, flush=True)
        last = seq
        sys.stdout.write(message["msg"])
        sys.stdout.flush()


def main() -> int:
    """Run the command; 0 when interrupted, 1 for bad options."""
    try:
        return _command.main(prog_name=_command.name, standalone_mode=False) or 0
    except (KeyboardInterrupt, click.Abort):  # the latter is what click makes of the former
        return 0
    except BrokenPipeError:
        # Whoever read our output has gone; say nothing when Python flushes it at exit.
        sys.stdout = None
        return 0
    except click.ClickException as error:
        error.show()
    except DecodeError as error:
        click.echo(f"Error: {error}. Does the service use another encoding?", err=True)
    except QSError as error:
        click.echo(f"Error: {error.message}", err=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
