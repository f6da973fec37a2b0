"""Tells systemd that the service is ready, alive or stopping. See sd_notify(3).

For units with ``Type=notify``, systemd sets the variable ``NOTIFY_SOCKET``; for units with ``WatchdogSec=``, it also
sets ``WATCHDOG_USEC``.
"""

import logging
import os
import socket
from collections.abc import MutableMapping

_log = logging.getLogger(__name__)

_SOCKET, _WATCHDOG, _WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
#: While the service stops, it asks for more time. The interval between requests, and the time requested, in seconds.
EXTEND_PERIOD, EXTENSION = 5.0, 20.0


class Systemd:
    """Sends the messages if systemd has requested them.

    Parameters
    ----------
    address
        Path of the socket, or ``@`` and its abstract name; None if nobody listens.
    watchdog
        Seconds after which systemd ends a service that has sent no sign of life; None if there is no watchdog.
    """

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._period = None if watchdog is None or address is None else watchdog / 2
        self._socket = None if address is None else socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if self._socket is not None:
            self._socket.setblocking(False)
        self._is_ready = self._is_stopping = False
        self._alive_due = self._extend_due = 0.0

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> "Systemd":
        """Use these environment variables, and remove them, because they are not meant for child processes."""
        address, watchdog, pid = (environ.pop(name, "") for name in (_SOCKET, _WATCHDOG, _WATCHDOG_PID))
        is_watched = watchdog.isdecimal() and int(watchdog) > 0 and pid in ("", str(os.getpid()))
        return cls(address if address.startswith(("/", "@")) else None, int(watchdog) / 1e6 if is_watched else None)

    def ready(self, status: str) -> None:
        """Report that the service answers requests. ``status`` is the text that ``systemctl status`` shows."""
        self._send(f"STATUS={_one_line(status)}", *([] if self._is_ready else ["READY=1"]))
        self._is_ready = True

    def status(self, text: str) -> None:
        """Change the text that ``systemctl status`` shows."""
        self._send(f"STATUS={_one_line(text)}")

    def stopping(self, status: str) -> None:
        """Report that the service has begun to stop."""
        if not self._is_stopping:
            self._send(f"STATUS={_one_line(status)}", "STOPPING=1")
        self._is_stopping = True

    def act(self, now: float, *, answers: bool) -> float | None:
        """Send the messages that are due. Return the time of the next message, if one is planned.

        Parameters
        ----------
        now
            Monotonic time.
        answers
            Whether the manager answers. If not, no sign of life is sent, so that systemd eventually restarts the
            service.
        """
        times: list[float] = []
        if self._period is not None and answers:
            if now >= self._alive_due:
                self._send("WATCHDOG=1")
                self._alive_due = now + self._period
            times.append(self._alive_due)
        if self._socket is not None and self._is_stopping:
            if now >= self._extend_due:
                self._send(f"EXTEND_TIMEOUT_USEC={int(EXTENSION * 1e6)}")
                self._extend_due = now + EXTEND_PERIOD
            times.append(self._extend_due)
        return min(times, default=None)

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()

    def _send(self, *lines: str) -> None:
        if self._socket is None or self._address is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:  # the service also works without this message
            _log.debug("systemd did not get %s: %s", ", ".join(lines), error)


def _one_line(text: str) -> str:
    return " ".join(text.split())
