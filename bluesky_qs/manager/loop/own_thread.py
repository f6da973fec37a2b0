"""Threads for files, which may be slow."""

import contextlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor


def own_thread(name: str, niceness: int = 0) -> ThreadPoolExecutor:
    """Return an executor with one thread. On Linux, ``niceness`` makes it leave the processor to the event loop."""

    def begin() -> None:
        if niceness and sys.platform == "linux":
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)

    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=name, initializer=begin)
