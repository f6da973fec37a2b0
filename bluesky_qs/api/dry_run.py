"""The types of the report of a dry run."""

from typing import Any, TypedDict

from bluesky_qs.api.estimates import EstimateSource


class DryRunError(TypedDict):
    """An exception that ends the plan. ``step`` is the number of the point that the plan had reached, from 1."""

    msg: str
    traceback: str
    step: int


class BlockedCall(TypedDict):
    """A call that a dry run does not carry out. ``step`` is the number of the point then reached, from 1."""

    call: str
    step: int
    traceback: str


class AssumedReading(TypedDict):
    """A value that the plan used. In a real run it may be different."""

    device: str
    field: str
    value: Any


class MotorRange(TypedDict):
    """The first and last position of a device, and the lowest and highest one (null if they are not numbers)."""

    start: Any
    min: float | None
    max: float | None
    end: Any
    units: str | None


class DryRunTimes(TypedDict):
    """The seconds that each part takes, or null if unknown."""

    move: float | None
    trigger: float | None
    sleep: float | None
    other: float | None


class DryRunEstimate(TypedDict):
    """The time that the plan would take, in seconds, with an 80 % interval.

    ``source``: ``history`` (a completed run with the same parameters, start positions and settings), ``walk`` (times of
    its actions), ``points`` (earlier runs, by the number of points) or ``unknown``. If it is ``unknown``, ``seconds``
    is null, ``reason`` says why, and ``at_least`` is true if ``low`` is the time of the known parts.
    """

    seconds: float | None
    low: float | None
    high: float | None
    at_least: bool
    source: EstimateSource
    reason: str
    parts: DryRunTimes


class DryRunReport(TypedDict):
    """The report of a plan's dry run.

    ``ok`` is false if the real run would fail, and null if that is not known: ``complete`` is false, with the
    ``reason``, or ``blocked`` is not empty. ``exact`` is false if the plan depends on something that a dry run cannot
    know. ``points`` is the number of all events; ``stream_points`` has the number for each stream. ``bytes`` is the
    size of all readings together. ``output`` is the end of what the plan printed. ``as_of`` is the time (epoch seconds)
    of the copy of the namespace.
    """

    ok: bool | None
    complete: bool
    reason: str
    exact: bool
    errors: list[DryRunError]
    warnings: list[str]
    assumed: list[AssumedReading]
    blocked: list[BlockedCall]
    motors: dict[str, MotorRange]
    devices: list[str]
    runs: int
    points: int
    streams: list[str]
    stream_points: dict[str, int]
    triggers: dict[str, int]
    bytes: int
    output: str
    as_of: float
    estimate: DryRunEstimate


class ItemDryRun(TypedDict):
    """The dry run of one item of the queue; ``report`` is null for an instruction, which has no messages."""

    item_uid: str
    name: str
    report: DryRunReport | None


class DryRunTotal(TypedDict):
    """The totals of all plans together. The seconds are null if the time of one plan is unknown."""

    seconds: float | None
    low: float | None
    high: float | None
    points: int
    runs: int
