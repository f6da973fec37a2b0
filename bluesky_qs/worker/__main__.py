"""Entry point of the worker process: ``python -m bluesky_qs.worker ADDRESS``."""

import argparse
import os
import sys

from bluesky_qs.config.logs import configure_logging
from bluesky_qs.ipc.child import begin_worker
from bluesky_qs.ipc.open_files import set_limit
from bluesky_qs.startup.later import put_off_slow_imports
from bluesky_qs.startup.leaving import leave
from bluesky_qs.worker.output import ItemOutput, TaskAwareHandler


def main() -> None:
    """Serve until the environment is closed, then exit."""
    options = _options()
    begin_worker(sys.argv)
    if options.open_files is not None:
        set_limit(options.open_files)
    output = ItemOutput.of_process()
    configure_logging(options.log_level, TaskAwareHandler(output), parts=options.log_part)
    if options.otel:
        from bluesky_qs.ipc import otel  # noqa: PLC0415 - only with traces

        otel.start("worker")
    os.environ.setdefault("MPLBACKEND", "Agg")  # there is no display, and a window would block the main thread
    os.environ["_QSERVER_RE_WORKER_ACTIVE"] = "1"  # read by `is_re_worker_active`, here and in bluesky_queueserver
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # Jupyter's debugger prints a warning at each import
    put_off_slow_imports()
    # Startup code must not see the service's own options.
    sys.argv = [sys.argv[0]]

    from bluesky_qs.worker.app import WorkerProcess  # noqa: PLC0415 - imported once the parent is being watched

    leave(WorkerProcess(options.address, preload=options.preload, output=output).serve())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bluesky_qs.worker", description=__doc__)
    parser.add_argument("address", help="0MQ address to bind")
    parser.add_argument("--parent-pipe", type=int, metavar="FD", help="end this process when this pipe closes")
    parser.add_argument("--preload", action="append", default=[], metavar="MODULE", help="import it while waiting")
    parser.add_argument("--otel", action="store_true", help="send traces")
    parser.add_argument("--log-level", default="INFO")
    parser.add_argument("--log-part", action="append", default=[], metavar="PART=LEVEL", help="level of one part")
    parser.add_argument("--open-files", type=int, metavar="N", help="soft limit of open files for user code")
    return parser.parse_args()


if __name__ == "__main__":
    main()
