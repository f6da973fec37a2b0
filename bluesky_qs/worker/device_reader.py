"""Reads devices at any time, even while a plan runs: ophyd in threads, ophyd-async in the RunEngine's loop.

This module calls ``read`` and ``describe``, and reads ``hints``, ``limits`` and ``moving``. It does not trigger or move
anything.
"""

import asyncio
import inspect
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from functools import reduce
from typing import Any, NamedTuple

from bluesky_qs.error_text import cut
from bluesky_qs.ipc.commands import ReadDevices
from bluesky_qs.startup.collect import facts, is_device
from bluesky_qs.startup.parts import class_has, is_group, part
from bluesky_qs.worker.readings import ANSWER_WITHIN, DESCRIBED_FOR, KnownDevice, Outcome, Readings
from bluesky_qs.worker.returned import plain_value
from bluesky_qs.worker.trace import sentence

#: Maximum number of devices that are read at the same time in threads.
MOST_THREADS = 8
#: An array or a list with more elements than this is not sent.
_LARGEST = 200
_LONGEST_TEXT = 2000

#: A generator that yields values, which may have to be awaited, and receives the results.
Steps = Generator[Any, Any, Outcome]
#: Returns whether the group may use a device below the lists with this name and description.
IsAllowed = Callable[[str, dict[str, Any], str], bool]


class DeviceReader:
    """Reads the devices of the environment for clients. The link thread calls it.

    A device that does not answer occupies one thread and does not delay other devices.

    Parameters
    ----------
    loop
        The RunEngine's event loop; None without a RunEngine.
    is_allowed
        Checks the permission for a device below the lists.
    send
        As in `Readings`.
    """

    def __init__(
        self,
        *,
        loop: Callable[[], asyncio.AbstractEventLoop | None],
        is_allowed: IsAllowed,
        send: Callable[[str, bytes], object],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._now = now
        self._is_allowed = is_allowed
        self._lock = threading.Lock()
        self._waiting: deque[KnownDevice] = deque()
        self._threads = 0
        self._readings = Readings(self._start, send, now)

    def ask(self, command: ReadDevices, namespace: Mapping[str, Any]) -> None:
        """Read these devices in the namespace. See `Readings.ask`."""
        groups = dict.fromkeys(command.unlisted, command.user_group)
        names = [*command.names, *command.unlisted]
        self._readings.ask(command.uid, names, namespace=namespace, groups=groups, max_age=command.max_age)

    def details(self, name: str, namespace: Mapping[str, Any]) -> dict[str, Any]:
        """Return the last reading of a device with its data keys and their descriptions; empty if it was never read."""
        device = self._readings.known(name, namespace)
        if device is None or device.reading is None:
            return {}
        description = device.description or _Description({}, None, {})
        return {
            "reading": {str(key): _field(each) for key, each in device.reading.items()},
            "description": {str(key): _key(each) for key, each in description.described.items()},
            "main": device.main,
            "limits": description.limits,
        }

    def due(self) -> float | None:
        """Do the same as in `Readings`."""
        return self._readings.due()

    def check(self) -> None:
        """Do the same as in `Readings`."""
        self._readings.check()

    def _start(self, device: KnownDevice) -> None:
        if is_group(type(device.root)):
            self._start_in_loop(device)
            return
        with self._lock:
            self._waiting.append(device)
            if self._threads == MOST_THREADS:
                return
            self._threads += 1
        threading.Thread(target=self._read_in_thread, name=f"read {device.name}", daemon=True).start()

    # -------------------------------------------------------------------------------------------- threads for ophyd
    def _read_in_thread(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads -= 1
                    return
                device = self._waiting.popleft()
            self._readings.begins(device)
            try:
                answer = self._run(self._steps(device))
            except BaseException as error:  # noqa: BLE001 - the device's code may raise anything
                answer = device.failed(sentence(error))
            self._readings.ended(device, answer)

    def _run(self, steps: Steps) -> Outcome:
        """Perform the steps in this thread; run coroutines in the RunEngine's loop."""
        value, error = None, None
        while True:
            try:
                value = steps.send(value) if error is None else steps.throw(error)
            except StopIteration as done:
                return done.value
            error = None
            if inspect.isawaitable(value):
                waiting = asyncio.run_coroutine_threadsafe(_awaited(value), self._require_loop())
                try:
                    value = waiting.result(ANSWER_WITHIN)
                except Exception as raised:  # noqa: BLE001 - the steps decide how to handle it
                    waiting.cancel()
                    error = raised

    # ----------------------------------------------------------------------- the RunEngine's loop, for ophyd-async
    def _start_in_loop(self, device: KnownDevice) -> None:
        try:
            self._readings.begins(device)
            loop = self._require_loop()
            loop.call_soon_threadsafe(self._begin_in_loop, loop, device)
        except RuntimeError as error:  # even if the loop is closed
            self._readings.ended(device, device.failed(sentence(error)))

    def _begin_in_loop(self, loop: asyncio.AbstractEventLoop, device: KnownDevice) -> None:
        task = loop.create_task(self._await_steps(device))
        task.add_done_callback(lambda _: self._ended_in_loop(device, task))

    async def _await_steps(self, device: KnownDevice) -> Outcome:
        steps = self._steps(device)
        value, error = None, None
        async with asyncio.timeout(ANSWER_WITHIN):
            while True:
                try:
                    value = steps.send(value) if error is None else steps.throw(error)
                except StopIteration as done:
                    return done.value
                error = None
                if inspect.isawaitable(value):
                    try:
                        value = await value
                    except Exception as raised:  # noqa: BLE001 - the steps decide how to handle it
                        error = raised

    def _ended_in_loop(self, device: KnownDevice, task: "asyncio.Task[Outcome]") -> None:
        if task.cancelled() or isinstance(task.exception(), TimeoutError):
            answer = device.failed(f"no answer after {ANSWER_WITHIN:.0f} s")
        elif (error := task.exception()) is not None:
            answer = device.failed(sentence(error))
        else:
            answer = task.result()
        self._readings.ended(device, answer)

    def _require_loop(self) -> asyncio.AbstractEventLoop:
        loop = self._loop()
        if loop is None:
            raise RuntimeError("it can only be read in the RunEngine's loop, and there is no RunEngine 'RE'")
        return loop

    # ------------------------------------------------------------------------------------------- the device's code
    def _steps(self, device: KnownDevice) -> Steps:
        found = reduce(part, filter(None, device.key.path.split(".")), device.root)
        if group := device.key.group:
            allowed = is_device(found) and self._is_allowed(device.name, facts(found), group)
            if not allowed:
                return device.failed(f"there is no such device, or you may not use it (your user group is {group!r})")
        if not class_has(type(found), "read") and "read" not in getattr(found, "__dict__", {}):
            return device.failed("it cannot be read: it has no method 'read'")
        reading = yield found.read()
        answer = _reading(found, reading)
        device.reading, device.main = reading, answer["field"]
        if device.description is None or self._now() - device.described_at > DESCRIBED_FOR:
            with suppress(Exception):  # only the value was requested
                device.description = yield from _description(found)
                device.described_at = self._now()
        with suppress(Exception):
            answer["moving"] = yield from _moving(found)
        return _described(answer, device.description or _Description({}, None, {}))


class _Description(NamedTuple):
    """The units by data key, the limits (if any), and the result of ``describe()``."""

    units: Mapping[str, str]
    limits: list[float] | None
    described: Mapping[str, Mapping[str, Any]]


async def _awaited(value: Any) -> Any:
    return await value


def _reading(found: Any, reading: Mapping[str, Mapping[str, Any]]) -> Outcome:
    fields = {str(key): _field(each) for key, each in reading.items()}
    main = _main(found, fields)
    value = fields.pop(main, {"value": None, "timestamp": None})
    answer: Outcome = {"field": main, **value, "units": None, "limits": None, "moving": None}
    return {**answer, "fields": fields} if fields else answer


def _main(found: Any, fields: Mapping[str, Any]) -> str:
    """Return the data key of the device's main value: the first hinted key."""
    hinted: list[Any] = []
    with suppress(Exception):
        hinted = list((found.hints or {}).get("fields") or ())
    wanted = [*hinted, getattr(found, "name", None), *fields]
    return next((key for key in wanted if key in fields), "")


def _field(each: Mapping[str, Any]) -> dict[str, Any]:
    value, timestamp = each.get("value"), each.get("timestamp")
    field = {"value": None, "timestamp": None if timestamp is None else float(timestamp)}
    if (size := _size(value)) > _LARGEST:
        shape = [int(length) for length in getattr(value, "shape", None) or (size,)]
        return {**field, "shape": shape}
    return {**field, "value": _plain(value)}


def _key(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a data key's description that describe its values."""
    return {part: _plain(description[part]) for part in ("dtype", "shape", "units", "choices") if part in description}


def _size(value: Any) -> int:
    """Return the number of elements in an array or a list."""
    size = len(value) if isinstance(value, list | tuple) else getattr(value, "size", 1)
    return size if isinstance(size, int) else 1


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return cut(value, _LONGEST_TEXT)
    try:
        return plain_value(value)
    except Exception:  # noqa: BLE001 - it has no JSON form, or the value's code raises an error
        return cut(repr(value), _LONGEST_TEXT)


def _description(found: Any) -> Generator[Any, Any, _Description]:
    described: Mapping[str, Mapping[str, Any]] = yield found.describe()
    units = {str(key): str(each["units"]) for key, each in described.items() if each.get("units")}
    keys = [key for key in (_main(found, described),) if key] + list(described)
    candidates = [pair for key in keys for pair in _limits_in(described[key])]
    if not is_group(type(found)):
        candidates.append(getattr(found, "limits", None))
    elif hasattr(found, "low_limit_travel") and hasattr(found, "high_limit_travel"):  # ophyd-async's motor
        travel = (yield found.low_limit_travel.get_value()), (yield found.high_limit_travel.get_value())
        candidates.insert(0, travel)
    return _Description(units, next((pair for each in candidates if (pair := _pair(each))), None), described)


def _limits_in(key: Mapping[str, Any]) -> list[Any]:
    control = (key.get("limits") or {}).get("control") or {}
    return [(key.get("lower_ctrl_limit"), key.get("upper_ctrl_limit")), (control.get("low"), control.get("high"))]


def _pair(limits: Any) -> list[float] | None:
    """Return the limits as numbers; None if there are none. Equal limits (usually 0 and 0) mean that there are none."""
    try:
        low, high = (float(each) for each in limits)
    except (TypeError, ValueError):
        return None
    return [low, high] if low < high else None


def _moving(found: Any) -> Generator[Any, Any, bool | None]:
    if is_group(type(found)) and hasattr(found, "motor_done_move"):  # ophyd-async's motor
        return not (yield found.motor_done_move.get_value())
    moving = getattr(found, "moving", None)
    return bool(moving) if isinstance(moving, int) or type(moving).__module__ == "numpy" else None


def _described(answer: Outcome, description: _Description) -> Outcome:
    main = answer.pop("field")
    for key, field in answer.get("fields", {}).items():
        field["units"] = description.units.get(key)
    return {**answer, "units": description.units.get(main), "limits": description.limits}
