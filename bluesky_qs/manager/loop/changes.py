"""Notifies the parts of the manager when something has changed."""

import asyncio
from collections.abc import Callable


class Changes:
    """Calls the observers once for all changes in one turn of the event loop."""

    def __init__(self) -> None:
        self._observers: list[Callable[[], None]] = []
        self._immediate: list[Callable[[], None]] = []
        self._scheduled = False

    def watch(self, observer: Callable[[], None]) -> None:
        """Call ``observer`` after each turn in which something changed."""
        self._observers.append(observer)

    def watch_at_once(self, observer: Callable[[], None]) -> None:
        """Call ``observer`` at each change, before the turn continues."""
        self._immediate.append(observer)

    def __call__(self) -> None:
        """Record that something changed."""
        for observer in self._immediate:
            observer()
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._call_observers)

    def _call_observers(self) -> None:
        self._scheduled = False
        for observer in self._observers:
            observer()
