"""``python -m bluesky_qs.metrics DIR --listen FD --beat FD --parent-pipe FD``: the supervisor starts it."""

import socket
import sys

from bluesky_qs.ipc.child import begin_metrics


def _number(option: str) -> int:
    return int(sys.argv[sys.argv.index(option) + 1])


if __name__ == "__main__":
    directory = begin_metrics(sys.argv)
    from bluesky_qs.metrics.server import run

    run(directory, socket.socket(fileno=_number("--listen")), _number("--beat"))
