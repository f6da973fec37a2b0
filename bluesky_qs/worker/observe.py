"""Reads the documents of a running plan to report its runs, its progress, and the documents without large arrays."""

import logging
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

import msgspec

from bluesky_qs.documents import Reader
from bluesky_qs.ipc.reports import DocumentReport, ProgressReport
from bluesky_qs.ipc.states import RunState
from bluesky_qs.worker.report import Reports

log = logging.getLogger(__name__)

#: Arrays and lists with more elements than this are not sent.
LARGEST = 200
#: Strings in events that are longer than this are not sent.
LONGEST = 10_000
_SMALL = frozenset((float, int, bool, type(None)))
_INT64 = 2**63
#: Largest plausible number of points. A larger number is a mistake in the metadata.
_MOST_POINTS = 10**12


class Observer:
    """A subscriber to the RunEngine for one plan.

    It runs in the RunEngine's thread, so it must be fast and never
    raise an exception. ``noted`` is called with each document.
    """

    def __init__(
        self,
        item_uid: str,
        reports: Reports,
        noted: Callable[[str, dict[str, Any]], object] = lambda _name, _document: None,
    ) -> None:
        self._noted = noted
        self._item_uid = item_uid
        self._reports = reports
        self._runs: dict[str, RunState] = {}
        self._reader = Reader()
        self._events = 0
        self._documents = 0
        self._announced: int | None = None
        self._complained = False

    @property
    def run_uids(self) -> list[str]:
        """The uids of the runs that the plan has opened, in order."""
        return list(self._runs)

    @property
    def scan_ids(self) -> list[int]:
        """The scan ids of these runs."""
        return [run.scan_id for run in self._runs.values() if run.scan_id is not None]

    @property
    def last_exit_status(self) -> str | None:
        """The exit status in the last run's stop document (``success``, ``abort``, ``fail``)."""
        return next(reversed(self._runs.values())).exit_status if self._runs else None

    def __call__(self, name: str, document: dict[str, Any]) -> None:
        """Receive a document from the RunEngine."""
        try:
            self._note(name, document)
            for kind, each in _published(name, document):
                self._noted(kind, each)
                self._documents += 1
                text, omitted = document_text(kind, each)
                odd = not_finite(each) if kind == "event" else {}
                self._reports.document(DocumentReport(self._item_uid, kind, text, odd, omitted, self._documents))
        except Exception:  # a process boundary: watching a plan must not make it fail
            if not self._complained:  # only once per plan, because a thousand more errors may follow
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
                if isinstance(points, int) and 0 < points < _MOST_POINTS:
                    self._announced = (self._announced or 0) + int(points)
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
    """Yield the documents to send for this document. Event pages, which flyers produce, are split into events."""
    if name == "event_page":
        from event_model import unpack_event_page  # noqa: PLC0415 - bluesky imports it before there are documents

        for event in unpack_event_page(document):
            yield "event", event
    elif name in ("start", "descriptor", "event", "stop"):
        yield name, document


def document_text(name: str, document: dict[str, Any]) -> tuple[bytes, list[str]]:
    """Return the JSON text of a document for display, and the fields of an event that are omitted from it.

    Images, long arrays and long strings are omitted: they become null, like NaN. Other objects are replaced with their
    repr.
    """
    if name != "event":
        return plain_text(document), []
    data = document["data"]
    omitted = [field for field, value in data.items() if type(value) not in _SMALL and _is_large(value)]
    return plain_text({**document, "data": {**data, **dict.fromkeys(omitted)}} if omitted else document), omitted


def not_finite(event: dict[str, Any]) -> dict[str, str]:
    """Return the values in an event that have no JSON number, as text by field: ``nan``, ``inf``, ``-inf``."""
    numbers = ((field, _number(value)) for field, value in event["data"].items())
    return {str(field): str(number) for field, number in numbers if number is not None and not isfinite(number)}


def _number(value: Any) -> float | None:
    """Return the value if it is a float. NumPy has other float types besides its float64."""
    if not isinstance(value, float) and getattr(value, "ndim", None) == 0:
        value = value.item()
    return float(value) if isinstance(value, float) else None


def plain_text(value: Any) -> bytes:
    """Return JSON text for displaying a value that JSON may not fully support (a document, ``RE.md``)."""
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError):
        # dict keys that JSON does not support, a date out of range, …
        return _encoder.encode(_plain(value))


def _is_large(value: Any) -> bool:
    match value:
        case str() | bytes():
            return len(value) > LONGEST
        case list() | tuple():
            return len(value) > LARGEST or sum(map(_size, value)) > LARGEST
        case _:
            size = getattr(value, "size", 1)
            return isinstance(size, int) and size > LARGEST


def _size(value: Any) -> int:
    """Return the number of elements in nested lists and arrays."""
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    size = getattr(value, "size", 1)
    return size if isinstance(size, int) else 1


def _fallback(value: Any) -> Any:
    """Convert an object that JSON does not support.

    NumPy may not be installed, so its objects are recognized by their methods.
    """
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
