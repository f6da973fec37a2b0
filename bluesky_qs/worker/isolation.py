"""The first steps of the shadow: it gives up the worker's connections and output."""

import contextlib
import gc
import io
import logging
import os
import resource
import select
import signal
import sys
from collections import deque
from pathlib import Path
from typing import Any

from bluesky_qs.ipc.child import get_at_death_of_parent

_LOWEST_PRIORITY = 19
#: Maximum number of characters of output to keep.
OUTPUT_KEPT = 10_000
#: Maximum number of bytes that a dry run may use in addition to the worker's memory.
MEMORY = 2**30


class Output(io.TextIOBase):
    """Keeps the last part of the printed text."""

    def __init__(self) -> None:
        self._parts: deque[str] = deque()
        self._size = 0

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding, for code that checks it."""
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self._parts.append(text[-OUTPUT_KEPT:])
        self._size += len(self._parts[-1])
        while self._parts and self._size - len(self._parts[0]) >= OUTPUT_KEPT:
            self._size -= len(self._parts.popleft())
        return len(text)

    def take(self) -> str:
        """Return the end of the output, and clear it."""
        text = "".join(self._parts)[-OUTPUT_KEPT:]
        self._parts.clear()
        self._size = 0
        return text


def end_with(parent: int) -> None:
    """On Linux, end this process when the parent process ends."""
    get_at_death_of_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def ignore_signals() -> None:
    """Ignore Ctrl-C, which is meant for the worker in this process group. Remove user code's signal handlers."""
    for each in (signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(each, signal.SIG_DFL)
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.set_wakeup_fd(-1)


def give_way() -> None:
    """Give this process the lowest priority, and make the system kill it first when memory runs out."""
    os.nice(_LOWEST_PRIORITY)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def replace_descriptors(kept: int) -> None:
    """Replace all descriptors except one. Reading and writing fail on the new ones, but output is discarded."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    useless = os.open("/", os.O_PATH)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - pathlib is slow with thousands of descriptors
        descriptor = int(name)
        if descriptor in (kept, nowhere, useless):
            continue
        with contextlib.suppress(OSError):  # the descriptor used for the listing is already closed
            os.fstat(descriptor)
            os.dup2(nowhere if descriptor <= 2 else useless, descriptor, inheritable=False)  # noqa: PLR2004 - stderr
    os.close(nowhere)
    os.close(useless)


def replace_output() -> Output:
    """Send text that Python code prints or logs to a bounded buffer."""
    output = Output()
    sys.stdout = sys.stderr = output
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - open for as long as the process lives
    sys.displayhook, sys.breakpointhook = sys.__displayhook__, sys.__breakpointhook__
    logging.Logger.callHandlers = _print_record  # type: ignore[method-assign]
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None and hasattr(shell, "display_pub"):
        shell.display_pub.publish = lambda *_args, **_options: None
    return output


def limit_memory() -> None:
    """Limit the process to `MEMORY` bytes more than it uses now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def keep_objects() -> None:
    """Exclude the worker's objects from garbage collection: their finalizers would close its connections."""
    gc.freeze()
    sys.dont_write_bytecode = True


def wait_for(child: int, seconds: float) -> int:
    """Wait until the child process ends. Kill it after this time. Return its exit code, negative for a signal."""
    descriptor = os.pidfd_open(child)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(seconds * 1000):
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(descriptor)
    return os.waitstatus_to_exitcode(status)


def _print_record(_logger: logging.Logger, record: logging.LogRecord) -> None:
    if record.levelno >= logging.WARNING:
        print(record.getMessage())
