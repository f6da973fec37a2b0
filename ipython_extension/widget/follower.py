"""Follows the service in a thread: passes on what it publishes, and reports when it was silent."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.client.transport import RESUMED, Feed, Message
from bluesky_qs.errors import QSError

log = logging.getLogger(__name__)

#: Seconds to wait for a message, and seconds between batches of messages, because each batch is sent to the browser.
_LOOK, _PERIOD = 0.1, 0.05
#: Maximum number of messages in a batch.
_MOST = 500
#: Seconds without a message after which messages may have been missed, and after which the address may have changed.
_GAP, _LONG = 2.5, 10.0
#: Seconds until the next attempt after a subscription has failed.
_RETRY = 1.0


class Follower:
    """A thread that follows topics on the info socket until `close`.

    Parameters
    ----------
    take
        Called in the thread with each batch of messages. The first batch after a silence begins with a message of the
        topic `RESUMED`.
    tick
        Called in the thread several times a second.
    """

    def __init__(
        self,
        client: REManagerAPI,
        topics: tuple[bytes, ...],
        take: Callable[[Sequence[Message]], object],
        tick: Callable[[], object] = lambda: None,
    ) -> None:
        self._client = client
        self._topics = topics
        self._take = take
        self._tick = tick
        self._end = threading.Event()
        self._was_silent = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="qs-view")
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._end.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                with self._client.subscribe(*self._topics) as feed:
                    self._read(feed)
            except QSError as error:
                log.debug("The view cannot subscribe: %s", error)
                self._tick()
                self._end.wait(_RETRY)
            self._was_silent = True

    def _read(self, feed: Feed) -> None:
        """Read a subscription until nothing has arrived for a long time."""
        heard = time.monotonic()
        while not self._end.is_set():
            batch = _arrived(feed)
            now = time.monotonic()
            if batch:
                is_late = self._was_silent or now - heard > _GAP
                self._take([Message(RESUMED, None), *batch] if is_late else batch)
                heard, self._was_silent = now, False
            elif now - heard > _LONG:
                return
            self._tick()
            self._end.wait(_PERIOD)


def _arrived(feed: Feed) -> list[Message]:
    batch: list[Message] = []
    message = feed.next(_LOOK)
    while message is not None:
        batch.append(message)
        message = feed.next(0) if len(batch) < _MOST else None
    return batch
