"""What startup code asks about where it runs."""

import os
import sys


def is_re_worker_active() -> bool:
    """True if the code runs in the worker of a Queue Server (ours or the other package's)."""
    return os.environ.get("_QSERVER_RE_WORKER_ACTIVE", "0") not in ("", "0")


def is_ipython_mode() -> bool:
    """True if the code runs in an IPython shell or kernel, the worker's included."""
    if is_re_worker_active():
        return os.environ.get("_QSERVER_RUNNING_IPYTHON_KERNEL", "0") not in ("", "0")
    shell = sys.modules.get("IPython.core.interactiveshell")
    return shell is not None and shell.InteractiveShell.initialized()
