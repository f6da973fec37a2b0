"""The info channel as a blocking client uses it: messages as they come, and the status in spite of silence."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import zmq

from bluesky_qs.client.failures import RequestFailedError, RequestTimeoutError
from bluesky_qs.client.settings import INFO_ADDRESS, Settings
from bluesky_qs.errors import ConfigError
from bluesky_qs.wire.codec import DecodeError, Encoding, decode
from bluesky_qs.wire.info import DOCUMENT, INFO, INFO_PERIOD

if TYPE_CHECKING:
    from bluesky_qs.client.sync import REManagerAPI

T = TypeVar("T")
#: Takes a document's message, and whether it was asked for rather than published just now.
OnDocument = Callable[[dict[str, Any], bool], None]

#: Seconds without a message after which the info channel is taken for silent.
SILENCE = 1.5 * INFO_PERIOD
#: Seconds between requests for the status while it is.
POLL = 0.5
#: Events of the running plan that are asked for, and documents that are handed over without a look at anything else.
DOCUMENTS = 1000
#: Seconds without any answer after which the service is taken for gone rather than restarting.
GONE = 15.0


class InfoSocket:
    """A subscription to topics of the info channel."""

    def __init__(self, settings: Settings, *topics: bytes) -> None:
        self._encoding: Encoding = settings.encoding
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = subscribed(self._context, settings, topics)

    def next(self, timeout: float) -> tuple[bytes, Any] | None:
        """The next message, as topic and payload; None if none came in ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) >= 0 and self._socket.poll(int(left * 1000) + 1):
            frames = self._socket.recv_multipart()
            try:
                return frames[0], decode(frames[-1], self._encoding)
            except DecodeError:
                continue  # of another encoding: as good as silent, and then the status is asked for
        return None

    def close(self) -> None:
        """End the subscription."""
        self._socket.close(linger=0)
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class StatusFeed(InfoSocket):
    """The status whenever it is published, and asked for where nothing is.

    A service that does not answer is given time to restart.

    Parameters
    ----------
    on_document
        Called with each document of running plans as published, and True if it was asked for: those that came before
        the subscription stood, and all of them where nothing is published. Some are handed over twice.
    """

    def __init__(self, manager: "REManagerAPI", on_document: OnDocument | None = None) -> None:
        super().__init__(manager.settings, INFO, *((DOCUMENT,) if on_document else ()))
        self._manager = manager
        self._on_document = on_document
        self._is_heard = False
        self._answered = time.monotonic()
        #: When to ask, if nothing is published before.
        self._due = self._answered + SILENCE

    def next_status(self, timeout: float) -> Mapping[str, Any] | None:
        """A status, which may be the same again; None if there is none within ``timeout`` seconds.

        Raises
        ------
        RequestTimeoutError
            The service has not been heard for long.
        """
        patience = max(0.0, self._due - time.monotonic())
        message = self.next(min(timeout, patience))
        if message is not None:
            self._answered = time.monotonic()
            self._due = self._answered + SILENCE
            if not self._is_heard:
                self._is_heard = True
                self.recall()
            return self._heard(message)
        if timeout < patience:
            return None
        status = self.patiently(self._manager.status)
        self.recall()
        self._due = time.monotonic() + POLL
        return status

    def recall(self) -> None:
        """Ask for the documents of the plan that runs or ran last and hand them over."""
        if self._on_document is None:
            return
        try:
            answer = self.patiently(lambda: self._manager.documents_get(limit=DOCUMENTS))
        except RequestFailedError:  # a service that keeps none
            return
        for message in (answer or {}).get("documents") or ():
            self._on_document(message, True)

    def _heard(self, message: tuple[bytes, Any]) -> Mapping[str, Any] | None:
        """The status in a message, or in the first one with a status behind it; documents on the way are handed over.

        A plan that makes them faster than they are looked at must not keep the status back, hence the bound.
        """
        for _ in range(DOCUMENTS):
            topic, payload = message
            if topic != DOCUMENT or self._on_document is None:
                return payload["msg"]["status"]
            self._on_document(payload, False)
            if (following := self.next(0)) is None:
                return None
            message = following
        return None

    def patiently(self, ask: Callable[[], T]) -> T | None:
        """The answer to a question; None if there is none now, because the service may be restarting.

        Raises
        ------
        RequestTimeoutError
            The service has not been heard for long.
        """
        try:
            answer = ask()
        except RequestTimeoutError:
            if time.monotonic() - self._answered > GONE:
                raise
            return None
        self._answered = time.monotonic()
        return answer


def subscribed(context: "zmq.Context[Any]", settings: Settings, topics: tuple[bytes, ...]) -> Any:
    """A SUB socket of these topics; of the context's kind.

    Raises
    ------
    ConfigError
        The address is not one.
    """
    socket = context.socket(zmq.SUB)
    socket.linger = 0
    socket.rcvhwm = 0  # the service bounds what it keeps for us
    for topic in topics:
        socket.subscribe(topic)
    try:
        socket.connect(settings.info_addr)
    except zmq.ZMQError as error:
        socket.close(linger=0)
        context.term()
        raise ConfigError(
            f"Cannot connect to {settings.info_addr!r}: {error}; an address is like {INFO_ADDRESS} or ipc:///path"
        ) from None
    return socket
