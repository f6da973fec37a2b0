"""Starts, watches (by its heartbeats), replaces and stops the HTTP door, a child of the supervisor.

Without a door, a metrics server can take its place.
"""

import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import assert_never

import msgspec

from bluesky_qs.supervisor.child import Child
from bluesky_qs.supervisor.policy import Keep, Life, Restart, decide_door

_log = logging.getLogger(__name__)

#: Seconds that the door has to answer the last requests and close its streams when the service stops.
GRACE = 1.5
_MANY_BEATS = 4096

#: Returns the command line, given the file descriptors of the listening socket and of the pipe for heartbeats.
DoorCommand = Callable[[int, int], Sequence[str]]
#: Starts a child from a command line. The child inherits the file descriptors.
Spawn = Callable[[Sequence[str], Sequence[int]], Child]


class Doorkeeper:
    """Keeps a door running.

    The listening socket belongs to the supervisor. While a door is replaced, new connections wait for the next door.

    Attributes
    ----------
    beats
        File descriptor that becomes readable when the door has sent a heartbeat.
    reloads
        Whether the process reads its files again on request.
    """

    def __init__(
        self,
        sock: socket.socket,
        spawn: Spawn,
        command: DoorCommand,
        ready: Callable[[], None],
        *,
        name: str = "The HTTP door",
        reloads: bool = True,
    ) -> None:
        self.reloads = reloads
        self._name = name
        self._socket = sock
        self._spawn = spawn
        self._command = command
        self._ready = ready
        self.beats, self._beat_writer = os.pipe()
        os.set_blocking(self.beats, False)
        self._child: Child | None = None
        self._life = Life(time.monotonic())
        self._start_due: float | None = self._life.started
        self._stop_due: float | None = None
        self._reload_due = False

    def act(self, now: float) -> float | None:
        """Perform the actions that are due; return the time of the next deadline, if there is one."""
        if self._stop_due is not None:
            return None if self.stopped(now) else self._stop_due
        if self._child is not None:
            return self._watch(self._child, now)
        if self._start_due is not None and now >= self._start_due:
            self._start(now)
            return now
        return self._start_due

    def heard(self, now: float) -> None:
        """Record heartbeats."""
        if not self._drained() or self._child is None:
            return
        if self._life.last_beat is None:
            _log.info("%s is open", self._name)
        if not self._life.served:
            self._ready()
        self._life = self._life.beats(now)
        if self._reload_due:
            self.reload()

    def excuse(self, seconds: float) -> None:
        """Do not count time in which no process could run."""
        self._life = self._life.excused(seconds)

    def stop(self, now: float) -> None:
        """Ask the door to end. On the second call, end it."""
        if self._child is not None and self._stop_due is not None:
            self._child.kill()
        elif self._child is not None:
            self._child.terminate()
        if self._stop_due is None:
            self._stop_due = now + GRACE

    def reload(self) -> None:
        """Make the door read its files again. A door that is starting does this when it is ready."""
        self._reload_due = self._child is None or self._life.last_beat is None
        if self._child is not None and not self._reload_due:
            self._child.send_signal(signal.SIGHUP)

    def stopped(self, now: float) -> bool:
        """Return whether the door has ended after `stop`, or has used up its time."""
        assert self._stop_due is not None
        return self._child is None or self._child.poll() is not None or now >= self._stop_due

    def end(self) -> None:
        """End the door (the first time in an orderly way), and close its descriptors."""
        if self._child is not None:
            if self._stop_due is None:
                self._child.terminate()
                self._child.wait(GRACE)
            self._end_child()
        for fd in (self.beats, self._beat_writer):
            os.close(fd)

    def _start(self, now: float) -> None:
        self._start_due = None
        self._drained()  # heartbeats of the last door
        self._life = msgspec.structs.replace(self._life, started=now)
        files = (self._socket.fileno(), self._beat_writer)
        self._child = self._spawn(self._command(*files), files)

    def _watch(self, child: Child, now: float) -> float:
        match decide_door(now, self._life, child.poll(), self._name):
            case Keep(until):
                return until
            case Restart(delay, reason):
                _log.error("%s. Restarting %s...", reason, f"in {delay:g} s " if delay else "")
                self._end_child()
                self._life = self._life.ended(now)
                self._start_due = now + delay
                return self._start_due
            case never:
                assert_never(never)

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait(GRACE)

    def _drained(self) -> bool:
        """Read the heartbeats. Return whether there were any."""
        with contextlib.suppress(BlockingIOError):
            return bool(os.read(self.beats, _MANY_BEATS))
        return False
