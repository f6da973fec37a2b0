"""Divides long work in the event loop into slices, so that requests are answered in between."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

#: Seconds of one slice.
_SLICE = 0.001


class Slices:
    """Lets the event loop run from time to time, and measures the processor time of the work.

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
        """The processor time of the work so far."""
        return self._busy + time.thread_time() - self._since

    async def give_way(self) -> None:
        """Let other tasks run if this slice is over."""
        if time.perf_counter() >= self._until:
            await self.pause(asyncio.sleep(0))

    async def pause(self, waiting: Awaitable[T]) -> T:
        """Wait for an awaitable without counting the time of other tasks."""
        self._busy = self.seconds
        try:
            return await waiting
        finally:
            self._begin()
