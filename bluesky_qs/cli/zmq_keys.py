"""``qserver-zmq-keys``: makes the keys that encrypt the control socket."""

import sys

from bluesky_qs.cli.parser import Parser, ParserExit
from bluesky_qs.errors import ConfigError
from bluesky_qs.wire.control import generate_keys, public_key

_INVALID_KEY = 4
_VARIABLE_OF_SERVER = "QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER"
_VARIABLE_OF_CLIENT = "QSERVER_ZMQ_PUBLIC_KEY"


_HELP = """Make a new pair of keys to encrypt the control socket.

The private key is for the service, the public key for its clients."""


def main() -> int:
    """Run the command. Return 0, 1 for bad options, or 4 for an invalid key."""
    parser = Parser("qserver-zmq-keys", _HELP)
    parser.add_argument(
        "--zmq-private-key", metavar="KEY", help="Show the public key for this private key; make no new keys."
    )
    parser.add_help_option()
    try:
        _show(parser.parse_args().zmq_private_key)
    except ParserExit as ended:
        return ended.code
    except ConfigError as error:
        print(f"Error: {error.message}", file=sys.stderr)
        return _INVALID_KEY
    return 0


def _show(zmq_private_key: str | None) -> None:
    if zmq_private_key is None:
        public, private = generate_keys()
        print("A new pair of keys:")
        print(f" Private key (for RE Manager, {_VARIABLE_OF_SERVER}): {private}")
    else:
        public = public_key(zmq_private_key)
    print(f" Public key (for clients, {_VARIABLE_OF_CLIENT}): {public}")


if __name__ == "__main__":
    sys.exit(main())
