"""The worker's pulse while a plan runs, with device positions.

A missing pulse means that code holds the interpreter.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from bluesky_qs.ipc.reports import Pulse, StateChanged
from bluesky_qs.manager.loop.clock import Clock
from bluesky_qs.wire.codec import Encoded
from bluesky_qs.wire.info import progress_payload

#: Seconds without a pulse after which code is assumed to hold the interpreter. The code may have started up to 0.2 s
#: after a pulse.
SILENCE = 1.25
#: Seconds allowed for handling pulses that arrived while the manager itself was busy.
_CATCHING_UP = 0.05
_NONE = b"[]"


class PulseBook:
    """The latest pulse of the running plan.

    Parameters
    ----------
    publish
        Called with the payload of the topic ``QS_Progress`` (JSON text), as long as the plan waits for devices, and
        once more without devices.
    """

    def __init__(self, clock: Clock, changed: Callable[[], None], publish: Callable[[bytes], None]) -> None:
        self._clock = clock
        self._changed = changed
        self._publish = publish
        self._timer: asyncio.TimerHandle | None = None
        self._item_uid = ""
        self._devices = _NONE
        self._heard = 0.0
        self._silent_since: float | None = None

    def take(self, pulse: Pulse) -> None:
        """Handle a pulse."""
        if pulse.devices != _NONE or self._devices != _NONE:
            self._publish(progress_payload(pulse.item_uid, Encoded(pulse.devices)))
        self._devices = pulse.devices
        self._beat(pulse.item_uid)

    def state_changed(self, report: StateChanged) -> None:
        """Use a state report as a pulse, because the first code of a plan may hold the interpreter."""
        if report.state.pulses and report.state.item_uid:
            self._beat(report.state.item_uid)

    def end(self) -> None:
        """Expect no more pulses, because the plan has ended."""
        if self._timer is not None:
            self._timer.cancel()
        if self._devices != _NONE:
            self._publish(progress_payload(self._item_uid, []))
        self._timer, self._item_uid, self._devices = None, "", _NONE
        self._set_silent(None)

    def silent_since(self, item_uid: str) -> float | None:
        """Return when this plan's last pulse came (epoch seconds), if the next one is overdue; otherwise None."""
        return self._silent_since if item_uid == self._item_uid else None

    def devices(self, item_uid: str | None) -> list[dict[str, Any]]:
        """Return the devices for which this plan waits, with positions, fractions and times."""
        return json.loads(self._devices) if item_uid == self._item_uid else []

    def _beat(self, item_uid: str) -> None:
        self._item_uid, self._heard = item_uid, self._clock.time()
        self._wait(SILENCE, self._suspect)
        self._set_silent(None)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _suspect(self) -> None:
        self._wait(_CATCHING_UP, lambda: self._set_silent(self._heard))

    def _set_silent(self, since: float | None) -> None:
        if since != self._silent_since:
            self._silent_since = since
            self._changed()
