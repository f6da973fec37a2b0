"""Sends Ctrl-C without a keyboard."""

import os
import signal


def interrupt() -> None:
    """Interrupt the main thread and, like a terminal, the processes that it has started."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)
