"""The interface between a client and its transport: requests with replies, and a feed of messages.

`over_zmq`, `over_http` and their asyncio counterparts implement it. Methods, waits and monitors know only this
protocol.
"""

from typing import Any, NamedTuple, Protocol, Self

from bluesky_qs.api.method import METHODS
from bluesky_qs.client.codec import decode_response
from bluesky_qs.errors import QSError
from bluesky_qs.wire.codec import Encoding


class Request(NamedTuple):
    """A request to the service."""

    method: str
    params: dict[str, Any]


def takes(request: Request) -> float:
    """The additional seconds that the service may take for this request."""
    method = METHODS.get(request.method)
    return 0.0 if method is None else method.takes(request.params)


class EncodedReply(NamedTuple):
    """The reply to a request, as bytes."""

    frame: bytes
    encoding: Encoding

    def values(self) -> dict[str, Any]:
        """The reply as a new dictionary, so that a caller may change it.

        Raises
        ------
        ConfigError
            The reply is not in the client's encoding.
        """
        return decode_response(self.frame, self.encoding)


#: The topic of a message without payload. It means that the connection was lost and restored, and that messages may be
#: missing.
RESUMED = b"resumed"


class Message(NamedTuple):
    """A published message; `bluesky_qs.wire.info` lists topics and payloads.

    A feed over HTTP also has messages with the topic `RESUMED`.
    """

    topic: bytes
    payload: Any


class Closing:
    """A base class for objects that are closed at the end of a ``with`` statement."""

    def close(self) -> None:
        """Close everything that is open."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Feed(Protocol):
    """Messages of the topics that were subscribed to."""

    @property
    def refusal(self) -> QSError | None:
        """The reason why the server refuses the messages to this user; None if it does not."""
        ...

    def next(self, timeout: float) -> Message | None:
        """Return the next message, or None if none arrives within ``timeout`` seconds."""
        ...

    def close(self) -> None:
        """End the subscription."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class Transport(Protocol):
    """How a blocking client reaches the service. Several threads may share one transport."""

    def exchange(self, request: Request) -> EncodedReply:
        """Send a request and return the reply.

        Raises
        ------
        BadParams
            A parameter cannot be encoded.
        RequestTimeoutError
            The service did not reply in time.
        ClientClosedError
            Another thread closed the client.
        """
        ...

    def subscribe(self, *topics: bytes) -> Feed:
        """Subscribe to topics of the info channel.

        Raises
        ------
        ConfigError
            The address is not valid.
        """
        ...

    def close(self) -> None:
        """Close all connections. The next request opens them again."""
        ...


class AsyncFeed(Protocol):
    """`Feed` for an asyncio client."""

    @property
    def refusal(self) -> QSError | None:
        """The reason why the server refuses the messages to this user; None if it does not."""
        ...

    async def next(self, timeout: float) -> Message | None:  # noqa: ASYNC109 - None instead of an error
        """Return the next message, or None if none arrives within ``timeout`` seconds."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...


class AsyncTransport(Protocol):
    """`Transport` for an asyncio client."""

    async def exchange(self, request: Request) -> EncodedReply:
        """Send a request and return the reply; raises the same errors."""
        ...

    def subscribe(self, *topics: bytes) -> AsyncFeed:
        """Subscribe to topics of the info channel, in the running loop."""
        ...

    async def aclose(self) -> None:
        """Close all connections. The next request opens them again."""
        ...
