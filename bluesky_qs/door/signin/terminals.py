"""Terminals that wait while their users sign in with a browser."""

import asyncio

#: Maximum number of waiting requests. Further requests are answered at once.
MOST_WAITING = 100


class WaitingTerminals:
    """Lets terminals' requests wait until the user's sign-in has ended.

    Parameters
    ----------
    closing
        Set when all waits must end.
    """

    def __init__(self, closing: asyncio.Event) -> None:
        self._closing = closing
        self._waiting: set[tuple[str, asyncio.Event]] = set()

    async def wait(self, device: str, seconds: float) -> None:
        """Wait until the sign-in for this device has ended, at most for this number of seconds."""
        if len(self._waiting) >= MOST_WAITING:
            return
        waiter = (device, asyncio.Event())
        self._waiting.add(waiter)
        events = [asyncio.create_task(event.wait()) for event in (waiter[1], self._closing)]
        try:
            await asyncio.wait(events, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.discard(waiter)
            for event in events:
                event.cancel()

    def ended(self, device: str) -> None:
        """Wake the waiting requests of this device."""
        for waiting, event in self._waiting:
            if waiting == device:
                event.set()
