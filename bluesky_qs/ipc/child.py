"""The first steps of the supervisor's children: they end when the supervisor ends, and a crash leaves a traceback."""

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from bluesky_qs.ipc.hangup import handle_early_hangup
from bluesky_qs.ipc.runtime import RuntimeDir

_PR_SET_PDEATHSIG = 1
_IOLBF = 1  # line buffered, in the C library of Linux and macOS


def begin_manager(argv: Sequence[str]) -> RuntimeDir:
    """Prepare the manager's process; return the runtime directory from its command line.

    If the supervisor dies, the manager ends immediately and leaves no runtime directory behind.
    """
    rundir = RuntimeDir(argv[1])
    # Only the process itself can dump its traceback: the supervisor requests it from a frozen process, then kills the
    # process.
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    _begin(argv, orphaned=rundir.remove, death_signal=signal.SIGCONT)
    return rundir


def begin_door(argv: Sequence[str]) -> RuntimeDir:
    """Prepare the process of the HTTP door; return the runtime directory from its command line.

    If the supervisor dies, the door dies immediately. SIGHUP, which makes a running door read its files again, does not
    end the door while it starts, because the supervisor has blocked the signal.
    """
    handle_early_hangup(outlives_terminal=True)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
    _begin(argv, orphaned=lambda: None, death_signal=signal.SIGKILL)
    return RuntimeDir(argv[1])


def begin_metrics(argv: Sequence[str]) -> RuntimeDir:
    """Prepare the process that serves metrics; return the runtime directory from its command line.

    If the supervisor dies, the process dies immediately.
    """
    _begin(argv, orphaned=lambda: None, death_signal=signal.SIGKILL)
    return RuntimeDir(argv[1])


def begin_worker(argv: Sequence[str]) -> str:
    """Prepare a worker's process; return the address on which it listens for the manager, from its command line.

    If the supervisor dies, the worker dies immediately, even if user code is running.
    """
    _begin(argv, orphaned=lambda: None, death_signal=signal.SIGKILL)
    return argv[1]


def _begin(argv: Sequence[str], *, orphaned: Callable[[], None], death_signal: signal.Signals) -> None:
    faulthandler.enable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Shells start background jobs with SIGINT ignored; interrupts of user code must still work.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _flush_lines()
    get_at_death_of_parent(death_signal)
    if "--parent-pipe" in argv:
        pipe = int(argv[argv.index("--parent-pipe") + 1])
        os.set_inheritable(pipe, False)  # not inherited by child processes of user code
        threading.Thread(target=_watch, args=(pipe, orphaned), name="parent-watch", daemon=True).start()


def _watch(pipe: int, orphaned: Callable[[], None]) -> None:
    """Wait until the supervisor ends. Only the supervisor holds the other end of the pipe."""
    while os.read(pipe, 1):
        pass
    with contextlib.suppress(OSError):
        orphaned()
    os._exit(1)


def _flush_lines() -> None:
    """Buffer the output of Python and C by line, as on a terminal, to keep it in order.

    This applies even if ``PYTHONUNBUFFERED`` is set, because other processes write to the same pipe and would split
    lines.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True, write_through=False)
    with contextlib.suppress(
        AttributeError, OSError, ValueError
    ):  # this C library lacks these names; its buffering stays unchanged
        libc = ctypes.CDLL(None)
        stdout = ctypes.c_void_p.in_dll(libc, "__stdoutp" if sys.platform == "darwin" else "stdout")
        libc.setvbuf(stdout, None, _IOLBF, 0)


def get_at_death_of_parent(death_signal: signal.Signals) -> None:
    """Make Linux send this signal to the process when its parent dies. Other systems rely on the pipe alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal)
