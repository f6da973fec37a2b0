"""The work of a plan: counts of its messages, and counts of its waits by the actions that they wait for.

The walk and the worker sum up a plan in the same way, so that times observed in real runs apply to walked plans.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bluesky_qs.foresight.plain import finite

#: Commands that start an action. A later ``wait`` waits for its end.
STARTING = frozenset({"set", "trigger", "kickoff", "complete", "prepare"})
#: Significant digits of distances while a plan has fewer than this number of different waits.
_MOST_WAITS = ((3, 500), (2, 1000), (1, 1500))
#: With more different waits than this, new ones are counted without distances, strings and settings.
_MOST_EXACT = 2500
#: Maximum number of settings of one device, and of different combinations in one plan.
_MOST_SETTINGS, _MOST_VERSIONS = 40, 200
_LONGEST = 60
#: Maximum number of groups to remember, because a plan need not wait for the actions that it starts.
_MOST_GROUPS = 1000
#: Number of parents of a device to follow.
_DEEPEST = 5

#: The distance of a move, or the string to which a device is set; None if unknown.
Amount = float | str | None
Settings = Mapping[str, float | str]


class Member(NamedTuple):
    """One of the actions that a wait waits for.

    ``settings`` is the index of the device's settings in `Work.settings`.
    """

    command: str
    device: str
    amount: Amount
    settings: int


class Work:
    """The parts of a plan that take time.

    Attributes
    ----------
    counts
        Numbers of messages by command and device name (empty for messages without a device).
    waits
        Numbers of waits by the actions that they wait for.
    slept
        Seconds in ``sleep`` messages.
    starts
        Positions of the devices before their first moves.
    settings
        Settings of devices; the first entry is empty.
    ends
        Settings, after the plan, of the devices that the plan used or changed, by device name.
    """

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self.waits: dict[tuple[Member, ...], int] = {}
        self.slept = 0.0
        self.starts: dict[str, float | str] = {}
        self.settings: list[dict[str, float | str]] = [{}]
        self.ends: dict[str, dict[str, float | str]] = {}

    def wait_for(self, members: tuple[Member, ...]) -> None:
        """Count a wait."""
        self.waits[members] = self.waits.get(members, 0) + 1

    @property
    def digits(self) -> int:
        """Significant digits of the next distance."""
        return next((digits for digits, most in _MOST_WAITS if len(self.waits) < most), 0)

    @property
    def settings_used(self) -> dict[str, dict[str, float | str]]:
        """The settings of each device at its first use."""
        used: dict[str, dict[str, float | str]] = {}
        for members in self.waits:
            for member in members:
                used.setdefault(member.device, self.settings[member.settings])
        return used

    def to_json(self) -> dict[str, Any]:
        """Return the work as an object for JSON."""
        return {
            "counts": [[*key, number] for key, number in self.counts.items()],
            "waits": [[number, members] for members, number in self.waits.items()],
            "slept": self.slept,
            "starts": self.starts,
            "settings": self.settings,
            "ends": self.ends,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], before: Mapping[str, Settings] | None = None) -> "Work":
        """Load an object that `to_json` returned. ``before`` adds the device settings from before the plan."""
        work = cls()
        work.counts = {(command, device): number for command, device, number in data["counts"]}
        work.slept, work.starts = data["slept"], dict(data["starts"])
        if before is None:
            work.settings, work.ends = list(data["settings"]), dict(data["ends"])
            work.waits = {tuple(Member(*each) for each in members): number for number, members in data["waits"]}
        else:
            work.ends = {device: {**before.get(device, {}), **ends} for device, ends in data["ends"].items()}
            placed = _Placed(work, data["settings"], before)
            work.waits = {tuple(map(placed.member, members)): number for number, members in data["waits"]}
        return work


class _Placed:
    """Fills in the settings of each member of a plan's waits: those that its device has at that point in the queue."""

    def __init__(self, work: Work, settings: Sequence[Settings], before: Mapping[str, Settings]) -> None:
        self._work = work
        self._settings = settings
        self._before = before
        self._places: dict[tuple[str, int], int] = {}

    def member(self, data: Sequence[Any]) -> Member:
        command, device, amount, version = data
        place = self._places.get((device, version))
        if place is None:
            place = self._places[device, version] = len(self._work.settings)
            self._work.settings.append({**self._before.get(device, {}), **self._settings[version]})
        return Member(command, device, amount, place)


class Begun:
    """An action that has started, and for which the plan has not waited yet."""

    __slots__ = ("begin", "command", "device", "passed", "settings", "start", "target")

    def __init__(self, command: str, device: str, *, start: Any, target: Any, settings: int, passed: int) -> None:
        self.command = command
        self.device = device
        self.start = start
        self.target = target
        self.settings = settings
        #: Number of the plan's sleeps and waits before the action.
        self.passed = passed
        #: When the action started, in a real run.
        self.begin: Any = None


class Follower:
    """Follows the messages of one plan and sums up its work.

    Parameters
    ----------
    positions, settings
        Known positions and settings of devices before the plan, by name. They are updated.
    """

    def __init__(
        self, positions: dict[str, Any] | None = None, settings: dict[str, dict[str, float | str]] | None = None
    ) -> None:
        self.work = Work()
        self.positions = {} if positions is None else positions
        self.settings = {} if settings is None else settings
        self._versions: dict[str, int] = {}
        self._groups: dict[Any, dict[str, Begun]] = {}
        self._passed = 0

    def message(self, message: Any, start: Any = None) -> Begun | None:
        """Record a message. ``start`` is the device's position before a move; None means its entry in `positions`."""
        command, obj = message.command, message.obj
        name = "" if obj is None else name_of(obj)
        counts, key = self.work.counts, (command, name)
        counts[key] = counts.get(key, 0) + 1
        if command in STARTING:
            return self._begin(command, obj, name, message, start)
        if command == "sleep":
            self._passed += 1
            self.work.slept += seconds_of(message)
        return None

    def awaited(self, message: Any) -> list[Begun]:
        """Return the actions for which this ``wait`` message waits."""
        group = message.args[0] if message.args else message.kwargs.get("group")
        return list(self._groups.pop(group, {}).values())

    def wait_for(self, begun: list[Begun]) -> list[Member]:
        """Count a wait for these actions."""
        if not begun:
            return []
        members = [self._member(each) for each in begun]
        self._passed += 1
        self.work.wait_for(tuple(sorted(members, key=str)) if len(members) > 1 else tuple(members))
        return members

    def set_to(self, device: str, name: str, value: Any) -> None:
        """Record that a setting of a device now has this value."""
        settings = self.settings.setdefault(device, {})
        if (plain := _plain(value)) is None or settings.get(name) == plain:
            return
        if name in settings or len(settings) < _MOST_SETTINGS:
            settings[name] = plain
            self._versions.pop(device, None)
            self.work.ends[device] = settings

    def _begin(self, command: str, obj: Any, name: str, message: Any, start: Any) -> Begun:
        target = None
        version = self._version(name)
        if command == "set":
            target = message.args[0] if message.args else None
            start = self.positions.get(name) if start is None else start
            self.positions[name] = target
            self._note_setting(obj, name, target)
        begun = Begun(command, name, start=start, target=target, settings=version, passed=self._passed)
        group = message.kwargs.get("group")
        if group not in self._groups and len(self._groups) >= _MOST_GROUPS:
            self._groups.clear()
        self._groups.setdefault(group, {})[name] = begun
        return begun

    def _member(self, begun: Begun) -> Member:
        command = begun.command if begun.passed == self._passed else f"{begun.command} early"
        is_move = begun.command == "set"
        if is_move and begun.start is not None:
            self._note_start(begun)
        if len(self.work.waits) >= _MOST_EXACT:
            return Member(command, begun.device, None, 0)
        return Member(command, begun.device, self._amount(begun) if is_move else None, begun.settings)

    def _note_start(self, begun: Begun) -> None:
        if begun.device not in self.work.starts and (plain := _plain(begun.start)) is not None:
            self.work.starts[begun.device] = plain

    def _amount(self, begun: Begun) -> Amount:
        if isinstance(begun.target, str):
            return begun.target[:_LONGEST]
        length = distance(begun.start, begun.target)
        return None if length is None else rounded(length, self.work.digits)

    def _note_setting(self, obj: Any, name: str, target: Any) -> None:
        """Record the new value as a setting of the parent devices, because it may be one."""
        parent = getattr(obj, "parent", None)
        for _ in range(_DEEPEST):
            if parent is None:
                return
            self.set_to(name_of(parent), name, target)
            parent = getattr(parent, "parent", None)

    def _version(self, device: str) -> int:
        found = self._versions.get(device)
        if found is None:
            settings = dict(self.settings.get(device, {}))
            versions = self.work.settings
            if settings in versions:
                found = versions.index(settings)
            elif len(versions) < _MOST_VERSIONS:
                versions.append(settings)
                found = len(versions) - 1
            else:
                found = 0
            self._versions[device] = found
            self.work.ends[device] = self.settings.get(device, {})
        return found


def seconds_of(message: Any) -> float:
    """Return the seconds of a ``sleep`` message."""
    seconds = _plain(message.args[0]) if message.args else None
    return max(seconds, 0.0) if isinstance(seconds, float) else 0.0


def name_of(obj: Any) -> str:
    """Return the name of a device for the learned times."""
    name = getattr(obj, "name", None)
    return name if isinstance(name, str) else ""


def rounded(value: float, digits: int) -> float:
    """Round the value to this number of significant digits; with 0 digits, to a power of two."""
    if value <= 0 or not math.isfinite(value):
        return 0.0
    if not digits:
        return 2.0 ** round(math.log2(value))
    return round(value, digits - 1 - math.floor(math.log10(value)))


def distance(start: Any, target: Any) -> float | None:
    """Return the distance between two positions of one or more axes; None if they are not numbers."""
    try:
        one, other = _numbers(start), _numbers(target)
        length = math.dist(one, other)
    except (TypeError, ValueError):
        return None
    return length if math.isfinite(length) else None


def _numbers(position: Any) -> list[float]:
    plain = position.tolist() if hasattr(position, "tolist") else position
    if isinstance(plain, str | bytes):
        raise TypeError(plain)
    return [float(each) for each in (plain if isinstance(plain, list | tuple) else [plain])]


def _plain(value: Any) -> float | str | None:
    """Return the value as a number or a short text; None for anything else."""
    return value[:_LONGEST] if isinstance(value, str) else finite(value)
