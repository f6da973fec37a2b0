"""Decides whether to keep or replace the manager or the HTTP door, or to give up. Uses no clock and no processes."""

import msgspec

from bluesky_qs.errors import ConfigError, QSError
from bluesky_qs.ipc.supervision import ERROR_LOGGED

#: Seconds without a heartbeat after which a manager or a door counts as frozen.
FROZEN_AFTER = 4.0
#: Seconds allowed for starting. Large lists and a slow store take time, but a start that hangs never ends.
START_TIMEOUT = 60.0
#: A manager or a door that ends sooner than this number of seconds is replaced more slowly each time.
SHORT_LIFE = 2.0
#: Longest time in seconds between two attempts. The attempts never stop, because a running plan may need a manager.
LONGEST_DELAY = 30.0
#: Exit codes of a manager that has logged why it cannot start, and the service's exit codes for them.
_FINAL_EXIT_CODES = {ERROR_LOGGED: QSError.exit_code, ConfigError.exit_code: ConfigError.exit_code}


class Exit(msgspec.Struct, frozen=True):
    """How a process ended: its exit code (negative for a signal), and a phrase that describes it."""

    code: int
    how: str


class Life(msgspec.Struct, frozen=True):
    """A record about a manager or a door and its predecessors. Times are monotonic.

    Attributes
    ----------
    started
        Time at which it started.
    last_beat
        Time of its last heartbeat.
    served
        Whether it or any predecessor has sent a heartbeat.
    short_lives
        Number of predecessors in a row that ended soon after they started.
    number
        Its number, counted from the start of the service.
    """

    started: float
    last_beat: float | None = None
    served: bool = False
    short_lives: int = 0
    number: int = 1

    def beats(self, now: float) -> "Life":
        """Return the record with a heartbeat at this time."""
        return msgspec.structs.replace(self, last_beat=now, served=True)

    def excused(self, seconds: float) -> "Life":
        """Return the record after the whole machine was paused or busy, so that no process could run for some time."""
        if self.last_beat is None:
            return msgspec.structs.replace(self, started=self.started + seconds)
        return msgspec.structs.replace(self, last_beat=self.last_beat + seconds)

    def ended(self, now: float) -> "Life":
        """Return the record for its successor. Set ``started`` when the successor starts."""
        short_lives = self.short_lives + 1 if now - self.started < SHORT_LIFE else 0
        return Life(now, served=self.served, short_lives=short_lives, number=self.number + 1)


class Keep(msgspec.Struct, frozen=True):
    """Keep the process. Decide again at this time, or when something happens."""

    until: float


class Restart(msgspec.Struct, frozen=True):
    """Start a new process after ``delay`` seconds, and end this one if it is still running."""

    delay: float
    reason: str


class GiveUp(msgspec.Struct, frozen=True):
    """End the service with this exit code; ``reason`` is empty if a stop was requested."""

    exit_code: int
    reason: str


def decide(now: float, life: Life, ending: Exit | None) -> Keep | Restart | GiveUp:
    """Decide what to do about a manager that is running or has ended."""
    if ending is not None:
        if ending.code == 0:
            return GiveUp(0, "")
        if not life.served:
            return _no_start(ending)
        return Restart(_delay(life.short_lives), f"RE Manager process ended unexpectedly ({ending.how})")
    last = life.started if life.last_beat is None else life.last_beat
    patience = START_TIMEOUT if life.last_beat is None else FROZEN_AFTER
    if now - last < patience:
        return Keep(last + patience)
    if not life.served:
        return GiveUp(1, f"RE Manager did not start within {START_TIMEOUT:g} s")
    return Restart(0, f"RE Manager process has not responded for {patience:g} s")


def decide_door(now: float, life: Life, ending: Exit | None, name: str = "The HTTP door") -> Keep | Restart:
    """Decide what to do about an HTTP door that is running or has ended. This never ends the service."""
    if ending is not None:
        return Restart(_delay(life.short_lives), f"{name} ended unexpectedly ({ending.how})")
    last = life.started if life.last_beat is None else life.last_beat
    patience = START_TIMEOUT if life.last_beat is None else FROZEN_AFTER
    if now - last < patience:
        return Keep(last + patience)
    return Restart(0, f"{name} has not responded for {patience:g} s")


def _no_start(ending: Exit) -> GiveUp:
    if ending.code in _FINAL_EXIT_CODES:
        return GiveUp(_FINAL_EXIT_CODES[ending.code], "")
    return GiveUp(ending.code if ending.code > 0 else 1, f"RE Manager could not start ({ending.how})")


def _delay(short_lives: int) -> float:
    """Return the delay in seconds: 0 for the first two short lives, then twice as much each time."""
    return 0 if short_lives < 2 else min(0.25 * 2 ** min(short_lives, 10), LONGEST_DELAY)  # noqa: PLR2004 - see above
