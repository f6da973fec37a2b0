"""How a process leaves that has run user code: soon, whatever threads and exit handlers that code has made."""

import atexit
import contextlib
import os
import sys
import threading
import traceback
from typing import NoReturn

#: Seconds for which functions registered with ``atexit`` may take, all together: what flushes files and sends the last
#: documents is done by then; what waits for a process that never ends is not.
PATIENCE = 10.0


def leave(code: int, *, patience: float = PATIENCE) -> NoReturn:
    """End the process as the interpreter would, but wait for no thread and take nothing apart.

    Functions registered with ``atexit`` run, for so long; threads of user code, daemons or not, end with the process.
    So do processes of ``multiprocessing`` that have not ended by then.
    """
    threading.Thread(target=_give_up, args=(code, patience), name="leaving", daemon=True).start()
    atexit._run_exitfuncs()  # noqa: SLF001 - the interpreter's own way, without the joining of threads before it
    _end(code)


def _give_up(code: int, patience: float) -> None:
    main = threading.main_thread()
    main.join(patience)  # it does not end: nobody but us ends the process
    frame = sys._current_frames().get(main.ident or 0)  # noqa: SLF001 - the way to another thread's frame
    text = f"Exit handlers of the startup code (atexit) have not ended in {patience:g} s: the process ends without them"
    with contextlib.suppress(OSError):  # nobody may be there to read it
        os.write(2, f"{text}. They were at:\n{''.join(traceback.format_stack(frame))}".encode())
    if multiprocessing := sys.modules.get("multiprocessing"):  # one of its handlers waits for these
        for child in multiprocessing.active_children():
            child.kill()
    _end(code)


def _end(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or replaced by user code
            stream.flush()
    os._exit(code)
