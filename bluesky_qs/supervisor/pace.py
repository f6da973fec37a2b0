"""Limits how often an action takes place."""


class Pace:
    """Allows a burst of actions without delay, then one action for each period. The caller passes the time.

    Parameters
    ----------
    period
        Average number of seconds per action.
    burst
        Number of actions that are allowed immediately after a pause of ``burst`` periods.
    """

    def __init__(self, period: float, burst: int) -> None:
        self._period = period
        self._ahead = (burst - 1) * period
        #: Time at which the whole burst is possible again.
        self._rested = float("-inf")

    @property
    def next(self) -> float:
        """The time of the next allowed action, which may be in the past."""
        return self._rested - self._ahead

    def count(self, now: float) -> None:
        """Count an action that takes place now. An action that is too early delays the next one by only one period."""
        self._rested = min(max(self._rested, now), now + self._ahead) + self._period
