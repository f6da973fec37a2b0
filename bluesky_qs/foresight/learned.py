"""The data that the service has learned from plans that ran: action times, message times and completed runs.

The amount of data is limited. `bluesky_qs.manager.estimates.learned_times` keeps them in a file.
"""

import hashlib
import json
import math
import statistics
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bluesky_qs.foresight.durations import Durations
from bluesky_qs.foresight.sample import Sample
from bluesky_qs.foresight.work import Settings, Work, distance

#: Maximum numbers to keep: device actions, kinds of messages, plans, and runs of one plan.
MOST_ACTIONS, MOST_MESSAGES, MOST_PLANS, MOST_RUNS = 1000, 2000, 500, 20
#: Maximum number of actions whose times are sent with a walk.
_MOST_FOR_WALKS = 300
#: Maximum number of estimate errors to keep for each plan.
_MOST_ERRORS = 20
#: Positions with a smaller relative difference count as the same.
_SAME_POSITION = 1e-3


class PlanRun(NamedTuple):
    """A completed run of a plan.

    Attributes
    ----------
    parameters
        A hash of the parameters (`parameters_key`).
    starts, settings
        Positions and settings of the devices before the plan ran.
    points
        Number of events.
    seconds
        Its duration, without pauses and suspensions.
    """

    parameters: str
    starts: Mapping[str, float | str]
    settings: Mapping[str, Settings]
    points: int
    seconds: float


class PlanRecord:
    """The data about one plan: its last runs and the errors of its estimates (as logarithms of factors)."""

    def __init__(self, runs: Iterable[PlanRun] = (), errors: Iterable[float] = ()) -> None:
        self.runs = deque(runs, MOST_RUNS)
        self.errors = deque(errors, _MOST_ERRORS)


class Learned:
    """The learned times.

    Attributes
    ----------
    actions
        Durations by command and device.
    messages
        Times of messages by command and device.
    plans
        Runs and estimate errors, by plan name.
    settings
        Settings of each device after the last plan that used it.
    """

    def __init__(self) -> None:
        self.actions: dict[tuple[str, str], Durations] = {}
        self.messages: dict[tuple[str, str], Sample] = {}
        self.plans: dict[str, PlanRecord] = {}
        self.settings: dict[str, dict[str, float | str]] = {}
        #: The parts that have changed since `take_changes`, as ``(kind, key)``.
        self._changed: dict[tuple[str, str], None] = {}

    # ------------------------------------------------------------------------------------------------------ learning
    def observe(self, times: Mapping[str, Any]) -> Work:
        """Learn from a plan's times, as measured by the worker. Return the plan's work."""
        work = Work.from_json(times["work"])
        for command, device, amount, version, *sample in times["actions"]:
            settings = work.settings[version]
            self._of((command, device)).add(amount, settings, Sample(*sample))
        for command, device, *sample in times["messages"]:
            key = (command, device)
            self.messages.setdefault(key, Sample()).merge(Sample(*sample))
            self._touch(self.messages, key, "message", MOST_MESSAGES)
        for device, settings in work.ends.items():
            self.settings[device] = settings
            self._touch(self.settings, device, "settings", MOST_ACTIONS)
        return work

    def completed(self, plan: str, run: PlanRun, estimate: float | None) -> None:
        """Record that a plan has completed. ``estimate`` is the estimate from before the run, if there was one."""
        record = self.plans.setdefault(plan, PlanRecord())
        record.runs.append(run)
        if estimate and run.seconds > 0:
            record.errors.append(math.log(run.seconds / estimate))
        self._touch(self.plans, plan, "plan", MOST_PLANS)

    def _of(self, key: tuple[str, str]) -> Durations:
        durations = self.actions.setdefault(key, Durations())
        self._touch(self.actions, key, "action", MOST_ACTIONS)
        return durations

    def _touch(self, parts: dict[Any, Any], key: Any, kind: str, most: int) -> None:
        """Move a part to the end, because it was used last. If there are too many parts, drop the first one."""
        parts[key] = parts.pop(key)
        self._changed[kind, _key_text(key)] = None
        if len(parts) > most:
            oldest = next(iter(parts))
            del parts[oldest]
            self._changed[kind, _key_text(oldest)] = None

    # ------------------------------------------------------------------------------------------------------- looking
    def same_runs(self, plan: str, parameters: str, work: Work | None) -> list[PlanRun]:
        """Return the completed runs with these parameters and (if the work is known) the same starts and settings."""
        record = self.plans.get(plan)
        runs = [run for run in record.runs if run.parameters == parameters] if record else []
        if work is None:
            return runs
        settings = work.settings_used
        return [run for run in runs if _starts_alike(run.starts, work.starts) and _alike(run.settings, settings)]

    def bias(self, plan: str) -> float:
        """Return the typical ratio of real to estimated time for plans with this name; 1 for an unknown plan."""
        errors = self.plans[plan].errors if plan in self.plans else ()
        if not errors:
            return 1.0
        return math.exp(statistics.median(errors) * len(errors) / (len(errors) + 1))

    def errors(self, plan: str) -> list[float]:
        """Return the errors of earlier estimates without `bias`, for this plan or, if it has few, for all plans."""
        own = list(self.plans[plan].errors) if plan in self.plans else []
        if len(own) >= _MOST_ERRORS // 4:
            middle = statistics.median(own)
            return [each - middle for each in own]
        found: list[float] = []
        for record in self.plans.values():
            middle = statistics.median(record.errors) if len(record.errors) > 1 else 0.0
            found += [each - middle for each in record.errors]
        return found

    # -------------------------------------------------------------------------------------------------- for the walk
    def for_walks(self) -> str:
        """Return the times of the most recently used actions as JSON text, for use in the text for `of_walk`."""
        return json.dumps([[key, each.to_json()] for key, each in list(self.actions.items())[-_MOST_FOR_WALKS:]])

    @classmethod
    def of_walk(cls, text: str | bytes) -> "Learned":
        """Load JSON text with ``actions`` (the text from `for_walks`) and ``settings`` (of the devices)."""
        data, learned = json.loads(text), cls()
        for key, groups in data.get("actions", ()):
            learned.actions[tuple(key)] = Durations.from_json(groups)
        learned.settings = dict(data.get("settings", {}))
        return learned

    # --------------------------------------------------------------------------------------------------- for the file
    def take_changes(self) -> list[tuple[str, str, str | None]]:
        """Return the changes since the last call: kind, key, and the text to keep (None if the part was dropped)."""
        changed, self._changed = self._changed, {}
        return [(kind, key, self._text(kind, key)) for kind, key in changed]

    def _text(self, kind: str, key: str) -> str | None:
        part = _parts(self, kind).get(_key(key))
        match part:
            case None:
                return None
            case PlanRecord():
                return json.dumps([list(part.runs), list(part.errors)])
            case dict():
                return json.dumps(part)
            case _:
                return json.dumps(part.to_json())

    def load(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Load the kept data, oldest first. Ignore rows that cannot be read."""
        for kind, key, text in rows:
            try:
                _parts(self, kind)[_key(key)] = _loaded(kind, json.loads(text))
            except (ValueError, TypeError, LookupError):  # written by another version; the service learns it again
                continue


def parameters_key(item: Mapping[str, Any]) -> str:
    """Return a hash of the parameters of an item."""
    text = json.dumps([item.get("args", []), item.get("kwargs", {})], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _parts(learned: Learned, kind: str) -> dict[Any, Any]:
    return {
        "action": learned.actions,
        "message": learned.messages,
        "plan": learned.plans,
        "settings": learned.settings,
    }[kind]


def _loaded(kind: str, data: Any) -> Any:
    match kind:
        case "action":
            return Durations.from_json(data)
        case "message":
            return Sample(*data)
        case "plan":
            return PlanRecord((PlanRun(*run) for run in data[0]), data[1])
        case _:
            return dict(data)


def _key_text(key: str | tuple[str, ...]) -> str:
    return json.dumps(key)


def _key(text: str) -> Any:
    key = json.loads(text)
    return tuple(key) if isinstance(key, list) else key


def _starts_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(_close(one[name], other[name]) for name in one)


def _close(one: Any, other: Any) -> bool:
    apart = distance(one, other)
    if apart is None:
        return one == other
    return apart <= _SAME_POSITION * max(abs(float(one)), abs(float(other)), 1.0)


def _alike(one: Mapping[str, Settings], other: Mapping[str, Settings]) -> bool:
    """Return whether the settings that occur in both have the same values."""
    return all(
        one[device].get(name, value) == value
        for device in one.keys() & other.keys()
        for name, value in other[device].items()
    )
