"""The policy for following the status: listen while the info channel publishes, otherwise send requests. No I/O."""

import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, NamedTuple, TypeVar

from bluesky_qs.client.failures import RequestFailedError, RequestTimeoutError
from bluesky_qs.client.transport import RESUMED, Message
from bluesky_qs.documents import with_numbers
from bluesky_qs.wire.info import DOCUMENT, INFO_PERIOD

T = TypeVar("T")
StatusDict = Mapping[str, Any]
#: Receives the message with a document, and True if it was requested or False if it was just published.
OnDocument = Callable[[dict[str, Any], bool], None]

#: Seconds without a message after which the info channel counts as silent.
SILENCE = 1.5 * INFO_PERIOD
#: Seconds between requests for the status while the channel is silent.
POLL = 0.5
#: Number of documents per request, and number of documents that are delivered before other messages are read.
DOCUMENTS = 1000
#: Seconds without any answer after which the service counts as unreachable instead of restarting.
GONE = 15.0


class Send(NamedTuple):
    """A step: send a request; the outcome is the reply.

    With a ``uid``, the outcome may be the kept reply as long as the status shows the same ``uid``.
    """

    method: str
    params: dict[str, Any]
    uid: str | None = None


class Listen(NamedTuple):
    """A step: wait for the next message, at most ``timeout`` seconds; the outcome is the `Message` or None."""

    timeout: float


#: A procedure that sends requests and listens.
Steps = Generator[Send | Listen, Any, T]


class Following:
    """Follows the status of a service that may be silent or restarting.

    Parameters
    ----------
    on_document
        Called with each document of running plans. Documents from before the subscription are requested, and so are all
        documents if the service publishes none. Therefore, some documents may arrive twice.
    now
        A monotonic clock, in seconds.
    """

    def __init__(self, on_document: OnDocument | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._on_document = on_document
        self._now = now
        self._has_heard = False
        self._answered = now()
        #: Time of the next request, unless something is published earlier.
        self._due = self._answered + SILENCE

    def next_status(self, timeout: float) -> Steps[StatusDict | None]:
        """Return a status, which may be the same as before; None if there is none within ``timeout`` seconds.

        Raises
        ------
        RequestTimeoutError
            The service has been unreachable for too long.
        """
        patience = max(0.0, self._due - self._now())
        message: Message | None = yield Listen(min(timeout, patience))
        if message is not None:
            self.note_answer()
            self._due = self._answered + SILENCE
            if not self._has_heard:
                self._has_heard = True
                yield from self.recall()
            return (yield from self._status_in(message))
        if timeout < patience:
            return None
        status = yield from self.patiently(reply_to(Send("status", {})))
        yield from self.recall()
        self._due = self._now() + POLL
        return status

    def recall(self) -> Steps[None]:
        """Request the documents of the running plan, or of the last one, and pass them to ``on_document``."""
        if self._on_document is None:
            return
        try:
            reply = yield from self.patiently(reply_to(Send("documents_get", {"limit": DOCUMENTS})))
        except RequestFailedError:  # this service keeps no documents
            return
        documents: list[Any] = (reply.get("documents") if reply else None) or []
        for message in documents:
            self._on_document(with_numbers(message), True)

    def patiently(self, steps: Steps[T]) -> Steps[T | None]:
        """Return the result of the steps; None if the service did not answer, because it may be restarting.

        Raises
        ------
        RequestTimeoutError
            The service has been unreachable for too long.
        """
        try:
            result = yield from steps
        except RequestTimeoutError:
            if self.has_waited_enough():
                raise
            return None
        self.note_answer()
        return result

    def note_answer(self) -> None:
        """Record that the service has just replied or published something."""
        self._answered = self._now()

    def has_waited_enough(self) -> bool:
        """Whether the service has been unreachable for too long."""
        return self.silence > GONE

    @property
    def silence(self) -> float:
        """Seconds since the service last replied or published something."""
        return self._now() - self._answered

    def _status_in(self, message: Message) -> Steps[StatusDict | None]:
        """Return the status in this message or in a later one that has arrived; pass on the documents between them.

        A plan may publish documents faster than they are read. The limit keeps them from holding back the status.
        """
        latest: Message | None = message
        for number in range(DOCUMENTS):
            if number:
                latest = yield Listen(0)
            if latest is None:
                return None
            if latest.topic == RESUMED:
                yield from self.recall()
            elif latest.topic == DOCUMENT and self._on_document is not None:
                self._on_document(with_numbers(latest.payload), False)
            elif status := latest.payload["msg"].get("status"):  # the message may be about the RunEngine
                return status
        return None


def reply_to(step: Send) -> Steps[Any]:
    """The reply to one request."""
    return (yield step)
