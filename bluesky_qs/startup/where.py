"""Lets startup code check whether it runs in a worker or in IPython."""

import os
import sys


def is_re_worker_active() -> bool:
    """Return True if the code runs in the worker of a Queue Server (bluesky_qs or bluesky_queueserver)."""
    return os.environ.get("_QSERVER_RE_WORKER_ACTIVE", "0") not in ("", "0")


def is_ipython_mode() -> bool:
    """Return True if the code runs in an IPython shell or kernel, including the worker's kernel."""
    if is_re_worker_active():
        return os.environ.get("_QSERVER_RUNNING_IPYTHON_KERNEL", "0") not in ("", "0")
    shell = sys.modules.get("IPython.core.interactiveshell")
    return shell is not None and shell.InteractiveShell.initialized()
