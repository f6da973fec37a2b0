"""The item that runs: what is known of it from its start to its end."""

from bluesky_qs.api.types import PauseOption
from bluesky_qs.manager.clock import Clock


class RunningItem:
    """Created when an item starts and dropped when it ends.

    Attributes
    ----------
    immediate
        It was never in the queue: it is executed by itself.
    waiting_pause
        A pause that was requested while the worker had no plan to pause: before the item was sent, or after it ended.
    resumed_from_pause
        Number of the pause that was asked to end. The RunEngine may still say ``paused`` for it.
    time_paused
        Seconds for which the item has been paused, without a pause that still lasts.
    paused_since
        Start of the pause that lasts, in epoch seconds.
    clean_up_error
        The error with which the item ended after it was aborted because the service stops.
    """

    def __init__(self, uid: str, clock: Clock, *, immediate: bool = False) -> None:
        self._clock = clock
        self._paused_at: float | None = None
        self.uid = uid
        self.immediate = immediate
        self.waiting_pause: PauseOption | None = None
        self.resumed_from_pause: int | None = None
        self.time_paused = 0.0
        self.paused_since: float | None = None
        self.clean_up_error = ""

    def paused(self) -> None:
        """Note that the item is paused from now on."""
        self._paused_at, self.paused_since = self._clock.monotonic(), self._clock.time()
        self.waiting_pause = None

    def resumed(self) -> None:
        """Note that the item runs again."""
        if self._paused_at is not None:
            self.time_paused += self._clock.monotonic() - self._paused_at
        self._paused_at = self.paused_since = None

    def take_pause(self) -> PauseOption | None:
        """The pause that was requested before it was possible; from now on it is no longer waiting."""
        option, self.waiting_pause = self.waiting_pause, None
        return option
