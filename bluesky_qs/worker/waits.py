"""Determines why a plan is waiting: for devices that move or were triggered, for a sleep, or for its own code."""

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from bluesky_qs.ipc.states import PlanWait
from bluesky_qs.worker.observe import plain_text

#: Seconds that a wait lasts before it is reported. Most waits in a quick plan are shorter.
LASTS = 0.1
#: Seconds after which code that runs between or within messages is reported.
IN_CODE = 1.0
#: Messages that start something for which a later ``wait`` message waits.
_STARTING = frozenset({"set", "trigger", "kickoff", "complete", "prepare", "stage", "unstage"})
#: Maximum number of message groups to keep, because a plan need not wait for everything that it starts.
_GROUPS = 1000
#: Maximum number of characters in a position as JSON. Longer positions (arrays) are not reported.
_LONGEST = 200
#: Completed fraction of a move below which its remaining time is not estimated.
_TOO_EARLY = 0.01
#: Keys of ``device_progress``, in addition to the name and whether the device is done.
_RAW = ("current", "initial", "target", "unit", "precision", "fraction", "time_elapsed", "time_remaining")
_COMPLETED = b'{"device_progress":{"completed":true}}'
#: Maximum number of RunEngine messages waiting to be published, and maximum number of bytes in one message.
_MESSAGES, _LONGEST_MESSAGE = 5000, 10_000


class _Started(NamedTuple):
    """A message that started something, and its status object if that is known."""

    message: Any
    status: Any = None


class Streaming(NamedTuple):
    """Messages to publish in the form of ``bluesky-queueserver``: device progress, and the RunEngine's own messages."""

    progress: bool = False
    messages: bool = False


NOTHING = Streaming()


class DeviceWatch:
    """One device that the plan waits for. `update` receives the positions from the device's own thread."""

    def __init__(self, started: _Started, began: float, now: Callable[[], float]) -> None:
        message, self.status = started
        self._now = now
        self._began = began
        self._at = began
        #: The device's first and last reports; both empty if it reports nothing.
        self.first: dict[str, Any] = {}
        self.raw: dict[str, Any] = {}
        self._sent: dict[str, Any] = {}
        self.name = str(getattr(message.obj, "name", "") if message is not None else "") or _name_of(self.status)
        self.moves = message is not None and message.command == "set"
        self._target = message.args[0] if message is not None and self.moves and message.args else None

    def subscribe(self) -> None:
        """Subscribe to the status object's positions, if it has any."""
        watch = getattr(self.status, "watch", None)
        if callable(watch) and not self.is_done:
            with contextlib.suppress(Exception):  # user code may fail; without positions, the device is still named
                watch(self.update)

    def update(self, *_: Any, **raw: Any) -> None:
        """Handle a position. ophyd's last call has only the name."""
        if raw.get("current") is not None or not self.raw:
            self.raw, self._at = raw, self._now()
            self.first = self.first or raw

    @property
    def is_done(self) -> bool:
        return bool(getattr(self.status, "done", False))

    @property
    def initial(self) -> Any:
        given = self.raw.get("initial")
        return getattr(self.status, "start_pos", None) if given is None else given

    @property
    def target(self) -> Any:
        given = self.raw.get("target")
        return self._target if given is None else given

    @property
    def unit(self) -> Any:
        return self._label("unit")

    @property
    def precision(self) -> Any:
        return self._label("precision")

    def progress(self) -> dict[str, Any]:
        """Return a device's keys for the topic ``QS_Progress``. ``fraction`` is the completed part."""
        now, raw = self._now(), self.raw
        current = self.initial if raw.get("current") is None else raw["current"]
        elapsed = now - self._began
        part = 1.0 if self.is_done else part_done(self.initial, current, self.target)
        if part is None:
            part = _given_part(raw.get("fraction"), self.status)
        left = _number(raw.get("time_remaining"))
        if left is not None:
            left = max(left - (now - self._at), 0.0)
        elif part is not None and part > _TOO_EARLY:
            left = elapsed * (1.0 - part) / part
        return {
            "name": self.name,
            "initial": self.initial,
            "current": current,
            "target": self.target,
            "unit": self.unit,
            "precision": self.precision,
            "fraction": part,
            "time_elapsed": elapsed,
            "time_remaining": left,
            "done": self.is_done,
        }

    def info(self, *, done: bool) -> Iterator[bytes]:
        """Yield the device's reports since the last call, as ``QS_Info`` messages."""
        for raw in (self.first, self.raw) if not self._sent else (self.raw,):
            if raw and (raw is not self._sent or done):
                self._sent = raw
                values = {name: raw.get(name) for name in _RAW}
                yield plain_text({"device_progress": {**values, "name": self.name, "done": done or self.is_done}})

    def _label(self, name: str) -> Any:
        # The private attribute of ophyd's status was read when the move began; the device's own attribute may read from
        # hardware.
        given = self.raw.get(name)
        return getattr(self.status, f"_{name}", None) if given is None else given


class DeviceWait:
    """A ``wait`` message, with the devices that it waits for."""

    def __init__(self, statuses: Iterable[Any], messages: Iterable[Any], began: float) -> None:
        self.began = began
        self._statuses, self._messages = statuses, messages
        self._devices: list[DeviceWatch] | None = None

    def devices(self, now: Callable[[], float]) -> list[DeviceWatch]:
        """Return the devices. The first call, after the wait has lasted for some time, subscribes to them."""
        if self._devices is None:
            started = _paired(list(self._messages), list(self._statuses))
            self._devices = [DeviceWatch(each, self.began, now) for each in started]
            for device in self._devices:
                device.subscribe()
        return self._devices


class PlanWaits:
    """Follows the waits of one plan.

    The RunEngine's thread calls `message` and `waiting`, which do a constant amount of work. The watching thread calls
    the other methods.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, streaming: Streaming = NOTHING) -> None:
        self._now = now
        self._streaming = streaming
        self._finished: DeviceWait | None = None
        self._messages: deque[tuple[float, Any]] = deque(maxlen=_MESSAGES)
        self._epoch = time.time() - now()
        self._current: tuple[Any, float] = (None, now())
        self._groups: dict[Any, dict[int, Any]] = {}
        self._open: dict[Any, DeviceWait] = {}
        self._group: Any = None
        self._wait: DeviceWait | None = None
        self._held_until = 0.0
        self._place: tuple[float, str] = (-math.inf, "")

    def message(self, message: Any) -> None:
        """Record the message that the RunEngine is about to process."""
        command = message.command
        self._current = (message, self._now())
        if self._streaming.messages:
            self._messages.append((time.time(), message))
        if command == "wait":
            self._group = group = message.args[0] if message.args else message.kwargs.get("group")
            self._wait = self._open.get(group)
            return
        self._wait = None
        if command in _STARTING and "group" in message.kwargs:
            group = message.kwargs["group"]
            if group not in self._groups and len(self._groups) >= _GROUPS:
                self._groups.clear()
            self._groups.setdefault(group, {})[id(message.obj)] = message

    def waiting(self, statuses: Iterable[Any] | None) -> None:
        """Record the status objects that the ``wait`` message waits for; None if the wait is over."""
        now = self._now()
        if statuses is None:
            self._wait, self._current = None, (None, now)
            self._finished = self._open.pop(self._group, None)
            return
        self._wait = self._open[self._group] = DeviceWait(statuses, self._groups.pop(self._group, {}).values(), now)
        if self._streaming.progress:
            self._wait.devices(self._now)  # immediately, because the first position is published, too

    def held(self) -> None:
        """Record that a pause, a suspender or a prompt holds the plan."""
        self._held_until = self._now()

    def devices(self) -> list[DeviceWatch]:
        """Return the devices that the plan waits for, if it has been waiting for a while."""
        wait = self._wait
        return [] if wait is None or self._now() - wait.began < LASTS else wait.devices(self._now)

    def info(self) -> list[bytes]:
        """Return new messages for the topic ``QS_Info``. Of the waits that ended, only the last is included."""
        found = [_message_text(*self._messages.popleft()) for _ in range(len(self._messages))]
        if self._streaming.progress:
            ended, self._finished = self._finished, None
            if ended is not None:
                found += [text for device in ended.devices(self._now) for text in device.info(done=True)]
                found.append(_COMPLETED)
            wait = self._wait
            if wait is not None:
                found += [text for device in wait.devices(self._now) for text in device.info(done=False)]
        return found

    def current(self, place: Callable[[], str]) -> PlanWait | None:
        """Return why the plan waits. ``place`` finds the running file and line; it is called at most once a second."""
        now, (message, since) = self._now(), self._current
        if self._wait is not None:
            return self._for_devices(self.devices())
        since = max(since, self._held_until)
        if getattr(message, "command", None) == "sleep" and (seconds := _number(next(iter(message.args), None))):
            if now < since + seconds:
                return self._sleep(since, seconds) if now - since >= LASTS else None
            since += seconds
        if now - since < IN_CODE:
            return None
        if now - self._place[0] >= IN_CODE:
            self._place = now, place()
        return PlanWait("user_code", self._epoch + since, place=self._place[1])

    def _sleep(self, since: float, seconds: float) -> PlanWait:
        return PlanWait("sleep", self._epoch + since, start=b"0", target=plain_text(seconds))

    def _for_devices(self, devices: list[DeviceWatch]) -> PlanWait | None:
        rest = [device for device in devices if not device.is_done] or devices
        if not rest:
            return None
        wait = self._wait
        since = self._current[1] if wait is None else wait.began
        moving = [device for device in rest if device.moves]
        one = moving[0] if len(moving) == 1 else None
        precision = one.precision if one and isinstance(one.precision, int) else None
        return PlanWait(
            "motor" if moving else "trigger",
            self._epoch + since,
            [device.name for device in (moving or rest)],
            start=_position(one.initial if one else [device.initial for device in moving] or None),
            target=_position(one.target if one else [device.target for device in moving] or None),
            unit=str(one.unit) if one and one.unit else "",
            precision=precision,
        )


def _message_text(when: float, message: Any) -> bytes:
    """Return a RunEngine message as a message for the topic ``QS_Info``."""
    obj = message.obj
    fields = {
        "time": when,
        "command": message.command,
        "obj": None if obj is None else str(getattr(obj, "name", "") or obj),
        "args": [_named(value) for value in message.args],
        "kwargs": {str(name): _named(value) for name, value in message.kwargs.items()},
        "run": None if message.run is None else str(message.run),
    }
    text = plain_text({"re_message": fields})
    if len(text) <= _LONGEST_MESSAGE:
        return text
    return plain_text({"re_message": {**fields, "args": ["…"], "kwargs": {}}})


def _named(value: Any) -> Any:
    """Return the name of a device; any other value unchanged."""
    name = getattr(value, "name", None)
    return name if isinstance(name, str) else value


def part_done(initial: Any, current: Any, target: Any) -> float | None:
    """Return the completed fraction of a move, from 0 to 1; None if it cannot be computed. Positions may be arrays."""
    if initial is None or current is None or target is None:
        return None
    try:
        total, rest = _distance(initial, target), _distance(current, target)
    except (TypeError, ValueError):
        return None
    if not (math.isfinite(total) and math.isfinite(rest)) or total == 0:
        return None
    return min(max(1.0 - rest / total, 0.0), 1.0)


def _distance(one: Any, other: Any) -> float:
    first, second = ([*_components(each)] for each in (one, other))
    return math.dist(first, second)


def _components(position: Any) -> Iterator[float]:
    """Yield the numbers in a position of one or more axes."""
    plain = position.tolist() if hasattr(position, "tolist") else position
    for value in plain if isinstance(plain, (list, tuple)) else [plain]:
        yield float(value)


def _given_part(fraction: Any, status: Any) -> float | None:
    """Return the completed fraction, derived from the fraction that the status object reports."""
    if (number := _number(fraction)) is None:
        return None
    is_part_done = type(status).__module__.split(".")[0] == "ophyd_async"  # ophyd's fraction is the remaining part
    return min(max(number if is_part_done else 1.0 - number, 0.0), 1.0)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _position(value: Any) -> bytes:
    text = plain_text(value)
    return text if len(text) <= _LONGEST else b"null"


def _paired(messages: list[Any], statuses: list[Any]) -> list[_Started]:
    """Return each message with its status object, if it can be found, and then the other status objects."""
    left = list(statuses)
    found: list[_Started] = []
    for message in messages:
        name = str(getattr(message.obj, "name", ""))
        own = next((s for s in left if _owner(s) is message.obj or (name and _name_of(s) == name)), None)
        if own is not None:
            left = [status for status in left if status is not own]
        found.append(_Started(message, own))
    without = [index for index, each in enumerate(found) if each.status is None]
    if len(without) == len(left) == 1:
        found[without[0]] = _Started(found[without[0]].message, left.pop())
    return found + [_Started(None, status) for status in left if _name_of(status)]


def _owner(status: Any) -> Any:
    return next((own for name in ("device", "pos", "obj") if (own := getattr(status, name, None)) is not None), None)


def _name_of(status: Any) -> str:
    own = _owner(status)
    for name in (getattr(own, "name", None), getattr(status, "name", None), getattr(status, "_name", None)):
        if isinstance(name, str) and name:
            return name
    return ""
