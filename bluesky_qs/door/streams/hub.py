"""The streams of a door: a feed for each service, all readers, and a task that runs once a second."""

import asyncio
import logging
from collections.abc import Callable

from bluesky_qs.door.door import Door
from bluesky_qs.door.streams.feed import Feed
from bluesky_qs.door.streams.readers import Readers

log = logging.getLogger(__name__)

#: Seconds between heartbeats.
PERIOD = 1.0
#: Number of heartbeats between checks of the readers' credentials.
LOOKS = 4


class Streams:
    """The streams of a door. The feed of each service is its attribute ``feed``."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._feeds = [Feed(service) for service in door.services.values()]
        self.readers = Readers()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Subscribe to all services. The door is already open."""
        assert self._door.context is not None
        for service, feed in zip(self._door.services.values(), self._feeds, strict=True):
            feed.open(self._door.context)
            service.feed = feed
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def end(self) -> None:
        """End all streams, before the server closes their connections."""
        await self.readers.end_all()

    async def close(self) -> None:
        """End all streams, then the subscriptions."""
        await self.end()
        if self._task is not None:
            self._task.cancel()
            self._task = None
        for feed in self._feeds:
            feed.close()

    async def _run(self) -> None:
        count = 0
        while True:
            await asyncio.sleep(PERIOD)
            count += 1
            for feed in self._feeds:
                _whatever_happens(feed.tick)
            if count % LOOKS == 0:
                _whatever_happens(self._end_revoked)

    def _end_revoked(self) -> None:
        self.readers.end_revoked(self._door.sign_in.holds)


def _whatever_happens(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:  # all streams depend on this task
        log.exception("The heartbeat of the streams failed")
