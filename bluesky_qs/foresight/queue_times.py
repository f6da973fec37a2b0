"""Computes when the items of a queue start and when the queue ends. All times are seconds from now."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from bluesky_qs.foresight.estimate import Estimate

#: Changes of the end are reported if they exceed both limits: seconds, and a fraction of the remaining time.
_MOVED_SECONDS, _MOVED_PART = 1.0, 0.02
#: Fraction of the running plan that must be complete before its own pace is used.
_EARLY = 0.02


class Step(NamedTuple):
    """An item in the queue. ``estimate`` is None for an item that stops the queue."""

    uid: str
    estimate: Estimate | None


class Start(NamedTuple):
    """The start of an item in seconds from now.

    With ``at_least``, it may be later: an earlier item's time is unknown.
    """

    seconds: float
    at_least: bool


class Timeline(NamedTuple):
    """The times of a queue.

    Attributes
    ----------
    seconds
        Seconds until the end, or the time of the known parts if ``at_least`` is true. None if nothing is known.
    low, high
        The interval in which the queue ends with 80 % probability; ``high`` is None if a part is unknown.
    starts
        Starts by uid. Items after an instruction that stops the queue are missing.
    """

    seconds: float | None
    low: float | None
    high: float | None
    at_least: bool
    starts: dict[str, Start]


def timeline(
    steps: Iterable[Step], *, running: Estimate | None = None, gap: float = 0.0, stops_after_running: bool = False
) -> Timeline:
    """Return the times of the queue.

    Parameters
    ----------
    steps
        The items of the queue, in order.
    running
        Estimate of the rest of the running plan; None if no plan is running.
    gap
        Seconds between two plans.
    stops_after_running
        Whether the queue stops when the running plan has ended.
    """
    total = RunningTotal()
    if running is not None:
        total.add(running, 0.0)
    starts: dict[str, Start] = {}
    if not stops_after_running:
        for step in steps:
            if step.estimate is None:
                break
            starts[step.uid] = Start(total.seconds + (gap if total.number else 0.0), total.at_least)
            total.add(step.estimate, gap if total.number else 0.0)
    return total.timeline(starts)


class RunningTotal:
    """A sum of estimates. Half of each uncertainty counts as common to all, the other half as independent."""

    def __init__(self) -> None:
        self.number = self.known = 0
        self.seconds = 0.0
        self.at_least = False
        self.low = [0.0, 0.0]
        self.high = [0.0, 0.0]

    def add(self, estimate: Estimate, gap: float) -> None:
        """Add a plan. ``gap`` is the number of seconds before the plan."""
        self.number += 1
        if estimate.seconds is None:
            self.at_least = True
            self.seconds += (estimate.low or 0.0) + gap
            self.known += estimate.low is not None
            return
        self.known += 1
        self.seconds += estimate.seconds + gap
        for sums, bound in ((self.low, estimate.low), (self.high, estimate.high)):
            apart = abs((estimate.seconds if bound is None else bound) - estimate.seconds)
            sums[0] += apart
            sums[1] += apart**2

    def after(self, running: Estimate | None, gap: float) -> "RunningTotal":
        """Return the sum of a plan and of these plans after it, with ``gap`` seconds between them."""
        total = RunningTotal()
        if running is not None:
            total.add(running, gap if self.number else 0.0)
        total.number += self.number
        total.known += self.known
        total.seconds += self.seconds
        total.at_least = total.at_least or self.at_least
        for sums, others in ((total.low, self.low), (total.high, self.high)):
            sums[:] = [one + other for one, other in zip(sums, others, strict=True)]
        return total

    def timeline(self, starts: dict[str, Start]) -> Timeline:
        """Return the times of the plans, whose starts are given."""
        if self.number and not self.known:
            return Timeline(None, None, None, at_least=True, starts=starts)
        low, high = ((plain + math.sqrt(squares)) / 2 for plain, squares in (self.low, self.high))
        return Timeline(
            self.seconds,
            max(self.seconds - low, 0.0),
            None if self.at_least else self.seconds + high,
            self.at_least,
            starts,
        )


def remaining(estimate: Estimate, *, elapsed: float, done: float | None) -> Estimate:
    """Estimate the rest of the running plan.

    Parameters
    ----------
    estimate
        Estimate of the whole plan.
    elapsed
        Seconds since its start, without pauses and suspensions.
    done
        Fraction of its points that are done; None if it is unknown.
    """
    if done is None or done < _EARLY:
        if estimate.seconds is None:
            low = max((estimate.low or 0.0) - elapsed, 0.0)
            return estimate._replace(low=low or None)
        return _shifted(estimate, max(estimate.seconds - elapsed, 0.0))
    done = min(done, 1.0)
    paced = elapsed * (1 - done) / done
    if estimate.seconds is None:
        half = paced * (1 - done) / 2
        return Estimate(paced, max(paced - half, 0.0), paced + half, "pace")
    return _shifted(estimate, done * paced + (1 - done) * max(estimate.seconds * (1 - done), 0.0))


def _shifted(estimate: Estimate, seconds: float) -> Estimate:
    """Scale an estimate and its interval to this number of seconds."""
    whole = estimate.seconds or 0.0
    factor = seconds / whole if whole > 0 else 0.0
    low, high = (whole if bound is None else bound for bound in (estimate.low, estimate.high))
    return estimate._replace(seconds=seconds, low=low * factor, high=high * factor)


def has_moved(old: float | None, new: float | None) -> bool:
    """Return whether the remaining time has changed enough to matter to clients."""
    if old is None or new is None:
        return old is not new
    apart = abs(new - old)
    return apart > _MOVED_SECONDS and apart > _MOVED_PART * max(abs(new), abs(old))
