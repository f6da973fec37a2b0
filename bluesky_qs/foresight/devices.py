"""The devices of a walk: their last readings, and the positions to which the plan has moved them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from bluesky_qs.foresight.carried import Carried, as_plain

#: The value of a device without a reading.
_ZERO = 0.0
_BYTES_OF_NUMBER = 8


class DeviceFacts(NamedTuple):
    """The facts about a device before the plan moves it.

    Attributes
    ----------
    name
        The device's dotted name in the environment, or its own name if the environment does not contain it.
    reading
        Its last reading (``{data key: {"value", "timestamp"}}``); empty if there is none.
    description
        The result of ``describe()``; empty if it is unknown.
    main
        The data key of its main value; empty if it is unknown.
    limits
        Lowest and highest position, if it has limits.
    is_permitted
        Whether the user group may use the device.
    """

    name: str
    reading: Mapping[str, Mapping[str, Any]] = {}
    description: Mapping[str, Mapping[str, Any]] = {}
    main: str = ""
    limits: tuple[float, float] | None = None
    is_permitted: bool = True


#: Called with a data key and its value when the plan uses the value.
Note = Callable[[str, Any], object]


class Measured(dict[str, Any]):
    """One data key of a reading, for the plan. Calls ``note`` whenever the plan uses the value.

    Most plans only pass readings on. ``dict(measured)`` counts as a use, because of ``__iter__``.
    """

    __slots__ = ("_key", "_note")

    def __init__(self, key: str, reading: Mapping[str, Any], note: Note) -> None:
        super().__init__(reading)
        self._key, self._note = key, note

    def __getitem__(self, field: str) -> Any:
        value = super().__getitem__(field)
        if field == "value":
            self._note(self._key, value)
        return value

    def get(self, field: str, default: Any = None, /) -> Any:
        try:
            return self[field]
        except KeyError:
            return default

    def pop(self, field: str, *default: Any) -> Any:
        if field in self:
            self[field]
        return super().pop(field, *default)

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

    def items(self) -> Any:
        self["value"]
        return super().items()

    def values(self) -> Any:
        self["value"]
        return super().values()


class WalkDevice:
    """One device of a walk: its facts, its reading and its position."""

    def __init__(self, obj: Any, facts: DeviceFacts, note: Callable[["WalkDevice", str, Any], object]) -> None:
        self.obj = obj
        self.facts = facts
        self.name = facts.name
        #: The position to which the plan has moved the device; `UNSET` before the first move.
        self.walked: Any = UNSET
        self._note = note
        reading = facts.reading or _neutral(obj, facts)
        self.main = facts.main or next(iter(reading), "")
        note_key: Note = lambda key, value: note(self, key, value)  # noqa: E731 - one for all keys
        #: The reading for the plan, without its moves. `WalkDevices.reading` adds them.
        self.shown: dict[str, Any] = {
            key: dict(each) if self._is_position(key) else Measured(key, each, note_key)
            for key, each in reading.items()
        }
        self.bytes = _size(facts.description, self.shown)
        self.follows_others = bool(
            getattr(obj, "real_positioners", None) or getattr(getattr(obj, "parent", None), "real_positioners", None)
        )

    def _is_position(self, key: str) -> bool:
        """Whether a data key is the position of a motor. The walk knows positions, so they are not assumed values."""
        kind = type(self.obj)
        is_motor = hasattr(kind, "position") or (hasattr(kind, "locate") and not hasattr(kind, "get_value"))
        return is_motor and key in self.facts.reading and _follows_position(key, self.main)

    @property
    def start(self) -> Any:
        """The position before the plan; None if it is unknown."""
        field = self.facts.reading.get(self.main)
        return None if field is None else field.get("value")

    @property
    def position(self) -> Any:
        """The position after the last move, otherwise before the plan. If both are unknown, zero is assumed."""
        if self.walked is not UNSET:
            return self.walked
        if self.start is None:
            self._note(self, self.main or self.name, _ZERO)
            return _ZERO
        return self.start

    @property
    def units(self) -> str | None:
        """The units of the position."""
        return self.facts.description.get(self.main, {}).get("units")


class _Unset:
    """Placeholder for the position of a device that the plan has not moved."""


UNSET = _Unset()


class WalkDevices:
    """The devices of a walk and their positions. All walks of a queue use the same object.

    Parameters
    ----------
    look
        Returns the facts about a device.
    assumed
        Called with the device, the data key and the value when the plan uses a value that may differ in a real run.
    carried
        Positions of the devices after earlier plans.
    """

    def __init__(
        self,
        look: Callable[[Any], DeviceFacts],
        assumed: Callable[[WalkDevice, str, Any], object],
        carried: Carried = Carried(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self._look = look
        self.assumed = assumed
        self._carried = carried.positions
        self._known: dict[int, WalkDevice] = {}
        #: Fields of readings that the plan's moves have changed.
        self._moved: dict[str, dict[str, Any]] = {}

    def known(self, obj: Any) -> WalkDevice:
        """Return the device of the walk for this object."""
        found = self._known.get(id(obj))
        if found is None:
            found = self._known[id(obj)] = WalkDevice(obj, self._look(obj), self._note)
            if found.name in self._carried:
                self.move(found, self._carried[found.name])
        return found

    def _note(self, device: WalkDevice, key: str, value: Any) -> None:
        self.assumed(device, key, value)

    def look_again(self, change: Callable[[WalkDevice], DeviceFacts]) -> None:
        """Replace the facts about all devices for a plan of another user group. Keep the positions."""
        for known in self._known.values():
            known.facts = change(known)

    def walked(self) -> dict[str, Any]:
        """Return the positions of the devices that plans have moved, by name, if JSON supports them."""
        moved = {known.name: as_plain(known.walked) for known in self._known.values() if known.walked is not UNSET}
        return {name: value for name, value in moved.items() if value is not None}

    def move(self, device: WalkDevice, value: Any) -> None:
        """Record that the device is now at this position."""
        device.walked = value
        for key in device.shown if device.main in device.shown else (device.main,):
            if _follows_position(key, device.main):
                timestamp = dict.get(device.shown.get(key, {}), "timestamp", _ZERO)
                self._moved[key] = {"value": value, "timestamp": timestamp}

    def reading(self, device: WalkDevice) -> dict[str, Any]:
        """Return the reading of a device for the plan."""
        shown = device.shown
        if self._moved:
            shown = {key: self._moved.get(key, each) for key, each in shown.items()}
        return dict(shown)


def _follows_position(key: str, main: str) -> bool:
    return key == main or key.endswith(("_setpoint", "-setpoint"))


def _neutral(obj: Any, facts: DeviceFacts) -> dict[str, dict[str, Any]]:
    """Return a reading with a neutral value of the described type for each data key."""
    described = facts.description or {str(getattr(obj, "name", "") or facts.name): {}}
    return {key: {"value": _neutral_value(each), "timestamp": _ZERO} for key, each in described.items()}


def _neutral_value(description: Mapping[str, Any]) -> Any:
    match description.get("dtype"):
        case "string":
            return next(iter(description.get("choices") or description.get("enum_strs") or ("",)))
        case "integer":
            return 0
        case "boolean":
            return False
        case "array":
            return []
        case _:
            return _ZERO


def _size(description: Mapping[str, Mapping[str, Any]], shown: Mapping[str, Any]) -> int:
    """Return the size of one reading in bytes: 8 for each number."""
    return sum(_BYTES_OF_NUMBER * _count(description.get(key, {})) for key in {*description, *shown})


def _count(description: Mapping[str, Any]) -> int:
    count = 1
    for length in description.get("shape") or ():
        count *= length if isinstance(length, int) and length > 0 else 1
    return count
