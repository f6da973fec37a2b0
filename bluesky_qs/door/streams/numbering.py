"""Classifies a numbered message: the next one, a repeated one, one after a gap, or the first after a restart of the
numbers.
"""

from enum import Enum

#: Numbers to remember, in order to recognize repetitions.
KEPT = 2000


class Continuity(Enum):
    """How a message relates to the previous ones."""

    NEXT = "next"
    REPEATED = "repeated"
    AFTER_GAP = "after a gap"
    RESTARTED = "restarted"


class Numbering:
    """The latest number, and the times of the latest messages.

    Messages may arrive twice: published, and in a reply. A service with a new store starts again at number 1. The times
    of its messages differ from those of earlier messages with the same numbers.
    """

    def __init__(self) -> None:
        #: The latest number; None while it is unknown.
        self.last: int | None = None
        self._times: dict[int, float] = {}
        #: Time of the latest message when `begin` was called. Older messages that arrive later are repetitions.
        self._begun = 0.0

    def place(self, number: int, time: float) -> Continuity:
        """Classify a message, and count it unless it is a repetition."""
        if self.last is None or number == self.last + 1:
            place = Continuity.NEXT
        elif number > self.last:
            place = Continuity.AFTER_GAP
        elif self.has(number, time) or time <= self._begun:
            return Continuity.REPEATED
        else:
            place = Continuity.RESTARTED
            self._times.clear()
            self._begun = 0.0
        self.last = number
        self._times[number] = time
        if len(self._times) > KEPT:
            del self._times[next(iter(self._times))]
        return place

    def expected(self, number: int) -> bool:
        """Whether this number is the next one."""
        return self.last is None or number == self.last + 1

    def has(self, number: int, time: float) -> bool:
        """Whether the message with this number was from this time."""
        return self._times.get(number) == time

    def begin(self, last: int, time: float = 0.0) -> None:
        """Continue after this number, regardless of earlier ones. ``time`` is the time of the message, if known."""
        self.last = last
        self._times.clear()
        self._begun = time
