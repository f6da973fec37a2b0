"""``python -m bluesky_qs.door DIR --listen FD --beat FD --parent-pipe FD``: the supervisor starts it."""

import socket
import sys

from bluesky_qs.ipc.child import begin_door


def _number(option: str) -> int:
    return int(sys.argv[sys.argv.index(option) + 1])


if __name__ == "__main__":
    directory = begin_door(sys.argv)
    from bluesky_qs.door.run import run_child

    sys.exit(run_child(directory, socket.socket(fileno=_number("--listen")), _number("--beat")))
