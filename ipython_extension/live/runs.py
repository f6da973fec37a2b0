"""What the documents of running plans tell: runs, the fields that matter in them, and their events."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Doc = Mapping[str, Any]

#: Streams beside the measurement.
_ASIDE = ("baseline", "interruptions")


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
        dimensions = (start.get("hints") or {}).get("dimensions") or []
        streams = {stream for _, stream in dimensions}
        self._dimensions: list[list[str]] = (
            [list(fields) for fields, _ in dimensions]
            if len(streams) == 1
            else [[m] for m in start.get("motors") or ()]
        )
        self.stream: str = streams.pop() if len(streams) == 1 else "primary"
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
        objects = descriptor.get("object_keys") or {}
        hints = descriptor.get("hints") or {}
        hinted = [field for name in objects for field in (hints.get(name) or {}).get("fields") or ()]
        along = [
            field
            for part in self._dimensions
            for name in part
            for field in ((hints.get(name) or {}).get("fields") or objects.get(name) or [name])
        ]
        self.along = [field for field in dict.fromkeys(along) if field in self.keys]
        self.read = [field for field in dict.fromkeys(hinted) if field in self.keys and field not in self.along]
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
    """Puts documents to their runs; those of runs whose beginning was not seen are left out."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._streams: dict[str, tuple[Run, Doc]] = {}

    def take(self, name: str, doc: Doc) -> Reading | RunEnd | None:
        """What a document tells, if that is to be shown."""
        match name:
            case "start":
                self._runs[doc["uid"]] = Run(doc)
            case "descriptor" if run := self._runs.get(doc["run_start"]):
                self._describe(run, doc)
            case "event" if doc["descriptor"] in self._streams:
                return self._reading(doc)
            case "stop" if run := self._runs.pop(doc["run_start"], None):
                self._streams = {uid: kept for uid, kept in self._streams.items() if kept[0] is not run}
                return RunEnd(run, doc)
            case _:
                pass
        return None

    def _describe(self, run: Run, doc: Doc) -> None:
        stream = str(doc.get("name", "primary"))
        if stream in _ASIDE or stream.endswith("_monitor"):
            return
        self._streams[doc["uid"]] = (run, doc)
        if stream == run.stream:
            run.describe(doc)

    def _reading(self, event: Doc) -> Reading | None:
        run, descriptor = self._streams[event["descriptor"]]
        if not run.is_described:  # a run without the stream that its hints speak of: the first one serves
            run.describe(descriptor)
        return Reading(run, event) if descriptor.get("name", "primary") == run.stream else None


def is_number(key: Doc) -> bool:
    """Whether a field has one number in each event."""
    return key.get("dtype") in ("number", "integer") and not key.get("shape")
