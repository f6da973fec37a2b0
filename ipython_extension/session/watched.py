"""Remembers which plans and runs the user of this session has seen, so that a wait shows the others, each once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.words.planexpr import Item
from ipython_extension.session import past


class Earlier(NamedTuple):
    """The plans that had ended when a wait began.

    Attributes
    ----------
    new
        Those that ended since this session started the queue, oldest first.
    last_seen
        The uid of the plan that ran last before them; empty if there is none; None if this session has not started the
        queue.
    """

    new: Sequence[Item] = ()
    last_seen: str | None = None


class Watched:
    """What the user has seen by now.

    Attributes
    ----------
    runs
        Uids of the runs whose live tables were shown to their ends.
    ended_here
        Uids of the plans that the user finished, aborted or halted in this session.
    """

    def __init__(self) -> None:
        self._started_at: int | None = None
        self.runs: set[str] = set()
        self.ended_here: set[str] = set()

    def starts(self, status: Mapping[str, Any]) -> None:
        """Record that the queue is starting, so that `wait` shows the plans after this.

        ``status`` is from before the start.
        """
        self._started_at = status["items_in_history"]

    def ran_before(self, status: Mapping[str, Any]) -> int:
        """The length of the history when this session started the queue, or now if `wait` has shown those plans."""
        now = status["items_in_history"]
        return now if self._started_at is None or self._started_at > now else self._started_at

    def earlier(self, rm: REManagerAPI, status: Mapping[str, Any]) -> Earlier:
        """The plans that have ended by now."""
        if self._started_at is None:
            return Earlier()
        before = self.ran_before(status)
        reply = past.page(rm, {}, status["items_in_history"] - before + 1)
        items = dict(zip(reply["positions"], reply["items"], strict=True))
        return Earlier(
            [item for at, item in items.items() if at >= before], items.get(before - 1, {}).get("item_uid", "")
        )

    def until(self, status: Mapping[str, Any]) -> None:
        """Record that the plans that have ended by now were watched; `wait` does not show them again."""
        if self._started_at is not None:
            self.starts(status)

    def all_shown(self) -> None:
        """Record that all plans since the start of the queue were shown."""
        self._started_at = None
