"""``python -m bluesky_qs.manager DIR --parent-pipe FD``: the supervisor starts it."""

import sys

from bluesky_qs.ipc.child import begin_manager

if __name__ == "__main__":
    directory = begin_manager(sys.argv)
    from bluesky_qs.manager.app import run

    sys.exit(run(directory))
