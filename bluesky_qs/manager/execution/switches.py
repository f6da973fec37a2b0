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
    """Autostart starts the queue by itself; a pending stop stops it after the running plan.

    Parameters
    ----------
    facts
        The stored facts.
    restarted
        The manager replaces another one in the same service. Otherwise the service has just started, and both switches
        are off.

    Attributes
    ----------
    autostart_off_reason
        The reason if autostart switched itself off, otherwise None.
    stopped_reason
        Why the queue stopped the last time in this environment, unless it became empty. It is not stored.
    """

    def __init__(
        self, changed: Callable[[], None], facts: Mapping[str, bytes] | None = None, *, restarted: bool = True
    ) -> None:
        autostart, stop = _read(facts, _AUTOSTART), _read(facts, _STOP_PENDING)
        self._changed = changed
        self.autostart = bool(autostart.get("enabled")) and restarted
        self.autostart_off_reason: str | None = autostart.get("off_reason")
        if autostart.get("enabled") and not restarted:
            self.autostart_off_reason = "the service was restarted"
        self.stop_pending = bool(stop.get("enabled")) and restarted
        self.stopped_reason: str | None = None

    def to_store(self, facts: Mapping[str, bytes]) -> list[FactEdit]:
        """The edits for the switches that the start of the service has turned off.

        Without them, a manager that replaces this one would find the switches on.
        """
        edits: list[FactEdit] = []
        if _read(facts, _AUTOSTART).get("enabled") and not self.autostart:
            off = _fact(enabled=False, off_reason=self.autostart_off_reason)
            edits.append(FactEdit(_AUTOSTART, off, lambda: None, AutostartChanged(enabled=False)))
        if _read(facts, _STOP_PENDING).get("enabled") and not self.stop_pending:
            edits.append(FactEdit(_STOP_PENDING, _fact(enabled=False), lambda: None, StopPendingChanged(enabled=False)))
        return edits

    def set_stop_pending(self, *, pending: bool) -> FactEdit:
        """Make the queue stop after the running plan, or cancel the pending stop."""
        before = self.stop_pending

        def undo() -> None:
            self.stop_pending = before

        self.stop_pending = pending
        self._changed()
        return FactEdit(_STOP_PENDING, _fact(enabled=pending), undo, StopPendingChanged(pending))

    def set_autostart(self, *, enabled: bool, off_reason: str | None = None) -> FactEdit:
        """Switch autostart on or off. ``off_reason`` is the reason if autostart switches itself off."""
        before = self.autostart, self.autostart_off_reason

        def undo() -> None:
            self.autostart, self.autostart_off_reason = before

        self.autostart, self.autostart_off_reason = enabled, off_reason
        self._changed()
        reason = {} if off_reason is None else {"off_reason": off_reason}
        return FactEdit(_AUTOSTART, _fact(enabled=enabled, **reason), undo, AutostartChanged(enabled))

    def queue_stopped(self, decision: Decision) -> None:
        """Keep the reason of this decision to stop the queue."""
        if decision.reason is not StopReason.WAS_NOT_RUNNING:
            self.stopped_reason = None if decision.reason is StopReason.IS_EMPTY else decision.why

    def forget_stop(self) -> None:
        """Forget why the queue stopped, because the environment is closed anyway."""
        self.stopped_reason = None

    def off(self, why: str) -> list[FactEdit]:
        """Switch off autostart and cancel a pending stop."""
        edits: list[FactEdit] = []
        if self.stop_pending:
            edits.append(self.set_stop_pending(pending=False))
        if self.autostart:
            edits.append(self.set_autostart(enabled=False, off_reason=why))
        return edits


def _read(facts: Mapping[str, bytes] | None, name: str) -> dict[str, Any]:
    return json.loads((facts or {}).get(name) or b"{}")


def _fact(**values: Any) -> bytes:
    return json.dumps(values).encode()
