"""What a process that the supervisor started does first: it dies with the supervisor, and crashes with a traceback."""

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from bluesky_qs.ipc.runtime import RuntimeDir

_PR_SET_PDEATHSIG = 1
_IOLBF = 1  # line buffered, in the C library of Linux and macOS


def begin_manager(argv: Sequence[str]) -> RuntimeDir:
    """Begin the manager's process, given its command line; the runtime directory named there.

    If the supervisor dies, the manager ends at once and leaves no runtime directory behind.
    """
    rundir = RuntimeDir(argv[1])
    # Nobody dumps a traceback of a frozen process but itself: the supervisor asks for one before it kills.
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    _begin(argv, orphaned=rundir.remove, death_signal=signal.SIGCONT)
    return rundir


def begin_worker(argv: Sequence[str]) -> str:
    """Begin a worker's process, given its command line; the address named there, to which its link is bound.

    If the supervisor dies, the worker dies at once, whatever code it runs.
    """
    _begin(argv, orphaned=lambda: None, death_signal=signal.SIGKILL)
    return argv[1]


def _begin(argv: Sequence[str], *, orphaned: Callable[[], None], death_signal: signal.Signals) -> None:
    faulthandler.enable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So a shell starts what it puts into the background; interrupts of user code have to work all the same.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _flush_lines()
    _prctl(_PR_SET_PDEATHSIG, death_signal)
    if "--parent-pipe" in argv:
        pipe = int(argv[argv.index("--parent-pipe") + 1])
        os.set_inheritable(pipe, False)  # user code's own children have nothing to do with it
        threading.Thread(target=_watch, args=(pipe, orphaned), name="parent-watch", daemon=True).start()


def _watch(pipe: int, orphaned: Callable[[], None]) -> None:
    """Wait for the end of the supervisor, which is the only one to hold the other end of the pipe."""
    while os.read(pipe, 1):
        pass
    with contextlib.suppress(OSError):
        orphaned()
    os._exit(1)


def _flush_lines() -> None:
    """Let Python's and C's prints come out line by line as on a terminal, so that their order is the true one."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    with contextlib.suppress(AttributeError, OSError, ValueError):  # a C library without these names buffers as it does
        libc = ctypes.CDLL(None)
        stdout = ctypes.c_void_p.in_dll(libc, "__stdoutp" if sys.platform == "darwin" else "stdout")
        libc.setvbuf(stdout, None, _IOLBF, 0)


def _prctl(option: int, value: int) -> None:
    """Set a property of this process, on Linux. The pipe alone does it elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)
