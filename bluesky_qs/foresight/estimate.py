"""Estimates how long a plan takes, from runs with the same parameters or from the plan's work and learned times."""

import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from bluesky_qs.foresight.durations import Duration, Unknown
from bluesky_qs.foresight.learned import Learned, PlanRun
from bluesky_qs.foresight.work import Member, Settings, Work

#: Fraction of plans that should end within their intervals, and the same in standard deviations.
_COVERED, _SIGMAS = 0.8, 1.28
#: Minimum number of earlier errors needed to compute an interval.
_ENOUGH = 6
#: Minimum uncertainty of an estimate: relative, and in seconds.
_LEAST, _LEAST_SECONDS = 0.02, 0.01
#: Relative uncertainty of an estimate from the number of points alone.
_BY_POINTS = 0.4
#: Seconds for a message if no message with this command was ever measured.
_MESSAGE = 3e-4
_PARTS = {"set": "move", "trigger": "trigger", "kickoff": "trigger", "complete": "trigger", "prepare": "trigger"}
_VERBS = {"set": "moved", "trigger": "triggered"}


class Estimate(NamedTuple):
    """How long a plan takes.

    Attributes
    ----------
    seconds
        None if the time is unknown.
    low, high
        The interval in which 80 % of the plans end. If ``seconds`` is None, ``low`` is the time of the known parts.
    source
        ``history``, ``walk``, ``points`` or ``unknown``.
    reason
        Why the time is unknown.
    parts
        Seconds spent on moves, triggers, sleeps and everything else, if the estimate is their sum.
    """

    seconds: float | None
    low: float | None
    high: float | None
    source: str
    reason: str = ""
    parts: dict[str, float] | None = None

    def fields(self) -> dict[str, Any]:
        """Return the keys of ``estimates_get`` for an item, without its start."""
        return {
            "seconds": self.seconds,
            "low": self.low,
            "high": self.high,
            "at_least": self.seconds is None and bool(self.low),
            "source": self.source,
            "reason": self.reason,
        }


def unknown(reason: str, at_least: float | None = None) -> Estimate:
    """Return an estimate without a time, for this reason."""
    return Estimate(None, at_least, None, "unknown", reason)


class WorkTime(NamedTuple):
    """The time that a plan's work takes, as a sum of learned times.

    ``deviation`` differs from run to run, ``uncertainty`` is the error that all runs share.
    """

    parts: dict[str, float]
    deviation: float
    uncertainty: float
    unknown: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """The time of all known parts."""
        return sum(self.parts.values())


def of_plan(
    learned: Learned, plan: str, parameters: str, *, work: Work | None, points: int | None = None, reason: str = ""
) -> Estimate:
    """Estimate the time of a plan.

    Parameters
    ----------
    learned
        The data learned from earlier plans.
    plan, parameters
        The plan's name, and the `parameters_key` of its item.
    work
        The work that the walk found, which may be incomplete; None if the plan was not walked.
    points
        Number of points of the whole plan, if it is known.
    reason
        Why the work is incomplete or unknown; empty if it is complete.
    """
    if runs := learned.same_runs(plan, parameters, work):
        return _of_runs(runs)
    if work is None:
        return unknown(reason)
    total = sum_of(learned, work)
    if reason:
        return _by_points(learned, plan, points) or unknown(reason, total.seconds)
    if total.unknown:
        return unknown(total.unknown[0], total.seconds)
    factor = learned.bias(plan)
    low, high = _interval(total, learned.errors(plan))
    # The factor may come from short plans only. It never makes a plan shorter than its own sleeps.
    slept = total.parts["sleep"]
    seconds = (total.seconds - slept) * factor + slept * max(factor, 1.0)
    return Estimate(seconds, max(low * factor, slept), max(high * factor, seconds), "walk", parts=total.parts)


def sum_of(learned: Learned, work: Work) -> WorkTime:
    """Sum up the learned times for a plan's work."""
    parts = {"move": 0.0, "trigger": 0.0, "sleep": work.slept, "other": 0.0}
    variance = 0.0
    uncertain: dict[tuple[str, str], float] = {}
    missing: dict[str, None] = {}
    for members, number in work.waits.items():
        longest: tuple[float, Member, Duration] | None = None
        for member in members:
            found = _expected(learned, member, work.settings[member.settings])
            if isinstance(found, Unknown):
                missing[_reason(member, found)] = None
            elif longest is None or found.mean > longest[0]:
                longest = found.mean, member, found
        if longest is not None:
            mean, member, found = longest
            command = member.command.split()[0]
            parts[_PARTS.get(command, "other")] += number * mean
            variance += number * found.deviation**2
            key = command, member.device
            uncertain[key] = uncertain.get(key, 0.0) + number * found.uncertainty
    for (command, device), number in (*work.counts.items(), (("begin", ""), 1)):
        parts["other"] += number * _message_time(learned, command, device)
    return WorkTime(parts, math.sqrt(variance), math.sqrt(sum(each**2 for each in uncertain.values())), tuple(missing))


def action_seconds(learned: Learned, member: Member, settings: Settings) -> float:
    """Return the seconds of an action with these settings of its device; 0 if they are unknown."""
    found = _expected(learned, member, settings)
    return found.mean if isinstance(found, Duration) else 0.0


def _expected(learned: Learned, member: Member, settings: Settings) -> Duration | Unknown:
    unfit: Unknown | None = None
    own = member.command
    for command in (own, own.split()[0]) if " " in own else (own,):
        durations = learned.actions.get((command, member.device))
        if durations is None:
            continue
        found = durations.expected(member.amount, settings)
        if isinstance(found, Duration):
            return found
        unfit = unfit or found
    if unfit is not None:
        return unfit
    verb = _VERBS.get(member.command.split()[0], "used")
    return Unknown(f"has not been {verb} in a plan yet")


def _reason(member: Member, found: Unknown) -> str:
    return f"{member.device} {found.reason}"


def _message_time(learned: Learned, command: str, device: str) -> float:
    sample = learned.messages.get((command, device))
    if sample is None:
        alike = [each.mean for (other, _), each in learned.messages.items() if other == command]
        return statistics.median(alike) if alike else _MESSAGE
    return sample.mean


def _of_runs(runs: Sequence[PlanRun]) -> Estimate:
    """Estimate by the median of the latest runs."""
    times = [run.seconds for run in runs[-5:]]
    seconds = statistics.median(times)
    spread = max((abs(each - seconds) for each in times), default=0.0)
    half = max(spread, _LEAST * seconds, _LEAST_SECONDS)
    return Estimate(seconds, max(seconds - half, 0.0), seconds + half, "history")


def _by_points(learned: Learned, plan: str, points: int | None) -> Estimate | None:
    record = learned.plans.get(plan)
    rates = [run.seconds / run.points for run in record.runs if run.points] if record else []
    if not points or not rates or max(rates) > 2 * min(rates):
        return None
    seconds = statistics.median(rates) * points
    return Estimate(seconds, seconds * (1 - _BY_POINTS), seconds * (1 + _BY_POINTS), "points")


def _interval(total: WorkTime, errors: Sequence[float]) -> tuple[float, float]:
    seconds = total.seconds
    own = math.hypot(_SIGMAS * total.deviation, _SIGMAS * total.uncertainty)
    own = max(own, _LEAST * seconds, _LEAST_SECONDS)
    if len(errors) < _ENOUGH:
        return max(seconds - own, 0.0), seconds + own
    sizes = sorted(abs(each) for each in errors)
    place = min(math.ceil(_COVERED * (len(sizes) + 1)) - 1, len(sizes) - 1)
    half = max(math.expm1(sizes[place]) * seconds, _LEAST * seconds, _LEAST_SECONDS)
    beyond = _SIGMAS * total.uncertainty / 2
    return max(seconds - math.hypot(half, beyond), 0.0), seconds + math.hypot(half, beyond)
