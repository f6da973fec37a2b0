"""What the documents of a running plan tell: its runs, its progress, and the documents themselves, cut to size."""

import logging
from collections.abc import Iterator
from typing import Any

import msgspec

from bluesky_qs.documents import Reader
from bluesky_qs.ipc.reports import Document, ProgressReport
from bluesky_qs.ipc.states import RunState
from bluesky_qs.worker.report import Reports

log = logging.getLogger(__name__)

#: Arrays and lists with more elements than this are left out of the documents that are sent.
LARGEST = 200
_INT64 = 2**63


class Observer:
    """Subscribed to the RunEngine for one plan; called in its thread, hence quick, and it never raises."""

    def __init__(self, item_uid: str, reports: Reports) -> None:
        self._item_uid = item_uid
        self._reports = reports
        self._runs: dict[str, RunState] = {}
        self._reader = Reader()
        self._events = 0
        self._announced: int | None = None
        self._complained = False

    @property
    def run_uids(self) -> list[str]:
        """Of the runs that the plan has opened, in their order."""
        return list(self._runs)

    @property
    def scan_ids(self) -> list[int]:
        """The same for scan ids."""
        return [run.scan_id for run in self._runs.values() if run.scan_id is not None]

    @property
    def last_exit_status(self) -> str | None:
        """What the last run's stop document says (``success``, ``abort``, ``fail``)."""
        return next(reversed(self._runs.values())).exit_status if self._runs else None

    def __call__(self, name: str, document: dict[str, Any]) -> None:
        """Take a document of the RunEngine."""
        try:
            self._note(name, document)
            for kind, each in _published(name, document):
                self._reports.document(Document(self._item_uid, kind, document_text(kind, each)))
        except Exception:  # a process boundary: whoever watches a plan must not be able to fail it
            if not self._complained:  # once a plan: there may be a thousand more of the kind
                log.exception("Could not report a document of the plan (%s)", name)
            self._complained = True

    def _note(self, name: str, document: dict[str, Any]) -> None:
        place = self._reader.place(name, document)
        match name:
            case "start":
                uid, scan_id = str(document["uid"]), document.get("scan_id")
                scan_id = scan_id if isinstance(scan_id, int) and abs(scan_id) < _INT64 else None
                self._runs[uid] = RunState(uid, scan_id, is_open=True, exit_status=None)
                self._reports.runs(list(self._runs.values()))
                points = document.get("num_points")
                if isinstance(points, int):
                    self._announced = (self._announced or 0) + points
            case "stop":
                uid, status = str(document["run_start"]), document.get("exit_status")
                if run := self._runs.get(uid):
                    self._runs[uid] = msgspec.structs.replace(run, is_open=False, exit_status=status)
                    self._reports.runs(list(self._runs.values()))
            case "event" | "event_page":
                if place and not place.is_aside:
                    self._events += 1 if name == "event" else len(document["seq_num"])
                    self._reports.progress(ProgressReport(self._item_uid, self._events, self._announced))
            case _:
                pass


def _published(name: str, document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents that are sent for this one: pages, which flyers make, as the events that are in them."""
    if name == "event_page":
        from event_model import unpack_event_page  # noqa: PLC0415 - bluesky has imported it before there are documents

        for event in unpack_event_page(document):
            yield "event", event
    elif name in ("start", "descriptor", "event", "stop"):
        yield name, document


def document_text(name: str, document: dict[str, Any]) -> bytes:
    """JSON text of a document for display: large arrays are null, and so is NaN; what has no JSON form is its repr."""
    if name == "event":
        document = {**document, "data": {k: _cut(v) for k, v in document["data"].items()}}
    return plain_text(document)


def plain_text(value: Any) -> bytes:
    """JSON text for display of a value that was not made for JSON (a document, ``RE.md``)."""
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError):  # keys of a dict that JSON does not know, a date out of range, …
        return _encoder.encode(_plain(value))


def _cut(value: Any) -> Any:
    return None if isinstance(value, (list, tuple)) and len(value) > LARGEST else value


def _fallback(value: Any) -> Any:
    """The JSON form of what is no JSON: numpy scalars and arrays, known by what they can do (numpy may be absent)."""
    if hasattr(value, "tolist"):
        return value.tolist() if getattr(value, "size", 1) <= LARGEST else None
    if hasattr(value, "items"):
        return dict(value.items())
    return repr(value)


def _plain(value: Any) -> Any:
    match value:
        case str() | int() | float() | bool() | None:
            return value
        case dict():
            return {str(k): _plain(v) for k, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(v) for v in value]
        case _:
            return _plain(_fallback(value))


_encoder = msgspec.json.Encoder(enc_hook=_fallback)
