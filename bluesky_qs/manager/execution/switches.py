"""Autostart, the pending stop of the queue, and why the queue has stopped."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from bluesky_qs.manager.edits.events import AutostartChanged, StopPendingChanged
from bluesky_qs.manager.edits.ledger import FactEdit
from bluesky_qs.manager.execution.decide import Decision, StopReason

_AUTOSTART = "autostart_mode_info"
_STOP_PENDING = "stop_pending_info"


class Switches:
    """Autostart starts the queue by itself; a pending stop stops the queue after the running plan.

    Parameters
    ----------
    facts
        The stored facts.
    restarted
        Whether the manager replaces another one in the same service. If not, the service has just started, and both
        switches are off.
    has_worker
        Whether the last manager's worker is still there.

    Attributes
    ----------
    autostart_off_reason
        The reason if autostart switched itself off, otherwise None.
    stopped_reason
        Why the queue last stopped in this environment, unless it became empty.
    """

    def __init__(
        self,
        changed: Callable[[], None],
        facts: Mapping[str, bytes] | None = None,
        *,
        restarted: bool = True,
        has_worker: bool = True,
    ) -> None:
        autostart, stop = _read(facts, _AUTOSTART), _read(facts, _STOP_PENDING)
        self._changed = changed
        self.autostart = bool(autostart.get("enabled")) and restarted
        self.autostart_off_reason: str | None = autostart.get("off_reason")
        if autostart.get("enabled") and not restarted:
            self.autostart_off_reason = "the service was restarted"
        self.stop_pending = bool(stop.get("enabled")) and restarted
        self.stopped_reason: str | None = stop.get("stopped_reason") if restarted and has_worker else None

    def to_store(self, facts: Mapping[str, bytes]) -> list[FactEdit]:
        """Return the edits for changes since the switches were stored: switches turned off, an outdated reason.

        Without them, a manager that replaces this one would find the switches on.
        """
        edits: list[FactEdit] = []
        if _read(facts, _AUTOSTART).get("enabled") and not self.autostart:
            off = _fact(enabled=False, off_reason=self.autostart_off_reason)
            edits.append(FactEdit(_AUTOSTART, off, lambda: None, AutostartChanged(enabled=False)))
        stop = _read(facts, _STOP_PENDING)
        was_pending = bool(stop.get("enabled"))
        if (was_pending, stop.get("stopped_reason")) != (self.stop_pending, self.stopped_reason):
            event = StopPendingChanged(self.stop_pending) if was_pending != self.stop_pending else None
            edits.append(FactEdit(_STOP_PENDING, self._stop_fact(), lambda: None, event))
        return edits

    def set_stop_pending(self, *, pending: bool) -> FactEdit:
        """Make the queue stop after the running plan, or cancel the pending stop."""
        before = self.stop_pending

        def undo() -> None:
            self.stop_pending = before

        self.stop_pending = pending
        self._changed()
        return FactEdit(_STOP_PENDING, self._stop_fact(), undo, StopPendingChanged(pending))

    def set_autostart(self, *, enabled: bool, off_reason: str | None = None) -> FactEdit:
        """Switch autostart on or off. ``off_reason`` is the reason if autostart switches itself off."""
        before = self.autostart, self.autostart_off_reason

        def undo() -> None:
            self.autostart, self.autostart_off_reason = before

        self.autostart, self.autostart_off_reason = enabled, off_reason
        self._changed()
        reason = {} if off_reason is None else {"off_reason": off_reason}
        return FactEdit(_AUTOSTART, _fact(enabled=enabled, **reason), undo, AutostartChanged(enabled))

    def queue_stops(self, decision: Decision) -> list[FactEdit]:
        """Remember why this decision stops the queue, and return the edits."""
        if decision.reason is StopReason.WAS_NOT_RUNNING:
            return []
        before = self.stopped_reason

        def undo() -> None:
            self.stopped_reason = before

        return self._keep(None if decision.reason is StopReason.IS_EMPTY else decision.why, undo)

    def forget_stop(self) -> list[FactEdit]:
        """Forget why the queue stopped, because the environment is closed. This also holds if it cannot be stored."""
        return self._keep(None, lambda: None)

    def off(self, why: str) -> list[FactEdit]:
        """Switch off autostart and cancel a pending stop."""
        edits: list[FactEdit] = []
        if self.stop_pending:
            edits.append(self.set_stop_pending(pending=False))
        if self.autostart:
            edits.append(self.set_autostart(enabled=False, off_reason=why))
        return edits

    def _keep(self, reason: str | None, undo: Callable[[], None]) -> list[FactEdit]:
        if reason == self.stopped_reason:
            return []
        self.stopped_reason = reason
        self._changed()
        return [FactEdit(_STOP_PENDING, self._stop_fact(), undo)]

    def _stop_fact(self) -> bytes:
        reason = {} if self.stopped_reason is None else {"stopped_reason": self.stopped_reason}
        return _fact(enabled=self.stop_pending, **reason)


def _read(facts: Mapping[str, bytes] | None, name: str) -> dict[str, Any]:
    return json.loads((facts or {}).get(name) or b"{}")


def _fact(**values: Any) -> bytes:
    return json.dumps(values).encode()
