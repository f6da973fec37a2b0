"""The service's events, for readers who resume by number. There are no gaps or duplicates among the kept events."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from bluesky_qs.door.refusals import HTTPRefusal, ServiceDown
from bluesky_qs.door.streams.frame import Frame, gap
from bluesky_qs.door.streams.numbering import Continuity, Numbering
from bluesky_qs.door.streams.outlet import Outlet

log = logging.getLogger(__name__)

#: Number of events to keep in the door. Older ones are requested from the service.
KEPT = 1000
#: Number of events to request from the service at a time.
PAGE = 500
#: Seconds until the next attempt, if the service does not answer.
RETRY = 1.0

#: Sends a request (name and parameters as JSON text) and returns the reply as JSON text; raises `HTTPRefusal`.
Ask = Callable[[str, bytes], Awaitable[bytes]]


class EventPage(msgspec.Struct):
    """A reply to ``events_get``."""

    events: list[msgspec.Raw] = []
    last: int = 0
    first: int = 1
    success: bool = True
    msg: str = ""


class _Event(msgspec.Struct):
    seq: int
    time: float


class EventLog:
    """The latest events, without gaps between them.

    Parameters
    ----------
    ask
        Sends a request to the service.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._numbering = Numbering()
        self._frames: deque[Frame] = deque(maxlen=KEPT)
        #: Changes when the service starts its numbers again.
        self.generation = 0
        self.outlets: set[EventOutlet] = set()
        #: Called with each new event.
        self.listeners: list[Callable[[bytes], None]] = []

    @property
    def last(self) -> int | None:
        """Number of the latest event; None while it is unknown."""
        return self._numbering.last

    @property
    def first(self) -> int:
        """Number of the oldest event in the log; `last` + 1 if there is none."""
        return (self.last or 0) - len(self._frames) + 1

    def add(self, text: bytes) -> None:
        """Add an event that the service published (JSON text)."""
        event = msgspec.json.decode(text, type=_Event)
        match self._numbering.place(event.seq, event.time):
            case Continuity.REPEATED:
                return
            case Continuity.AFTER_GAP:  # missing events are requested from the service
                self._frames.clear()
            case Continuity.RESTARTED:
                self._frames.clear()
                self.generation += 1
            case Continuity.NEXT:
                pass
        self._frames.append(Frame(text.decode(), number=event.seq))
        self._wake()
        for listener in self.listeners:
            listener(text)

    async def catch_up(self) -> None:
        """Get events from the service that may have been missed.

        Raises
        ------
        HTTPRefusal
            The service cannot be asked.
        """
        known, generation = self.last, self.generation
        page = await self.page(known, 1 if known is None else PAGE)
        if known is not None and page.last < known:
            page = await self.page(None, 1)
        if generation != self.generation or (known is None and self.last is not None):  # an event arrived first
            return
        if known is None:
            self._begin(page)
        elif page.last < known:
            self.generation += 1
            self._begin(page)
        else:
            for event in page.events:
                self.add(bytes(event))
            if self.last is not None and page.last > self.last:
                self._begin(page)
        self._wake()

    async def page(self, since: int | None, limit: int = PAGE) -> EventPage:
        """Return events after a number, from the service.

        Raises
        ------
        HTTPRefusal
            The service cannot be asked.
        """
        params = msgspec.json.encode({"since": since, "limit": limit})
        page = msgspec.json.decode(await self._ask("events_get", params), type=EventPage)
        if not page.success:
            raise ServiceDown(f"The service refused to send its events: {page.msg}")
        return page

    def after(self, number: int) -> Frame | None:
        """The event after this number, if it is in the log."""
        index = number + 1 - self.first
        return self._frames[index] if 0 <= index < len(self._frames) else None

    def _begin(self, page: EventPage) -> None:
        """Continue after the service's latest event.

        It may still arrive, because published messages use another socket.
        """
        self._frames.clear()
        latest = msgspec.json.decode(page.events[-1], type=_Event).time if page.events else 0.0
        self._numbering.begin(page.last, latest)

    def _wake(self) -> None:
        for outlet in self.outlets:
            outlet.wake()


class EventOutlet(Outlet):
    """The events after a number.

    Events that are not in the log are requested from the service, page by page, at the reader's own speed.

    Parameters
    ----------
    after
        The last event that the reader has; None to begin with the next one.
    """

    def __init__(self, log: EventLog, after: int | None) -> None:
        super().__init__()
        self._log = log
        self._generation = log.generation
        self._sent = log.last if after is None else after
        #: Whether the service is known to have had the event `_sent`.
        self._is_checked = after is None
        #: Whether the service's numbers have started again. Then a gap is reported, and all events are sent.
        self._is_lost = False
        self._waiting: deque[Frame] = deque()
        self._fetch: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        log.outlets.add(self)

    def take(self) -> Frame | None:
        if self._generation != self._log.generation:
            self._generation = self._log.generation
            self._waiting.clear()
            self._is_lost = True
        if not self._waiting:
            self._look()
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        self._log.outlets.discard(self)
        self._waiting.clear()
        if self._fetch is not None:
            self._fetch.cancel()
        if self._retry is not None:
            self._retry.cancel()

    def _look(self) -> None:
        """Take the next event from the log; if it is not there, request it from the service."""
        if self._sent is None and self._log.last is not None:
            self._sent = self._log.first - 1
        if not self._is_lost and self._sent is not None and (frame := self._log.after(self._sent)) is not None:
            self._sent += 1
            self._is_checked = True
            self._waiting.append(frame)
        elif self._needs_page() and self._fetch is None and self._retry is None:
            self._fetch = asyncio.get_running_loop().create_task(self._get_page())

    def _needs_page(self) -> bool:
        if self._is_lost or not self._is_checked or self._sent is None:
            return True
        return self._log.last is not None and self._sent < self._log.last

    async def _get_page(self) -> None:
        generation = self._generation
        since = 0 if self._is_lost else self._sent
        try:
            page = await self._log.page(since, 0 if since is None else PAGE)
            if generation == self._log.generation:  # otherwise the page may be older
                self._add(page)
        except (HTTPRefusal, msgspec.MsgspecError) as error:
            log.debug("No events from the service: %s", error)
            self._retry = asyncio.get_running_loop().call_later(RETRY, self._try_again)
        finally:
            self._fetch = None
        self.wake()

    def _try_again(self) -> None:
        self._retry = None
        self.wake()

    def _add(self, page: EventPage) -> None:
        """Add a page of the service's events."""
        if self._sent is None:  # events that the log has received in the meantime must be sent
            self._sent = page.last if self._log.last is None else self._log.first - 1
            return
        if not self._is_lost and self._sent > page.last:  # the service has not used this number yet
            self._is_lost = True
            return
        if self._is_lost or page.first > self._sent + 1:
            self._waiting.append(gap(page.first))
            self._sent = page.first - 1
        self._is_lost = False
        self._is_checked = True
        for event in page.events:
            number = msgspec.json.decode(event, type=_Event).seq
            if number > self._sent:
                self._sent = number
                self._waiting.append(Frame(bytes(event).decode(), number=number))
