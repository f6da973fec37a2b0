"""Follows the status for an asyncio client: listens to the info channel, and sends requests if no message arrives."""

from typing import Any, Protocol, Self, TypeVar

from bluesky_qs.client.bind import Asks
from bluesky_qs.client.following import Following, Listen, Send, Steps
from bluesky_qs.client.info import ask
from bluesky_qs.client.steps import drive_async
from bluesky_qs.client.transport import AsyncFeed
from bluesky_qs.wire.info import INFO

T = TypeVar("T")


class AsyncSource(Asks, Protocol):
    """The part of an asyncio client that the wait methods need."""

    def subscribe(self, *topics: bytes) -> AsyncFeed:
        """Subscribe to topics of the info channel, in the running loop."""
        ...


class AsyncStatusFeed:
    """The status: received when it is published, and requested if nothing is published."""

    def __init__(self, client: AsyncSource) -> None:
        self._client = client
        self._feed = client.subscribe(INFO)
        self.following = Following()

    async def run(self, steps: Steps[T]) -> T:
        """Run a procedure of `following` or `wait`."""
        return await drive_async(steps, self._perform)

    async def __aenter__(self) -> Self:
        await self._feed.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._feed.__aexit__(*error)

    async def _perform(self, step: Send | Listen) -> Any:
        if isinstance(step, Listen):
            return await self._feed.next(step.timeout)
        return await ask(self._client, step)
