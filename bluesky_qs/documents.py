"""How Bluesky documents belong together: runs, their streams, and the fields that matter in them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Doc = Mapping[str, Any]

#: Streams beside the measurement.
_ASIDE = ("baseline", "interruptions")


class DocumentPlace(NamedTuple):
    """The run and the stream that a document belongs to.

    Attributes
    ----------
    run
        Uid of the run.
    stream, descriptor
        Name of the stream and its descriptor; empty for a document that starts or stops a run.
    """

    run: str
    stream: str = ""
    descriptor: Doc = {}  # noqa: RUF012 - never changed

    @property
    def is_aside(self) -> bool:
        """Whether the stream is not part of the measurement itself: a baseline, a monitored signal, interruptions."""
        return self.stream in _ASIDE or self.stream.endswith("_monitor")


class Reader:
    """Finds the run and stream of each document. Pass the documents in the order in which they arrive."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._streams: dict[str, DocumentPlace] = {}

    def place(self, name: str, doc: Doc) -> DocumentPlace | None:
        """Return the run and stream of a document; None if the start of its run was missed."""
        match name:
            case "start":
                uid = str(doc["uid"])
                self._open.add(uid)
                return DocumentPlace(uid)
            case "descriptor" if doc["run_start"] in self._open:
                place = self._streams[doc["uid"]] = DocumentPlace(
                    doc["run_start"], str(doc.get("name", "primary")), doc
                )
                return place
            case "event" | "event_page":
                return self._streams.get(doc["descriptor"])
            case "stop" if doc["run_start"] in self._open:
                uid = doc["run_start"]
                self._open.discard(uid)
                self._streams = {each: place for each, place in self._streams.items() if place.run != uid}
                return DocumentPlace(uid)
            case _:
                return None


class Dimensions:
    """The axes that a plan moves, according to the hints or the motors in its start document.

    Attributes
    ----------
    stream
        Name of the stream to show.
    count
        The number of dimensions: one for a scan of two motors along a line, two for a grid.
    """

    def __init__(self, start: Doc) -> None:
        hinted = (start.get("hints") or {}).get("dimensions") or []
        streams = {stream for _, stream in hinted}
        # Dimensions in different streams cannot share the rows of one table.
        self._names: list[list[str]] = (
            [list(fields) for fields, _ in hinted] if len(streams) == 1 else [[m] for m in start.get("motors") or ()]
        )
        self.stream: str = streams.pop() if len(streams) == 1 else "primary"
        self.count = len(self._names)

    def fields(self, descriptor: Doc) -> tuple[list[str], list[str]]:
        """Return the fields of the moved axes, and the fields that the hints of the devices name."""
        keys, objects = descriptor.get("data_keys") or {}, descriptor.get("object_keys") or {}
        names = [name for names in self._names for name in names]
        # A dimension names a field or, without hints, a motor; the descriptor has the fields of a motor.
        along = [field for name in names for field in (_hinted(descriptor, name) or objects.get(name) or [name])]
        moved = [field for field in dict.fromkeys(along) if field in keys]
        return moved, [field for field in hinted_fields(descriptor) if field not in moved]


def hinted_fields(descriptor: Doc) -> list[str]:
    """Return the fields of a stream that the hints of its devices name."""
    keys = descriptor.get("data_keys") or {}
    hinted = [field for name in descriptor.get("object_keys") or {} for field in _hinted(descriptor, name)]
    return [field for field in dict.fromkeys(hinted) if field in keys]


def is_number(key: Doc) -> bool:
    """Whether a field has one number in each event."""
    return key.get("dtype") in ("number", "integer") and not key.get("shape")


def _hinted(descriptor: Doc, device: str) -> list[str]:
    return ((descriptor.get("hints") or {}).get(device) or {}).get("fields") or []
