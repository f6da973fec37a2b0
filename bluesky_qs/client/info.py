"""Follows the status for a blocking client: listens to the info channel, and sends requests if no message arrives."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from bluesky_qs.api.method import METHODS
from bluesky_qs.client.bind import Asks
from bluesky_qs.client.failures import RequestTimeoutError
from bluesky_qs.client.following import Following, Listen, OnDocument, Send, StatusDict, Steps
from bluesky_qs.client.steps import drive
from bluesky_qs.client.transport import Closing, Feed
from bluesky_qs.client.wait import item_state as item_state_steps
from bluesky_qs.wire.info import DOCUMENT, INFO

T = TypeVar("T")


class Source(Asks, Protocol):
    """The part of a blocking client that the wait methods need."""

    def subscribe(self, *topics: bytes) -> Feed:
        """Subscribe to topics of the info channel."""
        ...


class StatusFeed(Closing):
    """The status: received when it is published, and requested if nothing is published.

    If the service does not reply, it gets time to restart. See `Following` for ``on_document``.
    """

    def __init__(self, client: Source, on_document: OnDocument | None = None) -> None:
        self._client = client
        self._feed = client.subscribe(INFO, *((DOCUMENT,) if on_document else ()))
        self.following = Following(on_document)

    def next_status(self, timeout: float) -> StatusDict | None:
        """Return a status, which may be the same as before; None if there is none within ``timeout`` seconds.

        Raises
        ------
        RequestTimeoutError
            The service has been unreachable for too long.
        """
        return self.run(self.following.next_status(timeout))

    def recall(self) -> None:
        """Request the documents of the running plan, or of the last one, and pass them to ``on_document``."""
        self.run(self.following.recall())

    def patiently(self, ask: Callable[[], T]) -> T | None:
        """Call a function that sends a request.

        Return None if there is no reply, because the service may be restarting.

        Raises
        ------
        RequestTimeoutError
            The service has been unreachable for too long.
        """
        try:
            reply = ask()
        except RequestTimeoutError:
            if self.following.has_waited_enough():
                raise
            return None
        self.following.note_answer()
        return reply

    def run(self, steps: Steps[T]) -> T:
        """Run a procedure of `following` or `wait`."""
        return drive(steps, self._perform)

    def close(self) -> None:
        """End the subscription."""
        self._feed.close()

    def _perform(self, step: Send | Listen) -> Any:
        return self._feed.next(step.timeout) if isinstance(step, Listen) else ask(self._client, step)


def ask(client: Asks, step: Send) -> Any:
    """Send the request of a step; return the reply, or let it be awaited."""
    return client.ask_cached(METHODS[step.method], step.params, step.uid, reload=False)


def item_state(client: Asks, item_uid: str) -> dict[str, Any]:
    """Return the state of an item as `item_status` describes it; see `wait.item_state`."""

    def perform(step: Send | Listen) -> Any:
        assert isinstance(step, Send), "looking up an item never waits for messages"
        return ask(client, step)

    return drive(item_state_steps(item_uid), perform)
