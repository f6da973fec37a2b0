"""Runs, their main fields and their events, from the documents of running plans."""

from math import isfinite
from typing import Any, NamedTuple

from bluesky_qs.documents import Dimensions, Doc, Reader, data_keys, is_number, mapping, text
from bluesky_qs.error_text import safe


class LiveRun:
    """One run, built from the documents received so far.

    Attributes
    ----------
    along
        Fields of the devices that the plan moves, from the plan's hints; empty if it moves none.
    read
        Fields that the plan reads, from the devices' hints; without hints, all scalar numbers.
    keys
        Each field's entry in the descriptor.
    """

    def __init__(self, start: Doc) -> None:
        self.start = start
        self._dimensions = Dimensions(start)
        self.stream: str = self._dimensions.stream
        self.along: list[str] = []
        self.read: list[str] = []
        self.keys: dict[str, Doc] = {}

    @property
    def name(self) -> str:
        """``Scan 12``, or ``Run a1b2c3d4`` without a scan number."""
        number = self.start.get("scan_id")
        has_number = isinstance(number, int | str)
        return f"Scan {one_line(str(number))}" if has_number else f"Run {one_line(str(self.start.get('uid')))[:8]}"

    @property
    def plan(self) -> str:
        """The name of the run's plan."""
        return one_line(text(self.start.get("plan_name"))) or "a plan"

    @property
    def is_grid(self) -> bool:
        """Whether the plan scans several independent axes, as a grid scan does."""
        return self._dimensions.count > 1

    @property
    def shape(self) -> list[int]:
        """The number of points along each axis of a grid, if the plan announces them."""
        shape = self.start.get("shape")
        sizes: list[Any] = list(shape) if isinstance(shape, list | tuple) else []
        return [size for size in sizes if isinstance(size, int) and size > 0]

    @property
    def extents(self) -> list[tuple[float, float] | None]:
        """The first and last position along each axis of a grid; None if the plan does not announce it."""
        extents = self.start.get("extents")
        pairs: list[Any] = list(extents) if isinstance(extents, list | tuple) else []
        return [_pair(each) for each in pairs]

    @property
    def is_described(self) -> bool:
        """Whether the run's fields are known."""
        return bool(self.keys)

    def describe(self, descriptor: Doc) -> None:
        """Take the fields from the main stream's descriptor."""
        self.stream = text(descriptor.get("name")) or "primary"
        self.keys = data_keys(descriptor)
        self.along, self.read = self._dimensions.fields(descriptor)
        if not self.read and not self.along:
            self.read = [field for field, key in self.keys.items() if is_number(key)]


class Reading(NamedTuple):
    """One event of a run's main stream."""

    run: LiveRun
    event: Doc


class RunEnd(NamedTuple):
    """The end of a run."""

    run: LiveRun
    stop: Doc


def _pair(value: Any) -> tuple[float, float] | None:
    match value:
        case [int() | float() as first, int() | float() as last] if isfinite(first) and isfinite(last):
            return float(first), float(last)
        case _:
            return None


def one_line(value: str) -> str:
    """A text from a document, in one line and safe to print."""
    return safe(" ".join(value.split()))


class LiveRuns:
    """The open runs. Documents of a run are ignored if its start document was missed."""

    def __init__(self) -> None:
        self._reader = Reader()
        self._runs: dict[str, LiveRun] = {}

    def take(self, name: str, doc: Any) -> Reading | RunEnd | None:
        """Process a document; return the row or the end of a run that it adds, if any."""
        doc = mapping(doc)
        place = self._reader.place(name, doc)
        if place is None or place.is_aside:
            return None
        match name:
            case "start":
                self._runs[place.run] = LiveRun(doc)
            case "descriptor":
                run = self._runs[place.run]
                if place.stream == run.stream:
                    run.describe(doc)
            case "event":
                run = self._runs[place.run]
                if not run.is_described:  # the hints name a stream that the run does not have: use the first one
                    run.describe(place.descriptor)
                return Reading(run, doc) if place.stream == run.stream else None
            case "stop":
                return RunEnd(self._runs.pop(place.run), doc)
            case _:
                pass
        return None
