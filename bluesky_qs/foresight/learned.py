"""The data that the service has learned from plans that ran: times of actions, times of messages, and completed runs.

It knows no files; `bluesky_qs.manager.learned_times` keeps it. All of it is bounded.
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

#: Maximum numbers to keep: actions of devices, kinds of messages, plans, and runs of one plan.
MOST_ACTIONS, MOST_MESSAGES, MOST_PLANS, MOST_RUNS = 1000, 2000, 500, 20
#: Actions whose times a walk gets.
_MOST_FOR_WALKS = 300
#: Errors of earlier estimates that are kept for each plan.
_MOST_ERRORS = 20
#: Positions that are this close count as the same, as a part of the larger one.
_SAME_POSITION = 1e-3


class Run(NamedTuple):
    """A completed run of a plan.

    Attributes
    ----------
    parameters
        A short text that is the same for the same parameters (`parameters_key`).
    starts, settings
        Positions before the plan, and settings of the devices.
    points
        Number of events.
    seconds
        Its time, without pauses and suspensions.
    """

    parameters: str
    starts: Mapping[str, float | str]
    settings: Mapping[str, Settings]
    points: int
    seconds: float


class PlanRecord:
    """The data about one plan: its last runs, and the errors of its estimates (as logarithms of factors)."""

    def __init__(self, runs: Iterable[Run] = (), errors: Iterable[float] = ()) -> None:
        self.runs = deque(runs, MOST_RUNS)
        self.errors = deque(errors, _MOST_ERRORS)


class Learned:
    """The learned times.

    Attributes
    ----------
    changed
        The parts that have changed since `take_changes`, as ``(kind, key)``.
    """

    def __init__(self) -> None:
        self.actions: dict[tuple[str, str], Durations] = {}
        self.messages: dict[tuple[str, str], Sample] = {}
        self.plans: dict[str, PlanRecord] = {}
        #: Settings of devices after the last plan that used them.
        self.settings: dict[str, dict[str, float | str]] = {}
        self._changed: dict[tuple[str, str], None] = {}

    # ------------------------------------------------------------------------------------------------------ learning
    def observe(self, times: Mapping[str, Any]) -> Work:
        """Learn from the times of a plan, as the worker has measured them; return the plan's work."""
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

    def completed(self, plan: str, run: Run, estimate: float | None) -> None:
        """Record that a plan has completed; ``estimate`` is the earlier estimate, if there was one."""
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
        """Put a part last, as the one that was used last, and drop the first one if there are too many."""
        parts[key] = parts.pop(key)
        self._changed[kind, _key_text(key)] = None
        if len(parts) > most:
            oldest = next(iter(parts))
            del parts[oldest]
            self._changed[kind, _key_text(oldest)] = None

    # ------------------------------------------------------------------------------------------------------- looking
    def same_runs(self, plan: str, parameters: str, work: Work | None) -> list[Run]:
        """Completed runs with these parameters, and if the work is known, with its start positions and settings."""
        record = self.plans.get(plan)
        runs = [run for run in record.runs if run.parameters == parameters] if record else []
        if work is None:
            return runs
        settings = work.settings_used
        return [run for run in runs if _starts_alike(run.starts, work.starts) and _alike(run.settings, settings)]

    def bias(self, plan: str) -> float:
        """The factor by which plans of this name take longer than their actions; it is 1 for an unknown plan."""
        errors = self.plans[plan].errors if plan in self.plans else ()
        if not errors:
            return 1.0
        return math.exp(statistics.median(errors) * len(errors) / (len(errors) + 1))

    def errors(self, plan: str) -> list[float]:
        """The errors of earlier estimates that remain after `bias`: of this plan, or of all if it has few."""
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
    def for_walks(self, settings: Mapping[str, Settings]) -> str:
        """The times of actions that were used last, and these settings, as JSON text for `of_walk`."""
        recent = list(self.actions.items())[-_MOST_FOR_WALKS:]
        return json.dumps({"actions": [[key, each.to_json()] for key, each in recent], "settings": settings})

    @classmethod
    def of_walk(cls, text: str | bytes) -> "Learned":
        """What `for_walks` has written."""
        data, learned = json.loads(text), cls()
        for key, groups in data.get("actions", ()):
            learned.actions[tuple(key)] = Durations.from_json(groups)
        learned.settings = dict(data.get("settings", {}))
        return learned

    # --------------------------------------------------------------------------------------------------- for the file
    def take_changes(self) -> list[tuple[str, str, str | None]]:
        """The changes since the last call: kind, key, and the text to keep (None: drop it)."""
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
        """Load the kept data, oldest first. Rows that cannot be read are passed over."""
        for kind, key, text in rows:
            try:
                _parts(self, kind)[_key(key)] = _loaded(kind, json.loads(text))
            except (ValueError, TypeError, KeyError):  # of another version; it is learned again
                continue


def parameters_key(item: Mapping[str, Any]) -> str:
    """A short text that is the same for items with the same parameters."""
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
            return PlanRecord((Run(*run) for run in data[0]), data[1])
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
    """Whether the settings that both have are the same."""
    return all(
        one[device].get(name, value) == value
        for device in one.keys() & other.keys()
        for name, value in other[device].items()
    )
