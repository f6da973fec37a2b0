"""What the documents of running plans tell: runs, the fields that matter in them, and their events."""

from typing import NamedTuple

from bluesky_qs.documents import Dimensions, Doc, Reader, is_number


class Run:
    """One run, as far as its documents have come.

    Attributes
    ----------
    along
        Fields of what the plan moves, by its hints; none for a plan that moves nothing.
    read
        Fields of what it reads, by the hints of the devices; all that are single numbers where there are none.
    keys
        What the descriptor says of each field.
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
        """``Scan 12``, or ``Run a1b2c3d4`` where there is no number."""
        number = self.start.get("scan_id")
        return f"Run {str(self.start.get('uid'))[:8]}" if number is None else f"Scan {number}"

    @property
    def is_described(self) -> bool:
        """Whether its fields are known."""
        return bool(self.keys)

    def describe(self, descriptor: Doc) -> None:
        """Learn the fields of the stream that matters."""
        self.stream = descriptor.get("name", "primary")
        self.keys = descriptor.get("data_keys") or {}
        self.along, self.read = self._dimensions.fields(descriptor)
        if not self.read and not self.along:
            self.read = [field for field, key in self.keys.items() if is_number(key)]


class Reading(NamedTuple):
    """One event of a run's stream that matters."""

    run: Run
    event: Doc


class RunEnd(NamedTuple):
    """The end of a run."""

    run: Run
    stop: Doc


class Runs:
    """The runs that are open; documents of runs whose beginning was not seen are left out."""

    def __init__(self) -> None:
        self._reader = Reader()
        self._runs: dict[str, Run] = {}

    def take(self, name: str, doc: Doc) -> Reading | RunEnd | None:
        """What a document tells, if that is to be shown."""
        place = self._reader.place(name, doc)
        if place is None or place.is_aside:
            return None
        match name:
            case "start":
                self._runs[place.run] = Run(doc)
            case "descriptor":
                run = self._runs[place.run]
                if place.stream == run.stream:
                    run.describe(doc)
            case "event":
                run = self._runs[place.run]
                if not run.is_described:  # a run without the stream that its hints speak of: the first one serves
                    run.describe(place.descriptor)
                return Reading(run, doc) if place.stream == run.stream else None
            case "stop":
                return RunEnd(self._runs.pop(place.run), doc)
            case _:
                pass
        return None
