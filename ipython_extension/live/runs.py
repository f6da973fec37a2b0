"""Runs, their main fields and their events, from the documents of running plans."""

from typing import NamedTuple

from bluesky_qs.documents import Dimensions, Doc, Reader, is_number


class LiveRun:
    """One run, built from the documents received so far.

    Attributes
    ----------
    along
        Fields of the devices that the plan moves, from its hints; empty if it moves none.
    read
        Fields that the plan reads, from the hints of the devices; without hints, all single numbers.
    keys
        The descriptor's entry for each field.
    """

    def __init__(self, start: Doc) -> None:
        self.start = start
        self._dimensions = Dimensions(start)
        self.stream: str = self._dimensions.stream
        self.along: list[str] = []
        self.read: list[str] = []
        self.keys: Doc = {}

    @property
    def name(self) -> str:
        """``Scan 12``, or ``Run a1b2c3d4`` without a scan number."""
        number = self.start.get("scan_id")
        return f"Run {str(self.start.get('uid'))[:8]}" if number is None else f"Scan {number}"

    @property
    def is_described(self) -> bool:
        """Whether its fields are known."""
        return bool(self.keys)

    def describe(self, descriptor: Doc) -> None:
        """Read the fields of the main stream."""
        self.stream = descriptor.get("name", "primary")
        self.keys = descriptor.get("data_keys") or {}
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


class LiveRuns:
    """The open runs; documents of runs whose start was missed are ignored."""

    def __init__(self) -> None:
        self._reader = Reader()
        self._runs: dict[str, LiveRun] = {}

    def take(self, name: str, doc: Doc) -> Reading | RunEnd | None:
        """Take a document; return the row or the end of a run that it adds, if any."""
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
                if not run.is_described:  # the run has no stream that its hints name: use the first one
                    run.describe(place.descriptor)
                return Reading(run, doc) if place.stream == run.stream else None
            case "stop":
                return RunEnd(self._runs.pop(place.run), doc)
            case _:
                pass
        return None
