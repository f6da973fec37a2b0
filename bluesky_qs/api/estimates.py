"""The types of estimates."""

from typing import Literal, TypedDict

#: The ``reason`` while the estimate is still being made.
NOT_YET = "The plan has not been estimated yet"

EstimateSource = Literal["history", "walk", "points", "similar", "pace", "unknown"]


class ItemEstimate(TypedDict):
    """How long an item takes, in seconds without pauses, with an 80 % interval.

    ``source``: ``history`` (a completed run with the same parameters, start positions and settings), ``walk`` (times of
    its actions), ``points`` (earlier runs, by the number of points), ``similar`` (other items of a long queue),
    ``pace`` (how fast it runs) or ``unknown``. If it is ``unknown``, ``seconds`` is null, ``reason`` says why, and
    ``at_least`` is true if ``low`` is the time of the known parts. While the estimate is still being made, ``reason``
    is “The plan has not been estimated yet”. ``start`` is the time when the item starts, in epoch seconds; while the
    queue is idle, it assumes that you start the queue now. With ``start_at_least``, the item may start later, because
    the time of an earlier item is unknown. Items after an instruction that stops the queue have no start (null).
    """

    seconds: float | None
    low: float | None
    high: float | None
    at_least: bool
    source: EstimateSource
    reason: str
    start: float | None
    start_at_least: bool


class QueueEstimate(TypedDict):
    """How long the queue takes, from now. In loop mode this is one round, and ``end`` is null.

    ``at_least`` is true if the time of an item is unknown; only the time of its known parts is then counted. ``end`` is
    in epoch seconds.
    """

    seconds: float | None
    low: float | None
    high: float | None
    at_least: bool
    start: float | None
    end: float | None
