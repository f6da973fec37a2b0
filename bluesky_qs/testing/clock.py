"""The clock of a manager in a test."""

import asyncio
import time


class Clock:
    """A clock that the test moves. The sleeps and time limits of the event loops that follow the clock end accordingly.

    Parameters
    ----------
    still
        Whether the clock stands still, so that only `advance` moves it. Otherwise it also runs like a normal clock.

    Examples
    --------
    >>> clock = Clock(still=True)
    >>> before = clock.monotonic()
    >>> clock.advance(3600)
    >>> round(clock.monotonic() - before)
    3600
    """

    def __init__(self, *, still: bool = False) -> None:
        self._still = (time.time(), time.monotonic()) if still else None
        self._moved = 0.0
        self._loops: list[asyncio.AbstractEventLoop] = []

    def time(self) -> float:
        """Epoch seconds."""
        return (self._still[0] if self._still else time.time()) + self._moved

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment, for measuring intervals."""
        return (self._still[1] if self._still else time.monotonic()) + self._moved

    def advance(self, seconds: float) -> None:
        """Move the clock forward. Any thread may call this."""
        if seconds < 0:
            raise ValueError("The clock only moves forward")
        self._moved += seconds
        for loop in self._loops:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_look_at_the_clock)

    def drive(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let ``asyncio.sleep`` and ``asyncio.timeout`` in this loop follow the clock."""
        if loop not in self._loops:
            loop.time = self.monotonic  # type: ignore[method-assign] # the only method by which the loop reads the time
            self._loops.append(loop)


def _look_at_the_clock() -> None:
    """Do nothing. The loop wakes up to call this and reads the clock."""
