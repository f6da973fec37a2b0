"""The children's command lines. ``-P`` keeps the children from importing modules from the current folder."""

import logging
import sys
from collections.abc import Callable, Sequence

from bluesky_qs.config.logs import LEVELS
from bluesky_qs.config.schema import Settings

#: Returns a command line, given the runtime directory or the address of the link.
Command = Callable[[str], Sequence[str]]
#: Returns the command line of a child that answers HTTP requests. The additional arguments are the file descriptors of
#: its socket and of the pipe for its heartbeats.
ListenerCommand = Callable[[str, int, int], Sequence[str]]


def manager_command(rundir: str) -> Sequence[str]:
    """Return the command line of the manager."""
    return [sys.executable, "-P", "-m", "bluesky_qs.manager", rundir]


def worker_command(settings: Settings, address: str, *, open_files: int | None = None) -> Sequence[str]:
    """Return the command line of a worker. ``open_files`` is the soft limit on open files for user code.

    In a service, this is the limit with which the service was started, as in a terminal. User code that uses
    ``select()`` fails for file numbers higher than 1023, and some programs close every file that a process might have.
    """
    level = logging.getLevelName(LEVELS[settings.operation.console_logging_level])
    # A worker with a kernel imports IPython before its startup code runs, so the spare worker may import it in advance.
    kernel = ["bluesky_qs.worker.kernel"] if settings.worker.use_ipython_kernel else []
    preload = [f"--preload={module}" for module in (*kernel, *settings.worker.preload)]
    files = [] if open_files is None else [f"--open-files={open_files}"]
    traces = ["--otel"] if settings.operation.otel else []
    levels = [f"--log-level={level}", *(f"--log-part={part}" for part in settings.log.levels)]
    return [sys.executable, "-P", "-m", "bluesky_qs.worker", address, *levels, *traces, *files, *preload]


def door_command(rundir: str, listen: int, beat: int) -> Sequence[str]:
    """Return the command line of the HTTP door."""
    return _listener("bluesky_qs.door", rundir, listen, beat)


def metrics_command(rundir: str, listen: int, beat: int) -> Sequence[str]:
    """Return the command line of the process that serves metrics without a door."""
    return _listener("bluesky_qs.metrics", rundir, listen, beat)


def _listener(module: str, rundir: str, listen: int, beat: int) -> Sequence[str]:
    return [sys.executable, "-P", "-m", module, rundir, "--listen", str(listen), "--beat", str(beat)]
