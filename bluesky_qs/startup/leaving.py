"""How a process leaves that has run user code: at once, whatever threads that code has started."""

import atexit
import contextlib
import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End the process as the interpreter would, but wait for no thread and take nothing apart.

    Functions registered with ``atexit`` run; threads of user code, daemons or not, end with the process.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - the interpreter's own way, without the joining of threads before it
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or replaced by user code
            stream.flush()
    os._exit(code)
