"""``qserver-http``: handles SIGHUP before it imports anything that takes long, and runs `http_door`."""

import sys
from collections.abc import Sequence

from bluesky_qs.ipc.hangup import early_hangup_handled


def main(args: Sequence[str] | None = None) -> int:
    """Run the command until it receives a signal to stop, and return the exit code."""
    with early_hangup_handled():
        from bluesky_qs.cli import http_door  # noqa: PLC0415 - see above

        return http_door.main(args)


if __name__ == "__main__":
    sys.exit(main())
