"""Entry point of the worker process: ``python -m bluesky_qs.worker ADDRESS``."""

import argparse
import faulthandler
import os
import sys
import threading

from bluesky_qs.config.logs import configure_logging


def main() -> None:
    """Serve until the environment is closed, then leave the process."""
    options = _options()
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr] # lines of both reach the console in their order
    configure_logging(options.log_level)
    os.environ.setdefault("MPLBACKEND", "Agg")  # there is no screen, and a window would block the main thread
    os.environ["_QSERVER_RE_WORKER_ACTIVE"] = "1"  # what `is_re_worker_active`, ours and the other package's, looks at
    if options.parent_pipe is not None:
        threading.Thread(target=_die_with, args=(options.parent_pipe,), name="parent", daemon=True).start()
    # The service's own options must not look like the startup code's.
    sys.argv = [sys.argv[0]]

    from bluesky_qs.worker.app import Worker, leave  # noqa: PLC0415 - after the watch of the parent has begun

    leave(Worker(options.address, preload=options.preload).serve())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bluesky_qs.worker", description=__doc__)
    parser.add_argument("address", help="0MQ address to bind")
    parser.add_argument("--parent-pipe", type=int, metavar="FD", help="end this process when this pipe closes")
    parser.add_argument("--preload", action="append", default=[], metavar="MODULE", help="import it while waiting")
    parser.add_argument("--log-level", default="INFO")
    return parser.parse_args()


def _die_with(pipe: int) -> None:
    """End the process when the other end of the pipe is closed, which the system does however the parent dies."""
    while os.read(pipe, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
