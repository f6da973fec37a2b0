"""Relates Bluesky documents to their runs and streams, and selects the important fields.

Metadata comes from users, and hints and descriptions come from devices, so any part of a document may have any shape. A
part with an unexpected shape counts as missing.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

Doc = Mapping[str, Any]

#: Streams that are not part of the measurement.
_ASIDE = ("baseline", "interruptions")


class DocumentPlace(NamedTuple):
    """The run and the stream that a document belongs to.

    Attributes
    ----------
    run
        Uid of the run.
    stream, descriptor
        The stream's name and its descriptor; empty for a document that starts or stops a run.
    """

    run: str
    stream: str = ""
    descriptor: Doc = {}  # noqa: RUF012 - never changed

    @property
    def is_aside(self) -> bool:
        """Whether the stream is separate from the measurement itself: a baseline, a monitored signal, interruptions."""
        return self.stream in _ASIDE or self.stream.endswith("_monitor")


class Reader:
    """Finds the run and stream of each document. Pass the documents in the order they arrive."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._streams: dict[str, DocumentPlace] = {}

    def place(self, name: str, doc: Doc) -> DocumentPlace | None:
        """Return the run and stream of a document; None if the start of its run was missed, or if it has no uid."""
        match name:
            case "start" if uid := text(doc.get("uid")):
                self._open.add(uid)
                return DocumentPlace(uid)
            case "descriptor" if (run := text(doc.get("run_start"))) in self._open and (uid := text(doc.get("uid"))):
                place = self._streams[uid] = DocumentPlace(run, text(doc.get("name")) or "primary", doc)
                return place
            case "event" | "event_page":
                return self._streams.get(text(doc.get("descriptor")))
            case "stop" if (run := text(doc.get("run_start"))) in self._open:
                self._open.discard(run)
                self._streams = {each: place for each, place in self._streams.items() if place.run != run}
                return DocumentPlace(run)
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
        hinted = _dimensions(start)
        streams = {stream for _, stream in hinted}
        # Dimensions in different streams cannot share the rows of one table.
        self._names: list[list[str]] = (
            [fields for fields, _ in hinted] if len(streams) == 1 else [[m] for m in names(start.get("motors"))]
        )
        self.stream: str = streams.pop() if len(streams) == 1 else "primary"
        self.count = len(self._names)

    def fields(self, descriptor: Doc) -> tuple[list[str], list[str]]:
        """Return the fields of the moved axes, and the fields that the hints of the devices name."""
        keys, objects = mapping(descriptor.get("data_keys")), mapping(descriptor.get("object_keys"))
        # A dimension names a field or, without hints, a motor, whose fields are in the descriptor.
        along = [
            field
            for moved in self._names
            for name in moved
            for field in (_hinted(descriptor, name) or names(objects.get(name)) or [name])
        ]
        moved = [field for field in dict.fromkeys(along) if field in keys]
        return moved, [field for field in hinted_fields(descriptor) if field not in moved]


def with_numbers(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the message with NaN and other values that JSON cannot represent put back in place of null."""
    document, values = message.get("doc"), mapping(message.get("not_finite"))
    if not values or not isinstance(document, Mapping):
        return dict(message)
    event = cast("Doc", document)
    data = {**mapping(event.get("data")), **{field: float(value) for field, value in values.items()}}
    return {**message, "doc": {**event, "data": data}}


def hinted_fields(descriptor: Doc) -> list[str]:
    """Return the fields of a stream that its devices' hints name."""
    keys = mapping(descriptor.get("data_keys"))
    hinted = [field for name in mapping(descriptor.get("object_keys")) for field in _hinted(descriptor, name)]
    return [field for field in dict.fromkeys(hinted) if field in keys]


def data_keys(descriptor: Doc) -> dict[str, Doc]:
    """Return the description of each field of a stream."""
    return {str(field): mapping(key) for field, key in mapping(descriptor.get("data_keys")).items()}


def is_number(key: Any) -> bool:
    """Return whether a field has one number in each event."""
    return mapping(key).get("dtype") in ("number", "integer") and not mapping(key).get("shape")


def mapping(value: Any) -> Doc:
    """Return the value if it is a mapping, otherwise an empty mapping."""
    return cast("Doc", value) if isinstance(value, Mapping) else {}


def names(value: Any) -> list[str]:
    """Return the strings in a list; a single string counts as a list of one."""
    if isinstance(value, str):
        return [value]
    return (
        [each for each in cast("list[Any]", value) if isinstance(each, str)] if isinstance(value, list | tuple) else []
    )


def text(value: Any) -> str:
    """Return the value if it is a string, otherwise an empty string."""
    return value if isinstance(value, str) else ""


def _dimensions(start: Doc) -> list[tuple[list[str], str]]:
    """Return the fields and the stream of each dimension; an empty list if any dimension has an unexpected shape."""
    hinted: Any = mapping(start.get("hints")).get("dimensions")
    pairs: list[tuple[list[str], str]] = []
    for each in hinted if isinstance(hinted, list | tuple) else ():
        match each:
            case [fields, str(stream)] if names(fields):
                pairs.append((names(fields), stream))
            case _:
                return []
    return pairs


def _hinted(descriptor: Doc, device: str) -> list[str]:
    """Return the fields that a device's hints name, or the device's own fields if no hinted field exists.

    In the second case, numeric fields are preferred to others, such as images.
    """
    hinted = names(mapping(mapping(descriptor.get("hints")).get(device)).get("fields"))
    keys = mapping(descriptor.get("data_keys"))
    if not hinted or any(field in keys for field in hinted):
        return hinted
    own = [field for field in names(mapping(descriptor.get("object_keys")).get(device)) if field in keys]
    return [field for field in own if is_number(keys[field])] or own
