"""When something may be done at once that must not be done too often."""


class Pace:
    """Lets a burst through without delay, then one thing for each period. The caller passes the time.

    Parameters
    ----------
    period
        Seconds for one thing, on average.
    burst
        Number of things that may be done at once after a pause of ``burst`` periods.
    """

    def __init__(self, period: float, burst: int) -> None:
        self._period = period
        self._ahead = (burst - 1) * period
        #: When the whole burst is possible again.
        self._rested = float("-inf")

    @property
    def next(self) -> float:
        """When the next thing may be done. It may be in the past."""
        return self._rested - self._ahead

    def count(self, now: float) -> None:
        """Count one that is done now. One that is done too early delays the next by one period only."""
        self._rested = min(max(self._rested, now), now + self._ahead) + self._period
