"""The running item and its pauses."""

from bluesky_qs.api.types import PauseOption
from bluesky_qs.manager.loop.clock import Clock


class CurrentItem:
    """State of an item from its start to its end.

    Attributes
    ----------
    immediate
        Whether the item is executed on its own and was never in the queue.
    waiting_pause
        A pause that was requested while the worker had no plan, before it got the item or after the item ended.
    pauser
        The user who requested that pause; empty if unknown.
    resumed_from_pause
        Number of the pause from which the item was resumed. The RunEngine may still report ``paused`` for it.
    resumer
        The user who last resumed the item; None if nobody did, or if the request had no user.
    ender
        The user who requested the end of the item; None if nobody did, or if the request had no user.
    time_paused
        Seconds that the item has been paused so far, not including the current pause.
    paused_since
        Start of the current pause, in epoch seconds.
    has_ended
        Whether the worker has reported the end of the item. The end may not be stored yet.
    clean_up_error
        The error with which the item ended, if it was aborted because the service is stopping.
    """

    def __init__(self, uid: str, clock: Clock, *, immediate: bool = False) -> None:
        self._clock = clock
        self._paused_at: float | None = None
        self.uid = uid
        self.immediate = immediate
        self.waiting_pause: PauseOption | None = None
        self.pauser = ""
        self.resumed_from_pause: int | None = None
        self.resumer: str | None = None
        self.ender: str | None = None
        self.time_paused = 0.0
        self.paused_since: float | None = None
        self.has_ended = False
        self.clean_up_error = ""

    def paused(self, since: float | None = None) -> None:
        """Record the beginning of a pause: now, or at this time in epoch seconds."""
        now = self._clock.time()
        self.paused_since = now if since is None else since
        self._paused_at = self._clock.monotonic() - max(now - self.paused_since, 0.0)
        self.waiting_pause = None

    def resumed(self) -> None:
        """Record the end of a pause."""
        if self._paused_at is not None:
            self.time_paused += self._clock.monotonic() - self._paused_at
        self._paused_at = self.paused_since = None

    def take_waiting_pause(self) -> PauseOption | None:
        """Return the waiting pause and clear it."""
        option, self.waiting_pause = self.waiting_pause, None
        return option
