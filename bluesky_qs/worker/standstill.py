"""Determines why a plan is not progressing: because suspenders hold it, or because it is paused."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from bluesky_qs.error_text import cut, safe
from bluesky_qs.ipc.states import Waiting

#: Maximum number of characters of a reason. Suspenders write one sentence, but a user's own message may be longer.
_LONGEST = 500
_UNKNOWN = "a suspender has tripped"
_ENDINGS = ("stopping", "aborting", "halting", "panicked", "idle")


class Suspension(NamedTuple):
    """One reason why the plan is suspended, with the names of the suspenders' signals."""

    reason: str
    signals: list[str]


def tripped_suspenders(engine: Any) -> list[Suspension]:
    """Return the tripped suspenders, determined in the same way as the RunEngine does before a plan starts.

    Never call this in the RunEngine's loop, because a suspender that is about to trip holds its lock while it waits for
    that loop.
    """
    return [
        Suspension(_line(suspender.get_futures()[1]), _signals([suspender]))
        for suspender in engine.suspenders
        if suspender.tripped
    ]


class SuspenderWatch:
    """Detects changes in the tripped suspenders. Use it in one thread, which must not be the RunEngine's loop."""

    def __init__(self) -> None:
        self._tripped: list[Any] | None = None

    def changed(self, engine: Any) -> list[Suspension] | None:
        """Return the tripped suspenders; None if they are the same as in the last call."""
        tripped = [suspender for suspender in engine.suspenders if suspender.tripped]
        if tripped == self._tripped:
            return None
        self._tripped = tripped
        return tripped_suspenders(engine)

    def forget(self) -> None:
        """Make the next call return the suspenders even if they have not changed."""
        self._tripped = None


class Standstill:
    """Follows the pauses and suspensions of one plan.

    All calls except the constructor come from the RunEngine's loop.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._suspensions: list[Suspension] = []
        self._suspended_since = 0.0
        self._pause: Waiting | None = None
        self._begun = False
        self._waits_to_begin = False
        self._time_suspended = 0.0
        #: Seconds that the plan has been paused, not including the current pause.
        self.time_paused = 0.0
        #: Suspenders that were tripped before the plan started.
        self.tripped: list[Suspension] = []

    def state(self) -> dict[str, Any]:
        """Return the fields of `WorkerState`."""
        return {"waiting": self._pause or self._suspension(), "time_suspended": self._time_suspended}

    @property
    def time_suspended(self) -> float:
        """Seconds that suspenders have held the plan, not including the current suspension."""
        return self._time_suspended

    def plan_begins(self) -> None:
        """Record that the plan's first message was requested. Earlier messages come from the RunEngine itself."""
        self._begun = True

    def changed_by(self, message: Any, engine: Any) -> bool:
        """Handle a message that the RunEngine is about to process. Return whether the plan's standstill changes."""
        command = getattr(message, "command", None)
        if self._waits_to_begin and self._begun:
            self._waits_to_begin = False
            self._release()
            return True
        if command == "_start_suspender":
            self._hold(Suspension(_line(message.args[2]), _signals(s for s in engine.suspenders if s.tripped)))
            return True
        if command == "_resume_from_suspender":
            self._release()
            return True
        # If a plan starts while suspenders are tripped, the RunEngine waits for them before it processes the plan's
        # messages.
        if command == "wait_for" and not self._begun and not self._waits_to_begin:
            self._waits_to_begin = True
            reasons = "; ".join(each.reason for each in self.tripped if each.reason)
            self._hold(Suspension(reasons, [name for each in self.tripped for name in each.signals]))
            return True
        return False

    def engine_changed(self, state: str, pauser: str | None) -> None:
        """Follow the state of the RunEngine. If it is paused now, ``pauser`` requested the pause (None: nobody did)."""
        if state == "paused":
            self._count()
            self._pause = Waiting.of_pause(self._now(), pauser, self._suspension(), to_begin=self._waits_to_begin)
        elif self._pause is not None:
            self.time_paused += max(self._now() - self._pause.since, 0.0)
            self._pause = None
            self._suspended_since = self._now()
        if state in _ENDINGS:  # an exception ends the suspension without a resume
            self._count()
            self._suspensions.clear()

    def suspenders_changed(self, tripped: list[Suspension]) -> None:
        """Record that these suspenders are tripped during a pause. Only a plan that has not begun waits for them."""
        if self._pause is not None:
            # If code requests a suspension without a suspender, the end of the suspension is unknown.
            others = [each for each in self._suspensions if not each.signals]
            reason, devices = _merged([*others, *tripped])
            self._pause = msgspec.structs.replace(self._pause, reason=reason, devices=devices)

    def _hold(self, suspension: Suspension) -> None:
        if not self._suspensions:
            self._suspended_since = self._now()
        self._suspensions.append(suspension)

    def _release(self) -> None:
        # Each suspension is nested inside the ones before it, so the latest ends first.
        if len(self._suspensions) == 1:
            self._count()
        if self._suspensions:
            self._suspensions.pop()

    def _count(self) -> None:
        """Add the current suspension to the total time spent in suspensions."""
        if self._suspensions and self._pause is None:
            self._time_suspended += max(self._now() - self._suspended_since, 0.0)

    def _suspension(self) -> Waiting | None:
        if not self._suspensions:
            return None
        return Waiting("suspender", self._suspended_since, *_merged(self._suspensions))


def _merged(suspensions: list[Suspension]) -> tuple[str, list[str]]:
    """Return the reasons on one line, and the signals; both empty if there are no suspensions."""
    reasons = dict.fromkeys(each.reason for each in suspensions if each.reason)
    signals = dict.fromkeys(name for each in suspensions for name in each.signals)
    return cut("; ".join(reasons) or (_UNKNOWN if suspensions else ""), _LONGEST), [*signals]


def _line(justification: Any) -> str:
    """Return the justification on one line, without bluesky's periods, because it becomes part of a sentence."""
    return safe(" ".join(str(justification or "").split())).replace(".: ", ": ").removesuffix(".")


def _signals(suspenders: Any) -> list[str]:
    # bluesky has no public name for a suspender's signal.
    signals = [getattr(suspender, "_sig", None) for suspender in suspenders]
    return [name for signal in signals if isinstance(name := getattr(signal, "name", None), str) and name]
