"""Ends a process that has run user code, without waiting for its threads and slow exit handlers."""

import atexit
import contextlib
import os
import sys
import threading
import traceback
from typing import NoReturn

#: Seconds for all functions registered with ``atexit`` together. This is enough to flush files and to send the last
#: documents. Without this limit, a function that waits for another process could wait forever.
PATIENCE = 10.0


def leave(code: int, *, patience: float = PATIENCE) -> NoReturn:
    """End the process as the interpreter would, but do not wait for threads and do not clean up modules.

    Functions registered with ``atexit`` run for at most ``patience`` seconds. All user code threads, and
    ``multiprocessing`` processes that are still running, end with this process.
    """
    threading.Thread(target=_give_up, args=(code, patience), name="leaving", daemon=True).start()
    atexit._run_exitfuncs()  # noqa: SLF001 - like the interpreter, but without joining threads first
    _end(code)


def _give_up(code: int, patience: float) -> None:
    main = threading.main_thread()
    main.join(patience)  # the main thread never ends by itself: only this module ends the process
    frame = sys._current_frames().get(main.ident or 0)  # noqa: SLF001 - no public way to another thread's frame
    text = f"Exit handlers of the startup code (atexit) did not finish in {patience:g} s; ending the process anyway"
    with contextlib.suppress(OSError):  # there may be no reader
        os.write(2, f"{text}. They are at:\n{''.join(traceback.format_stack(frame))}".encode())
    if multiprocessing := sys.modules.get("multiprocessing"):  # one of its exit handlers waits for these processes
        for child in multiprocessing.active_children():
            child.kill()
    _end(code)


def _end(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed or replaced by user code
            stream.flush()
    os._exit(code)
