"""The signals that the supervisor handles, as a readable file descriptor."""

import os
import signal
from typing import Any

#: The signals that request a stop, and their reasons in the log.
STOPS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP: the terminal was closed"}


class Signals:
    """Signals as a readable file descriptor."""

    def __init__(self) -> None:
        self.fd, self._writer = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._writer, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._before: dict[signal.Signals, Any] = {}
        for number in (signal.SIGCHLD, *STOPS):
            # A signal that was ignored from the start (because of nohup, or in a script's background job) stays
            # ignored.
            if number == signal.SIGCHLD or signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, lambda *_: None)

    def arrived(self) -> list[signal.Signals]:
        """Return the signals that request a stop. The death of a child only wakes the loop."""
        try:
            return [signal.Signals(number) for number in os.read(self.fd, 4096) if number in STOPS]
        except BlockingIOError:
            return []

    def close(self) -> None:
        """Restore the previous signal handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self.fd)
        os.close(self._writer)
