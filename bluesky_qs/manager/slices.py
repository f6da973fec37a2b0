"""Long work in the event loop, cut into slices so that requests are answered in between."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

#: Seconds of one slice.
_SLICE = 0.001


class Slices:
    """Gives way to the loop from time to time, and knows the processor time of the work.

    Examples
    --------
    >>> async def add_up(numbers):
    ...     slices, total = Slices(), 0
    ...     for number in numbers:
    ...         total += number
    ...         await slices.give_way()
    ...     return total
    """

    def __init__(self) -> None:
        self._busy = 0.0
        self._begin()

    def _begin(self) -> None:
        self._since, self._until = time.thread_time(), time.perf_counter() + _SLICE

    @property
    def seconds(self) -> float:
        """The processor time so far, without that of others."""
        return self._busy + time.thread_time() - self._since

    async def give_way(self) -> None:
        """Let others run if this slice is over."""
        if time.perf_counter() >= self._until:
            await self.pause(asyncio.sleep(0))

    async def pause(self, waiting: Awaitable[T]) -> T:
        """Wait for something. The time of others does not count."""
        self._busy = self.seconds
        try:
            return await waiting
        finally:
            self._begin()
