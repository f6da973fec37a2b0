"""``qserver-zmq-keys``: makes the keys that encrypt the control socket."""

import sys

import click

from bluesky_qs.errors import ConfigError
from bluesky_qs.wire.control import generate_keys, public_key

_INVALID_KEY = 4
_VARIABLE_OF_SERVER = "QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER"
_VARIABLE_OF_CLIENT = "QSERVER_ZMQ_PUBLIC_KEY"


@click.command("qserver-zmq-keys", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--zmq-private-key", metavar="KEY", help="Show the public key of this private key; make no new keys.")
def _command(zmq_private_key: str | None) -> int:
    """Make a new pair of keys for the encryption of the control socket.

    The private key is for the service, the public key for its clients.
    """
    if zmq_private_key is None:
        public, private = generate_keys()
        click.echo("A new pair of keys:")
        click.echo(f" Private key (for RE Manager, {_VARIABLE_OF_SERVER}): {private}")
    else:
        public = public_key(zmq_private_key)
    click.echo(f" Public key (for clients, {_VARIABLE_OF_CLIENT}): {public}")
    return 0


def main() -> int:
    """Run the command; its exit code: 1 for bad options, 4 for a key that is not valid."""
    try:
        return _command.main(prog_name=_command.name, standalone_mode=False) or 0
    except ConfigError as error:
        click.echo(f"Error: {error.message}", err=True)
        return _INVALID_KEY
    except click.ClickException as error:
        error.show()
        return 1


if __name__ == "__main__":
    sys.exit(main())
