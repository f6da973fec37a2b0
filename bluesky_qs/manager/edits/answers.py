"""The answers to requests that have an id, so that a repeated request changes nothing."""

import asyncio
import hashlib
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import msgspec

from bluesky_qs.api.method import Lock, Method, shortened
from bluesky_qs.api.types import LONGEST_REQUEST_ID
from bluesky_qs.errors import BadParams, OutcomeUnknown, QSError, RequestIdReused
from bluesky_qs.plan_queue.changes import AddAnswer, Change, TrimAnswers
from bluesky_qs.plan_queue.events import Event
from bluesky_qs.plan_queue.undo import UndoRecord
from bluesky_qs.wire.codec import decode, encode

logger = logging.getLogger(__name__)

#: Seconds for which an answer is kept.
KEPT = 24 * 3600.0
#: Number of requests whose answers are kept, and bytes of all answers together. Beyond these limits the oldest are
#: dropped.
MOST = 10_000
LARGEST = 64_000_000
#: The oldest are dropped in batches of this number, and up to this many seconds late.
_SLACK = 1_000
_SLACK_TIME = 3600.0
#: Bytes of a reply beyond which only the uids of its items are kept.
LONGEST_REPLY = 64_000


class AnswerRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record about a request.

    Attributes
    ----------
    request
        A hash of the method and its parameters.
    reply
        The reply as JSON text; None if the request has begun and its end is unknown.
    forgotten
        Whether the request was refused and changed nothing, so that its id may be used again.
    """

    id: str
    request: str
    time: float
    reply: str | None = None
    forgotten: bool = False


class AnswerEdit:
    """An edit that stores a record about a request."""

    record: UndoRecord | None = None
    events: Sequence[Event] = ()

    def __init__(self, data: bytes, undo: Callable[[], None] = lambda: None) -> None:
        self.changes: Sequence[Change] = [AddAnswer(data)]
        self.undo = undo


class OpenRequest:
    """A request with an id, while it is carried out.

    Attributes
    ----------
    reply
        The reply as JSON text; None until it is submitted to the store.
    begun
        Whether a record without a reply was submitted to the store.
    changed
        Whether the request has changed anything in the store.
    """

    def __init__(self, request_id: str, digest: str, now: Callable[[], float]) -> None:
        self.id = request_id
        self.digest = digest
        self.reply: bytes | None = None
        self.begun = False
        self.changed = False
        #: The bytes that the client gets.
        self.frame: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._now = now

    def begin(self) -> AnswerEdit:
        """Return the edit that records the beginning of the request."""
        self.begun = True
        return AnswerEdit(self._record())

    def answer(self, reply: Mapping[str, Any]) -> AnswerEdit:
        """Return the edit that records the reply. A large reply is recorded with the uids of its items only."""
        self.reply = encode({"success": True, "msg": "", **reply})
        short = self.reply if len(self.reply) <= LONGEST_REPLY else encode(with_uids_only(decode(self.reply)))
        return AnswerEdit(self._record(reply=short.decode()), self._not_stored)

    def forget(self) -> AnswerEdit:
        """Return the edit that records that the request was refused and changed nothing."""
        return AnswerEdit(self._record(forgotten=True))

    def _not_stored(self) -> None:
        self.reply = None

    def _record(self, **more: Any) -> bytes:
        return msgspec.json.encode(AnswerRecord(self.id, self.digest, self._now(), **more))


#: The request with an id that the current task carries out.
open_request: ContextVar[OpenRequest | None] = ContextVar("open_request", default=None)


class _Entry(msgspec.Struct, frozen=True):
    record: AnswerRecord
    size: int
    is_stored: bool


class AnswerBook:
    """The answers of the last 24 hours, and the requests that are being carried out.

    Parameters
    ----------
    stored
        Records from the store, oldest first.
    now
        Epoch seconds.
    """

    def __init__(self, stored: Iterable[bytes] = (), now: Callable[[], float] = time.time) -> None:
        self._now = now
        texts = list(stored)
        self._entries: deque[_Entry] = deque()
        self._latest: dict[str, AnswerRecord] = {}
        self._size = 0
        self._open: dict[str, OpenRequest] = {}
        for text in texts:
            if (record := _readable(text)) is not None:
                self._add(record, len(text))
        #: Whether the store has useless records, which the next change drops.
        self._is_clean = len(self._entries) == len(texts)
        #: The number of entries that the current commit drops.
        self._dropping = 0
        if not self._is_clean:
            logger.warning("Ignored %d stored answers that are damaged", len(texts) - len(self._entries))

    def find(self, request_id: str, digest: str) -> bytes | asyncio.Future[bytes] | None:
        """The reply to the request with this id: JSON text, or the frame of a request that was still running.

        Raises
        ------
        RequestIdReused
            The id belongs to another request.
        OutcomeUnknown
            The manager was replaced while it carried out the request.
        """
        if (running := self._open.get(request_id)) is not None:
            _check_same(running.digest, digest, request_id)
            return running.frame
        record = self._latest.get(request_id)
        if record is None or record.forgotten or record.time < self._now() - KEPT:
            return None
        _check_same(record.request, digest, request_id)
        if record.reply is None:
            raise OutcomeUnknown(
                "The manager was restarted while it carried out this request, and the outcome is unknown. "
                "Look at the status, and use a new request_id to try again"
            )
        return record.reply.encode()

    def open(self, request_id: str, digest: str) -> OpenRequest:
        """Begin a request. Call `close` at its end."""
        request = self._open[request_id] = OpenRequest(request_id, digest, self._now)
        return request

    def close(self, request: OpenRequest) -> None:
        """End a request: from now on the stored answer is used."""
        del self._open[request.id]

    def changes(self, added: Sequence[AddAnswer]) -> list[Change]:
        """The changes that drop old and surplus records when these are added."""
        if not added:
            return []
        if not self._is_clean:
            kept = [AddAnswer(msgspec.json.encode(each.record)) for each in self._entries]
            return [TrimAnswers(0), *kept, *added]
        self._dropping = self._expired(added)
        stored = sum(each.is_stored for each in list(self._entries)[self._dropping :])
        return [TrimAnswers(stored + len(added))] if self._dropping else []

    def made(self, added: Sequence[AddAnswer]) -> None:
        """Keep the records from the last `changes`, which are durable now."""
        if not added:
            return
        self._is_clean = True
        self._drop(self._dropping)
        self._dropping = 0
        for each in added:
            self._add(msgspec.json.decode(each.data, type=AnswerRecord), len(each.data))

    def keep_unstored(self, edit: AnswerEdit) -> None:
        """Keep a record that could not be stored, for as long as this manager runs."""
        for change in edit.changes:
            if isinstance(change, AddAnswer):
                self._add(msgspec.json.decode(change.data, type=AnswerRecord), len(change.data), is_stored=False)

    def _add(self, record: AnswerRecord, size: int, *, is_stored: bool = True) -> None:
        self._entries.append(_Entry(record, size, is_stored))
        self._size += size
        self._latest[record.id] = record

    def _drop(self, count: int) -> None:
        for _ in range(count):
            entry = self._entries.popleft()
            self._size -= entry.size
            if self._latest.get(entry.record.id) is entry.record:
                del self._latest[entry.record.id]

    def _expired(self, added: Sequence[AddAnswer]) -> int:
        """The number of kept entries to drop when these are added."""
        now, size = self._now(), self._size + sum(len(each.data) for each in added)
        if not self._entries or (
            len(self._latest) <= MOST + _SLACK
            and size <= LARGEST
            and self._entries[0].record.time >= now - KEPT - _SLACK_TIME
        ):
            return 0
        ids, dropped = len(self._latest), 0
        for entry in self._entries:
            if ids <= MOST and size <= LARGEST and entry.record.time >= now - KEPT:
                break
            ids -= self._latest.get(entry.record.id) is entry.record
            size -= entry.size
            dropped += 1
        return dropped


def digest_of(method: Method[..., Any], params: Mapping[str, Any]) -> str:
    """A hash of a request, equal for the same method and parameters.

    It does not include the lock key, except in requests about the lock: a repeated request may have a key that the
    first one did not need.
    """
    left_out = {"request_id", "lock_key"} if method.lock is not Lock.NONE else {"request_id"}
    content = [method.name, {name: value for name, value in params.items() if name not in left_out}]
    try:
        text = msgspec.json.encode(content, order="sorted")
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError, TypeError):
        # some values can only be written by Python's json
        text = json.dumps(content, sort_keys=True, default=repr).encode()
    return hashlib.sha256(text).hexdigest()


def checked_id(params: Mapping[str, Any]) -> str | None:
    """The id of a request, or None.

    Raises
    ------
    BadParams
        It is not text, or too long.
    """
    request_id = params.get("request_id")
    if request_id is None:
        return None
    if not isinstance(request_id, str) or not 0 < len(request_id) <= LONGEST_REQUEST_ID:
        raise BadParams(
            f"A request id must be text of 1 to {LONGEST_REQUEST_ID} characters: request_id={shortened(request_id)}"
        )
    return request_id


def with_uids_only(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return a large reply without the content of its items."""
    short: dict[str, Any] = {}
    for key, value in reply.items():
        match value:
            case {"item_uid": uid}:
                short[key] = {"item_uid": uid}
            case [{"item_uid": _}, *_]:
                short[key] = [{"item_uid": item["item_uid"]} for item in value]
            case [{"success": _}, *_]:
                short[key] = [{"success": each["success"], "msg": each.get("msg", "")} for each in value]
            case bool() | int() | float() | None:
                short[key] = value
            case str() if len(value) <= LONGEST_REPLY:
                short[key] = value
    return {**short, "uids_only": True}


def _check_same(known: str, digest: str, request_id: str) -> None:
    if known != digest:
        raise RequestIdReused(
            f"The request_id {shortened(request_id)} was used for another request. Use a new one for each request"
        )


def _readable(text: bytes) -> AnswerRecord | None:
    try:
        return msgspec.json.decode(text, type=AnswerRecord)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def is_about_its_id(error: QSError) -> bool:
    """Return whether a request was refused because of its id rather than its content."""
    return isinstance(error, RequestIdReused | OutcomeUnknown)
