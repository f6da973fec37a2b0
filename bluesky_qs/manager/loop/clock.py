"""The manager's clock. Its parts read the time only here, so that a test can move it."""

import time
from typing import Protocol


class Clock(Protocol):
    """The source of the time."""

    def time(self) -> float:
        """Epoch seconds, for times that users see or that are stored."""
        ...

    def monotonic(self) -> float:
        """Seconds since some arbitrary moment, for intervals."""
        ...


class SystemClock:
    """The clock of this computer."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
