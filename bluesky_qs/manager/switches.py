"""Autostart and the pending stop of the queue."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from bluesky_qs.manager.events import AutostartChanged, StopPendingChanged
from bluesky_qs.manager.ledger import FactEdit

_AUTOSTART = "autostart_mode_info"
_STOP_PENDING = "stop_pending_info"


class Switches:
    """Autostart and the pending stop, which decide whether the queue starts and goes on by itself.

    Attributes
    ----------
    autostart_off_reason
        The reason if autostart switched itself off, otherwise None.
    """

    def __init__(self, changed: Callable[[], None], facts: Mapping[str, bytes] | None = None) -> None:
        autostart, stop = _read(facts, _AUTOSTART), _read(facts, _STOP_PENDING)
        self._changed = changed
        self.autostart = bool(autostart.get("enabled"))
        self.autostart_off_reason: str | None = autostart.get("off_reason")
        self.stop_pending = bool(stop.get("enabled"))

    def set_stop_pending(self, *, pending: bool) -> FactEdit:
        """Make the queue stop after the running plan, or cancel that."""
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

    def off(self, why: str) -> list[FactEdit]:
        """Switch off autostart and cancel a pending stop, as far as they are on."""
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
