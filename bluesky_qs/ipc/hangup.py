"""The meaning of SIGHUP: the terminal of the process was closed, or the process should read its files again."""

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any


class ControllingTerminal:
    """The terminal in which the process was started, if there is one."""

    def __init__(self) -> None:
        self._was_there = _is_there()

    @property
    def was_closed(self) -> bool:
        """Whether there was a terminal that is now closed."""
        return self._was_there and not _is_there()


class EarlyHangup:
    """Handles SIGHUP while a program starts that later reads its files again at this signal.

    Without a handler, the signal would end the program.

    Attributes
    ----------
    arrived
        Whether the signal has arrived and the files must be read again.
    """

    def __init__(self, *, outlives_terminal: bool) -> None:
        self.arrived = False
        self._terminal = None if outlives_terminal else ControllingTerminal()

    def __call__(self, number: int, _frame: Any) -> None:
        if self._terminal is not None and self._terminal.was_closed:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.arrived = True


def handle_early_hangup(*, outlives_terminal: bool) -> None:
    """Let an `EarlyHangup` handle SIGHUP until another handler is set. Under nohup, the signal stays ignored."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, EarlyHangup(outlives_terminal=outlives_terminal))


@contextlib.contextmanager
def early_hangup_handled() -> Iterator[None]:
    """Let an `EarlyHangup` handle SIGHUP for a program in a terminal, and restore the former handler at the end."""
    before = signal.getsignal(signal.SIGHUP)
    handle_early_hangup(outlives_terminal=False)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _is_there() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
