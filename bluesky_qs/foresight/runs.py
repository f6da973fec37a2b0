"""The runs of a walk, with their streams and the number of points in each stream."""

from collections.abc import Iterable
from typing import Any, NoReturn


class IllegalMessageSequence(Exception):
    """The plan's messages are in an order that the RunEngine refuses."""


class _Run:
    def __init__(self, uid: str, announced: int | None) -> None:
        self.uid = uid
        #: Number of points that the plan has announced, and the number of points saved so far in each stream.
        self.announced = announced
        self.saved: dict[str, int] = {}
        self.stream: str | None = None
        self.bytes = 0
        self.has_read = False
        self.keys: set[str] = set()
        #: Ids of the devices in the current point, and of the devices in each stream.
        self.devices: set[int] = set()
        self.streams: dict[str, frozenset[int]] = {}
        self.monitored: set[int] = set()


class Runs:
    """Follows the messages that open runs and save points."""

    def __init__(self) -> None:
        self.opened = 0
        #: Numbers of points by stream, for all runs together.
        self.points: dict[str, int] = {}
        self.bytes = 0
        self._open: dict[Any, _Run] = {}

    @property
    def announced(self) -> int | None:
        """The total number of points when the open runs end; None without an open run, or if one announced none."""
        total = sum(self.points.values())
        for run in self._open.values():
            if run.announced is None:
                return None
            total += max(run.announced - max(run.saved.values(), default=0), 0)
        return total if self._open else None

    def open(self, key: Any, uid: str, announced: int | None = None) -> None:
        """Open a run with this number of points, if the plan has announced it.

        Raise `IllegalMessageSequence` if a run with this key is open.
        """
        if key in self._open:
            _refuse("A 'close_run' message was not received before the 'open_run' message")
        self._open[key] = _Run(uid, announced)
        self.opened += 1

    def close(self, key: Any) -> str:
        """Close a run; return its uid."""
        run = self._require(key, "A 'close_run' message was received but there is no run open")
        del self._open[key]
        return run.uid

    def create(self, key: Any, stream: str) -> None:
        """Begin a point of this stream."""
        run = self._require(key, "Cannot bundle readings without an open run: 'open_run' must come before 'create'")
        if run.stream is not None:
            _refuse("A second 'create' message is not allowed until the current event is closed with 'save' or 'drop'")
        run.stream, run.bytes, run.has_read, run.keys, run.devices = stream, 0, False, set(), set()

    def read(self, key: Any, obj: Any, keys: Any, size: int) -> None:
        """Add the reading of a device to the current point of the run, if there is one."""
        run = self._open.get(key)
        if run is None or run.stream is None:
            return
        if not run.keys.isdisjoint(keys):
            twice = sorted(run.keys.intersection(keys))
            raise ValueError(f"Two devices in one point have the same data keys: {', '.join(twice)}")
        run.keys.update(keys)
        run.devices.add(id(obj))
        run.bytes += size
        run.has_read = True

    def save(self, key: Any) -> None:
        """End a point."""
        run = self._bundling(key, "save")
        if run.has_read:
            stream = run.stream or ""
            for points in (self.points, run.saved):
                points[stream] = points.get(stream, 0) + 1
            self.bytes += run.bytes
            _same_devices(run, stream, run.devices)
        run.stream = None

    def drop(self, key: Any) -> None:
        """Drop the current point."""
        self._bundling(key, "drop").stream = None

    def declare(self, key: Any, stream: str, objs: Iterable[Any] = ()) -> None:
        """Declare a stream with these devices. The stream may stay empty."""
        run = self._require(key, "Cannot declare a stream without an open run: 'open_run' must come before it")
        self.points.setdefault(stream, 0)
        if devices := {id(obj) for obj in objs}:
            _same_devices(run, stream, devices)

    def monitor(self, key: Any, obj: Any, stream: str) -> None:
        """Begin to monitor a device."""
        run = self._require(key, "A 'monitor' message was sent but no run is open.")
        if id(obj) in run.monitored:
            _refuse(f"A 'monitor' message was sent for {stream!r}, which is already monitored")
        run.monitored.add(id(obj))
        self.points.setdefault(stream, 0)

    def unmonitor(self, key: Any, obj: Any) -> None:
        """Stop monitoring a device."""
        run = self._require(key, "An 'unmonitor' message was sent but no run is open.")
        if id(obj) not in run.monitored:
            _refuse("Cannot 'unmonitor' a device that is not monitored")
        run.monitored.discard(id(obj))

    def require(self, key: Any, command: str) -> None:
        """Raise `IllegalMessageSequence` unless this run is open."""
        self._require(key, f"A '{command}' message was sent but no run is open.")

    def refuse_while_bundling(self, message: str) -> None:
        """Raise `IllegalMessageSequence` if a point has begun in any run."""
        if any(run.stream is not None for run in self._open.values()):
            _refuse(message)

    def _require(self, key: Any, message: str) -> _Run:
        run = self._open.get(key)
        if run is None:
            _refuse(message)
        return run

    def _bundling(self, key: Any, command: str) -> _Run:
        run = self._require(key, f"A '{command}' message was sent but no run is open.")
        if run.stream is None:
            _refuse(f"A 'create' message must come before '{command}'")
        return run


def _same_devices(run: _Run, stream: str, devices: Iterable[int]) -> None:
    """Raise `RuntimeError` if the stream has other devices than before."""
    if run.streams.setdefault(stream, frozenset(devices)) != frozenset(devices):
        msg = f"Mismatched objects read: the stream {stream!r} of this run has other devices than before"
        raise RuntimeError(msg)


def _refuse(message: str) -> NoReturn:
    raise IllegalMessageSequence(message)
