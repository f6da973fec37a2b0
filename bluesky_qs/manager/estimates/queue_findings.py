"""Keeps the dry-run findings for queued plans, if the setting ``--dry-run-on-add`` requests it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple
from uuid import uuid4

from bluesky_qs.api.values import DryRunFinding
from bluesky_qs.manager.edits.events import DryRunFound
from bluesky_qs.manager.estimates.walked import Walked
from bluesky_qs.plan_queue.events import Event
from bluesky_qs.plan_queue.queue import PlanQueue


class _Found(NamedTuple):
    """The finding for an item with this JSON text."""

    data: bytes
    finding: DryRunFinding


class QueueFindings:
    """Reports the finding for each plan that was walked: once, and again if the item or the finding changes.

    Attributes
    ----------
    uid
        Changes with each finding; None without findings.
    """

    def __init__(self, queue: PlanQueue, happened: Callable[[Event], object], changed: Callable[[], None]) -> None:
        self._queue = queue
        self._happened = happened
        self._changed = changed
        self._found: dict[str, _Found] = {}
        self.uid: str | None = None

    def of(self, uid: str) -> DryRunFinding | None:
        """Return the finding for a queued item; None if it had no dry run."""
        found = self._found.get(uid)
        if found is None or self._queue.position_of(uid) is None:
            return None
        return found.finding if self._queue.item_json(uid=uid) == found.data else None

    def forget(self) -> None:
        """Drop all findings, because the environment is new."""
        self._found.clear()
        self.uid = None
        self._changed()

    def update(self, walks: Mapping[str, tuple[bytes, Walked]]) -> None:
        """Use these walks of queued plans, by uid, each with its item (JSON text). Other plans keep their findings."""
        kept = {uid: found for uid, found in self._found.items() if self._queue.position_of(uid) is not None}
        found = {uid: _Found(data, {"ok": each.ok, "msg": each.problem}) for uid, (data, each) in walks.items()}
        self._found = kept | found
        new = {uid: each for uid, each in found.items() if kept.get(uid) != each}
        for uid, (_, finding) in new.items():
            if self._queue.position_of(uid) is not None:
                self._happened(DryRunFound(item_uid=uid, ok=finding["ok"], msg=finding["msg"]))
        if new:
            self.uid = str(uuid4())
            self._changed()
