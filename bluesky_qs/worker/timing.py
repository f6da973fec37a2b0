"""Measures how long the actions in a running plan take, to estimate later plans.

The RunEngine's thread only records entries. Another thread handles the entries several times a second.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bluesky_qs.foresight.sample import Sample
from bluesky_qs.foresight.work import Begun, Follower, Member, name_of, seconds_of

#: Maximum number of entries that wait for the other thread. A plan with more entries is not measured.
_MOST_WAITING = 50_000
#: Maximum numbers of different actions and different messages whose times are kept for one plan.
_MOST_KEPT = 1000
#: Maximum number of devices whose positions and settings are remembered from plan to plan.
_MOST_DEVICES = 1000

_Key = tuple[str, str]


class Memory:
    """The positions and settings of devices after the last plan, by device name."""

    def __init__(self) -> None:
        self.positions: dict[str, Any] = {}
        self.settings: dict[str, dict[str, Any]] = {}

    def trim(self) -> None:
        """Clear the memory if it contains too many devices."""
        for each in (self.positions, self.settings):
            if len(each) > _MOST_DEVICES:
                each.clear()


class _Entry(NamedTuple):
    """One entry: its time, its kind, and data that depend on the kind."""

    when: float
    kind: str
    what: Any


class _Waiting(NamedTuple):
    """The current wait: its actions, their status objects, and its start."""

    begun: list[Begun]
    members: list[Member]
    statuses: list[Any]
    since: float


class PlanTiming:
    """The times of one plan.

    The RunEngine's thread calls `message`, `waiting`, `held` and `document`, which take little time. One other thread
    at a time calls `digest` and `found`.
    """

    def __init__(self, memory: Memory, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._log: deque[_Entry] = deque()
        self._lost = False
        self._follower = Follower(memory.positions, memory.settings)
        self._memory = memory
        self._actions: dict[Member, Sample] = {}
        self._messages: dict[_Key, Sample] = {}
        self._begin = now()
        #: The message that the RunEngine is processing, and when it started; None after an interruption, such as a
        #: pause.
        self._current: tuple[_Key, float] | None = (("begin", ""), self._begin)
        self._group: list[Begun] = []
        self._wait: _Waiting | None = None
        self._ends: dict[int, float] = {}
        self.events = 0

    # ------------------------------------------------------------------------------------ the RunEngine's thread
    def message(self, message: Any) -> None:
        """Record that the RunEngine is about to process a message."""
        self._note("message", message)

    def waiting(self, statuses: Any) -> None:
        """Record that the plan waits for these status objects. None means that the wait is over."""
        if statuses is None:
            self._note("waited", None)
            return
        found = list(statuses)
        self._note("waits", found)
        if len(found) > 1:
            for status in found:
                with contextlib.suppress(Exception):  # user code may fail; the end of the wait is then used
                    status.add_callback(self._ended)

    def held(self) -> None:
        """Record that the plan was paused or suspended."""
        self._note("held", None)

    def document(self, name: str, document: Mapping[str, Any]) -> None:
        """Record a document of the plan."""
        if name in ("descriptor", "event"):
            self._note(name, document)

    def end(self) -> None:
        """Record the end of the plan. The main thread may call this."""
        self._note("end", None)

    def _ended(self, status: Any = None) -> None:
        """Record that a status object is complete. Its own thread may call this."""
        self._note("ended", id(status))

    def _note(self, kind: str, what: Any) -> None:
        if len(self._log) < _MOST_WAITING:
            self._log.append(_Entry(self._now(), kind, what))
        else:
            self._lost = True

    # -------------------------------------------------------------------------------------------- another thread
    def digest(self) -> None:
        """Handle the entries since the last call."""
        handlers = {
            "message": self._on_message,
            "waits": self._on_waits,
            "waited": self._on_waited,
            "ended": self._on_ended,
            "held": self._on_held,
            "descriptor": self._on_descriptor,
            "event": self._on_event,
            "end": self._on_end,
        }
        for _ in range(len(self._log)):
            when, kind, what = self._log.popleft()
            handlers[kind](when, what)

    def found(self) -> dict[str, Any] | None:
        """Return the plan's work and the times of its actions; None if entries were lost."""
        self.digest()
        self._memory.trim()
        if self._lost:
            return None
        return {
            "work": self._follower.work.to_json(),
            "actions": [[*member, *sample.to_json()] for member, sample in self._actions.items()],
            "messages": [[*key, *sample.to_json()] for key, sample in self._messages.items()],
            "events": self.events,
        }

    def _on_message(self, when: float, message: Any) -> None:
        self._over(when)
        begun = self._follower.message(message)
        if begun is not None:
            begun.begin = when
        name = "" if message.obj is None else name_of(message.obj)
        since = when
        if message.command == "wait":
            self._group = self._follower.awaited(message)
        elif message.command == "sleep":
            since += seconds_of(message)
        self._current = (message.command, name), since

    def _on_end(self, when: float, _what: Any) -> None:
        self._over(when)

    def _over(self, when: float) -> None:
        """Add the time of the current message, which has ended."""
        if self._current is not None:
            key, since = self._current
            _add(self._messages, key, when - since)
        self._current = None

    def _on_waits(self, when: float, statuses: list[Any]) -> None:
        pairs = _paired(self._group, statuses)
        self._group = []
        for begun, status in pairs:
            start = getattr(status, "start_pos", None)
            if start is not None:
                begun.start = start
        begun = [each for each, _ in pairs]
        self._wait = _Waiting(begun, self._follower.wait_for(begun), [status for _, status in pairs], when)
        self._ends = {}

    def _on_ended(self, when: float, status: int) -> None:
        self._ends.setdefault(status, when)

    def _on_waited(self, when: float, _what: Any) -> None:
        wait, self._wait = self._wait, None
        if wait is None or self._current is None:
            return
        ends = [self._ends.get(id(status), when) for status in wait.statuses]
        for member, end in zip(wait.members, ends, strict=True):
            _add(self._actions, member, max(end - wait.since, 0.0))
        key, since = self._current
        self._current = key, since + (max(ends, default=wait.since) - wait.since)

    def _on_held(self, _when: float, _what: Any) -> None:
        self._current, self._wait = None, None

    def _on_descriptor(self, _when: float, document: Mapping[str, Any]) -> None:
        for device, configuration in (document.get("configuration") or {}).items():
            for name, value in (configuration.get("data") or {}).items():
                self._follower.set_to(str(device), str(name), value)

    def _on_event(self, _when: float, document: Mapping[str, Any]) -> None:
        self.events += 1
        data, positions = document["data"], self._follower.positions
        for name in positions.keys() & data.keys():
            positions[name] = data[name]


def _paired(group: list[Begun], statuses: list[Any]) -> list[tuple[Begun, Any]]:
    """Return the actions in a group with their status objects; None for an action whose device is unknown.

    Actions without a status object end with the whole group.
    """
    if len(group) == len(statuses) == 1:
        return [(group[0], statuses[0])]
    left = list(statuses)
    pairs: list[tuple[Begun, Any]] = []
    for begun in group:
        status = next((each for each in left if _owner_name(each) == begun.device), None)
        if status is not None:
            left = [each for each in left if each is not status]
        pairs.append((begun, status))
    without = [place for place, (_, status) in enumerate(pairs) if status is None]
    if len(without) == len(left) == 1:
        pairs[without[0]] = pairs[without[0]][0], left[0]
    return pairs


def _owner_name(status: Any) -> str:
    owner = next((own for name in ("device", "pos", "obj") if (own := getattr(status, name, None)) is not None), None)
    for name in (getattr(owner, "name", None), getattr(status, "name", None), getattr(status, "_name", None)):
        if isinstance(name, str) and name:
            return name
    return ""


def _add(samples: dict[Any, Sample], key: Any, seconds: float) -> None:
    sample = samples.get(key)
    if sample is None:
        if len(samples) >= _MOST_KEPT:
            return
        sample = samples[key] = Sample()
    sample.add(seconds)
