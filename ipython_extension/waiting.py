"""Waiting with something to look at: one line that changes, and Ctrl-C that leaves the service alone."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bluesky_qs.client.failures import WaitTimeoutError
from bluesky_qs.client.info import StatusFeed
from ipython_extension.oneline import Detached
from ipython_extension.session import Session
from ipython_extension.tables import cells, cut, length_of_time, terminal_width

#: Seconds after which the line is drawn anew, even if nothing but the time has changed.
_LOOK = 0.2


class Wait:
    """A wait that somebody watches.

    Attributes
    ----------
    elapsed
        Seconds since it began.
    """

    def __init__(self, session: Session, *, timeout: float | None = None) -> None:
        self._session = session
        self._timeout = timeout
        self._began = time.monotonic()
        self._shown = 0

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def statuses(self) -> Iterator[dict[str, Any]]:
        """The status now, every one that is published, and the last one again where none is.

        Raises
        ------
        WaitTimeoutError
            The time is up.
        RequestTimeoutError
            The service has not answered for long.
        """
        with StatusFeed(self._session.rm) as feed:
            # The subscription stands before the first look, so that no change falls between the two.
            status = self._session.status()
            while True:
                yield status
                if self._timeout is not None and self.elapsed > self._timeout:
                    raise WaitTimeoutError(f"Still not done after {length_of_time(self._timeout)}")
                status = dict(feed.next_status(_LOOK) or status)

    def say(self, text: str) -> None:
        """Show this in place of what was shown before."""
        if not self._session.settings.live():
            return
        line = cut(text, terminal_width() - 1)
        self._write(f"\r{line}{' ' * (self._shown - cells(line))}")
        self._shown = cells(line)

    def put(self, text: str) -> None:
        """Print something that stays, above what `say` shows."""
        if text and self._session.settings.live():
            self.clear()
            self._write(text if text.endswith("\n") else f"{text}\n")

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._write(f"\r{' ' * self._shown}\r")
            self._shown = 0

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


@contextmanager
def waiting(session: Session, what_goes_on: str, *, timeout: float | None = None) -> Iterator[Wait]:
    """A wait that Ctrl-C ends without ending ``what_goes_on``."""
    wait = Wait(session, timeout=timeout)
    try:
        yield wait
    except KeyboardInterrupt:
        wait.clear()
        raise Detached(f"No longer waiting; {what_goes_on}") from None
    finally:
        wait.clear()
