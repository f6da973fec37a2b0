"""Collects the findings of a dry run and makes the report for clients."""

from typing import Any

from bluesky_qs.error_text import cut
from bluesky_qs.foresight.devices import UNSET, WalkDevice
from bluesky_qs.foresight.plain import finite
from bluesky_qs.foresight.runs import Runs

#: Maximum number of entries in each list of a report, because plans may be long.
MOST = 100
_LONGEST = 200


class Move:
    """The moves of one device: where it starts, its range, and where it ends."""

    def __init__(self, device: WalkDevice) -> None:
        self.device = device
        self.start = device.start if device.walked is UNSET else device.walked
        self.low = self.high = _number(self.start)
        self.end: Any = self.start

    def to(self, value: Any) -> None:
        """Record a move to this position."""
        self.end = value
        if (number := _number(value)) is not None:
            self.low = number if self.low is None else min(self.low, number)
            self.high = number if self.high is None else max(self.high, number)


def asks_for_input(prompt: object) -> str:
    """Return the reason why a dry run ends at an ``input()``, whose prompt may be empty."""
    text = str(prompt).strip()
    return f"the plan asks for input{f': {text!r}' if text else ''}"


class Findings:
    """Collects what the messages of a plan would do.

    Attributes
    ----------
    devices
        Names of the devices that the plan uses, in order (a dict, for its order).
    """

    def __init__(self, runs: Runs) -> None:
        self.devices: dict[str, None] = {}
        self.blocked: list[dict[str, Any]] = []
        self._runs = runs
        self._exact = True
        self._reason = ""
        self._errors: list[dict[str, Any]] = []
        self._warnings: dict[str, None] = {}
        self._assumed: dict[tuple[str, str], Any] = {}
        self._moves: dict[str, Move] = {}
        self._triggers: dict[str, int] = {}

    @property
    def step(self) -> int:
        """The number of the current point, counted from 1."""
        return sum(self._runs.points.values()) + 1

    def use(self, device: WalkDevice) -> None:
        """Record that the plan uses this device."""
        self.devices[device.name] = None
        if not device.facts.is_permitted:
            self.warn(f"The plan uses {device.name}, which you may not use: ask the beamline staff")

    def move(self, device: WalkDevice, value: Any) -> None:
        """Record a move of a device."""
        move = self._moves.get(device.name)
        if move is None:
            move = self._moves[device.name] = Move(device)
        move.to(value)

    def trigger(self, name: str) -> None:
        """Record that the plan triggers a detector."""
        self._triggers[name] = self._triggers.get(name, 0) + 1

    def assume(self, name: str, key: str, value: Any) -> None:
        """Record that the plan uses a value that may differ in a real run."""
        self._exact = False
        if len(self._assumed) < MOST:
            self._assumed.setdefault((name, key), value)

    def inexact(self, warning: str) -> None:
        """Record that a real run may differ, and warn with this text."""
        self._exact = False
        self.warn(warning)

    def warn(self, text: str) -> None:
        """Add a warning, once."""
        if len(self._warnings) < MOST:
            self._warnings.setdefault(text)

    def cut(self, reason: str) -> None:
        """Record that the walk ends before the end of the plan, for this reason."""
        self._reason = self._reason or reason

    def block(self, call: str, trace: str) -> None:
        """Record that the plan tried an action that a dry run must not carry out."""
        if len(self.blocked) < MOST:
            self.blocked.append({"call": cut(call, _LONGEST), "step": self.step, "traceback": trace})

    def failed(self, message: str, trace: str) -> None:
        """Record that the plan has failed."""
        self._errors.append({"msg": message, "traceback": trace, "step": self.step})

    def report(self, *, slept: float) -> dict[str, Any]:
        """Return the report without an estimate, and without the keys that the walk's process adds."""
        complete = not self._reason
        ok = None if self.blocked or not complete else not self._errors
        return {
            "ok": ok,
            "complete": complete,
            "reason": self._reason,
            "exact": self._exact and complete and not self.blocked,
            "errors": self._errors,
            "warnings": list(self._warnings),
            "assumed": [
                {"device": device, "field": key, "value": _shown(value)}
                for (device, key), value in self._assumed.items()
            ],
            "blocked": self.blocked,
            "motors": {name: _range(move) for name, move in self._moves.items()},
            "devices": list(self.devices),
            "runs": self._runs.opened,
            "points": sum(self._runs.points.values()),
            "streams": list(self._runs.points),
            "stream_points": dict(self._runs.points),
            "triggers": self._triggers,
            "bytes": self._runs.bytes,
            "estimate": {
                "seconds": None,
                "low": None,
                "high": None,
                "at_least": False,
                "source": "unknown",
                "reason": "",
                "parts": {"move": None, "trigger": None, "sleep": slept, "other": None},
            },
        }


def _range(move: Move) -> dict[str, Any]:
    return {
        "start": _shown(move.start),
        "min": move.low,
        "max": move.high,
        "end": _shown(move.end),
        "units": move.device.units,
    }


def _number(value: Any) -> float | None:
    """Return the value as a number; None for anything else."""
    return None if isinstance(value, bool) else finite(value)


def _shown(value: Any) -> Any:
    """Return the value as it appears in JSON: a number, a string or None."""
    if value is None or isinstance(value, str | bool):
        return cut(value, _LONGEST) if isinstance(value, str) else value
    if (number := _number(value)) is not None:
        return int(value) if isinstance(value, int) and abs(value) < 2**53 else number
    return cut(repr(value), _LONGEST)
