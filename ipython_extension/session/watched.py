"""Remembers which plans and runs this session's user has seen, so that waits show each of the others once."""

from collections.abc import Mapping, Sequence
from typing import Any

from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.words.planexpr import Item
from ipython_extension.session import history_pages


class Watched:
    """The plans and runs that the user has seen.

    Attributes
    ----------
    runs
        Uids of the runs whose live tables were shown completely.
    ended_here
        Uids of the plans that the user finished, aborted or halted in this session.
    """

    def __init__(self) -> None:
        self._started_at: int | None = None
        self.runs: set[str] = set()
        self.ended_here: set[str] = set()

    def starts(self, status: Mapping[str, Any]) -> None:
        """Record that the queue is starting, so that `wait` shows the plans that run from now on.

        ``status`` must be from before the start.
        """
        self._started_at = status["items_in_history"]

    def ran_before(self, status: Mapping[str, Any]) -> int:
        """The history length when this session started the queue; the current one if `wait` has shown those plans."""
        now = status["items_in_history"]
        return now if self._started_at is None or self._started_at > now else self._started_at

    def ended(self, rm: REManagerAPI, status: Mapping[str, Any]) -> Sequence[Item]:
        """The plans that have ended since this session started the queue, oldest first."""
        count = status["items_in_history"] - self.ran_before(status)
        return history_pages.page(rm, {}, count)["items"] if count > 0 else ()

    def until(self, status: Mapping[str, Any]) -> None:
        """Record that the user has watched all plans up to now, so `wait` does not show them again."""
        if self._started_at is not None:
            self.starts(status)

    def all_shown(self) -> None:
        """Record that all plans since the start of the queue were shown."""
        self._started_at = None
