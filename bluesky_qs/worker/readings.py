"""The devices that clients read: their last readings, their descriptions, and the requests that wait for them.

This module runs no device code, so no thread waits for a device here.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from bluesky_qs.wire.codec import json_text

#: Seconds within which a device must answer. Clients wait for two seconds.
ANSWER_WITHIN = 1.0
#: Seconds for which a description (units, limits) remains valid.
DESCRIBED_FOR = 60.0

Outcome = dict[str, Any]


class Key(NamedTuple):
    """The key of a device: its root in the namespace (by identity, so that aliases share a key) and the path from the
    root.

    ``group`` is the client's group if the device is below the lists, because the permission then depends on the device
    itself. Otherwise, it is empty.
    """

    root: int
    path: str
    group: str


class KnownDevice:
    """One device or subdevice that clients read.

    Attributes
    ----------
    name
        The name in the first request.
    root
        The object in the namespace to which the device belongs.
    last
        The last reading in the form for replies; None before the first reading.
    reading, main
        The last reading as the device returned it, and the data key of its main value.
    description
        Units, limits and data keys, as prepared by the reader; None before the first description.
    """

    def __init__(self, name: str, key: Key, root: Any) -> None:
        self.name = name
        self.key = key
        self.root = root
        self.last: Outcome | None = None
        self.reading: Any = None
        self.main = ""
        self.description: Any = None
        self.described_at = 0.0
        #: When the outstanding read was requested, on the clock of `Readings`; None if no read is outstanding.
        self.asked: float | None = None
        #: Whether the outstanding read has begun. If not, it is waiting for a thread.
        self.has_begun = False
        self._answer: Outcome | None = None
        self._answered = 0.0

    def recent(self, now: float, max_age: float) -> Outcome | None:
        """Return the last answer if it is younger than this number of seconds."""
        return self._answer if self._answer is not None and now - self._answered < max_age else None

    def answered(self, answer: Outcome, now: float) -> None:
        """Record the answer to the outstanding read."""
        self.asked, self.has_begun = None, False
        self._answer, self._answered = answer, now
        if "error" not in answer:
            self.last = answer

    def failed(self, error: str) -> Outcome:
        """Return the answer for a device that could not be read."""
        last = self.last and {"value": self.last["value"], "timestamp": self.last["timestamp"]}
        return {"error": error, "last": last}


class _Request:
    """A request from the manager, with the missing devices and the answers so far."""

    def __init__(self, uid: str, names: Iterable[str]) -> None:
        self.uid = uid
        self.found: dict[str, Outcome | None] = dict.fromkeys(names)
        self.missing: dict[KnownDevice, list[str]] = {}

    def settle(self, device: KnownDevice, answer: Outcome) -> None:
        for name in self.missing.pop(device, ()):
            self.found[name] = answer


class Readings:
    """The requests for readings, and the devices that they name. Any thread may call the methods.

    At most one read of a device is outstanding, and all requests share it.

    Parameters
    ----------
    start
        Starts to read a device. It returns immediately, and `ended` follows when the device has answered.
    send
        Called with the uid of a request and its reply (JSON).
    """

    def __init__(
        self,
        start: Callable[[KnownDevice], object],
        send: Callable[[str, bytes], object],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start = start
        self._send = send
        self._now = now
        self._lock = threading.RLock()
        self._devices: dict[Key, KnownDevice] = {}
        self._requests: list[_Request] = []

    def ask(
        self, uid: str, names: Iterable[str], *, namespace: Mapping[str, Any], groups: Mapping[str, str], max_age: float
    ) -> None:
        """Accept a request. The reply is sent as soon as all devices have answered, or after `ANSWER_WITHIN`.

        ``groups`` has the client's group for names below the lists. A reading is reused if it is younger than
        ``max_age`` seconds.
        """
        request = _Request(uid, names)
        with self._lock:
            now, known = self._now(), len(self._devices)
            for name in request.found:
                root = namespace.get(name.partition(".")[0], _ABSENT)
                if root is _ABSENT:
                    request.found[name] = {"error": "it is no longer in the worker namespace", "last": None}
                    continue
                device = self._device(name, root, groups.get(name, ""))
                if device.asked is None and (answer := device.recent(now, max_age)):
                    request.found[name] = answer
                    continue
                request.missing.setdefault(device, []).append(name)
            if len(self._devices) > known:
                self._forget(namespace)
            self._requests.append(request)
            for device in list(request.missing):
                if device.asked is None:
                    device.asked = now
                    self._start(device)
            self._overdue(now)

    def ended(self, device: KnownDevice, answer: Outcome) -> None:
        """Record the answer to a read."""
        with self._lock:
            device.answered(answer, self._now())
            for request in self._requests:
                request.settle(device, answer)
            self._reply()

    def begins(self, device: KnownDevice) -> None:
        """Record the beginning of a read, which may have waited for a thread."""
        with self._lock:
            device.has_begun = True

    def known(self, name: str, namespace: Mapping[str, Any]) -> KnownDevice | None:
        """Return the device with this name, if it was requested without a group."""
        root, _, path = name.partition(".")
        with self._lock:
            return self._devices.get(Key(id(namespace.get(root)), path, ""))

    def due(self) -> float | None:
        """Return the seconds until `check` must be called; None if no request is waiting."""
        with self._lock:
            asked = [device.asked for each in self._requests for device in each.missing if device.asked is not None]
            return max(min(asked) + ANSWER_WITHIN - self._now(), 0.0) if asked else None

    def check(self) -> None:
        """Reply to the requests for devices that do not answer in time."""
        with self._lock:
            if self._requests:
                self._overdue(self._now())

    def _device(self, name: str, root: Any, group: str) -> KnownDevice:
        key = Key(id(root), name.partition(".")[2], group)
        if key not in self._devices:
            self._devices[key] = KnownDevice(name, key, root)
        return self._devices[key]

    def _forget(self, namespace: Mapping[str, Any]) -> None:
        """Remove the devices that a script has replaced."""
        present = {id(value) for value in list(namespace.values())}
        for key, device in list(self._devices.items()):
            if key.root not in present and device.asked is None:
                del self._devices[key]

    def _overdue(self, now: float) -> None:
        for request in self._requests:
            for device in list(request.missing):
                if device.asked is None or now - device.asked < ANSWER_WITHIN:
                    continue
                request.settle(device, device.failed(_silence(device, now - device.asked)))
        self._reply()

    def _reply(self) -> None:
        complete = [request for request in self._requests if not request.missing]
        self._requests = [request for request in self._requests if request.missing]
        for request in complete:
            self._send(request.uid, json_text(request.found))


_ABSENT = object()


def _silence(device: KnownDevice, seconds: float) -> str:
    if device.has_begun:
        return f"no answer after {int(seconds)} s"
    return "not read: too many other devices do not answer"
