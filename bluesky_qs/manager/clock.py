"""The time as the manager sees it: no part of the manager reads the operating system's clock itself."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where the manager gets the time from."""

    def time(self) -> float:
        """Epoch seconds, for what users see and what is stored."""
        ...

    def monotonic(self) -> float:
        """Seconds since some instant, for intervals."""
        ...


class SystemClock:
    """The clock of this computer."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
