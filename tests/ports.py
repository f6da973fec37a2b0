"""Ports for servers of tests. Each is given to one test process of this computer only, for as long as it may use it."""

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

#: Below the ports that the system hands out for connections, which it would do any moment.
_FIRST, _END = 15_000, 32_000
#: So many ports are kept by a process. More than a test needs, and few enough for many processes.
_KEPT = 500
#: Hypothesis seeds the functions of `random`, so that two processes would try the same ports.
_random = random.SystemRandom()


def _nobody_listens(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


class Ports:
    """Chooses ports that nobody has and that no other test process was given.

    A port stays reserved while nobody listens at it: a service that a test stops and starts again would otherwise find
    the service of another test there, and the test would read that one's queue.
    """

    def __init__(
        self,
        reservations: Path,
        first: int = _FIRST,
        end: int = _END,
        *,
        is_free: Callable[[int], bool] = _nobody_listens,
    ) -> None:
        self._range, self._is_free = (first, end), is_free
        # Record locks of one byte for each port. They end with the process, and are not inherited.
        self._file = os.open(reservations, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._given: deque[int] = deque()

    def free(self) -> int:
        """A port for this process."""
        while True:
            port = _random.randrange(*self._range)
            if port not in self._given and self._reserve(port):
                self._given.append(port)
                if len(self._given) > _KEPT:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._given.popleft())
                if self._is_free(port):
                    return port

    def _reserve(self, port: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:  # another process has it
            return False
        return True


_ports = Ports(Path(tempfile.gettempdir()) / f"qs-test-ports-{os.getuid()}")


def free_port() -> int:
    """A port that nobody has, and that no other test process of this computer is given."""
    return _ports.free()
