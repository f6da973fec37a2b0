"""The latest console output of a service, for readers of the stream and for requests."""

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from bluesky_qs.client.monitor import Screen
from bluesky_qs.door.refusals import ServiceDown
from bluesky_qs.door.streams.events import Ask
from bluesky_qs.door.streams.frame import Frame
from bluesky_qs.door.streams.numbering import Continuity, Numbering
from bluesky_qs.door.streams.outlet import Channel
from bluesky_qs.wire.info import ConsoleMessage

#: Number of messages to keep, the same as in the community's server.
KEPT = 2000
#: Number of characters to keep, the same as in the service itself.
SIZE = 4 * 1024 * 1024
#: Number of messages to request from the service at a time.
PAGE = 1000


class _Page(msgspec.Struct):
    """A reply to ``console_get``."""

    messages: list[ConsoleMessage] = []
    last: int = 0
    success: bool = True
    msg: str = ""


class _Kept(NamedTuple):
    """A kept message, and its uid, which clients send to get later messages. All doors give it the same uid."""

    uid: str
    json: str


class Console:
    """Console messages in the order of their numbers.

    Messages are published, or requested if the service does not publish them. Published messages that did not arrive
    are requested too. Messages from before the door was opened are kept, but not passed on to readers.
    """

    def __init__(self, ask: Ask, now: Callable[[], float] = time.time) -> None:
        self._ask = ask
        self._opened = now()
        self._numbering = Numbering()
        self._kept: deque[_Kept] = deque()
        self._size = 0
        self._held: list[ConsoleMessage] = []
        self._screen: tuple[str, Screen] | None = None
        self.channel = Channel()
        #: Whether the service has published a message. Requests are then not necessary.
        self.is_published = False
        #: Whether a message is missing; `catch_up` gets it.
        self.is_behind = True

    def add(self, message: ConsoleMessage) -> None:
        """Add a message that the service published. It waits for missing messages before it."""
        self.is_published = True
        if self.is_behind or not self._numbering.expected(message.seq):
            self.is_behind = True
            self._held.append(message)
            if len(self._held) > KEPT:
                self.release()
        else:
            self._place(message)

    async def catch_up(self) -> None:
        """Request missing messages from the service, and pass on the messages that wait for them.

        Raises
        ------
        HTTPRefusal
            The service does not answer; then the waiting messages are passed on without them.
        """
        try:
            while not await self._get_page():
                pass
        finally:
            self.release()

    def release(self) -> None:
        """Pass on the messages that wait, even if others are still missing."""
        held, self._held = self._held, []
        self.is_behind = False
        for message in held:
            self._place(message)

    def update(self, last_uid: str) -> dict[str, Any]:
        """The messages after the one with this uid ("ALL": all that are kept), as ``console_output_update`` replies."""
        kept = list(self._kept)
        start = 0 if last_uid == "ALL" else len(kept)
        if last_uid != "ALL":
            start = next((n + 1 for n in reversed(range(len(kept))) if kept[n].uid == last_uid), len(kept))
        messages = [msgspec.Raw(each.json.encode()) for each in kept[start:]]
        return {"success": True, "msg": "", "last_msg_uid": self.uid, "console_output_msgs": messages}

    def text(self, lines: int) -> str:
        """The last lines as a terminal would show them."""
        if self._screen is None or self._screen[0] != self.uid:
            self._screen = (self.uid, Screen(KEPT))
            for each in self._kept:
                self._screen[1].write(json.loads(each.json)["msg"])
        return self._screen[1].text(lines)

    @property
    def uid(self) -> str:
        """The uid of the latest message."""
        return self._kept[-1].uid if self._kept else "0"

    async def _get_page(self) -> bool:
        """Add a page of the service's messages; return whether it was the last page."""
        last = self._numbering.last
        if not last:
            page = await self._page(None)
        else:
            # Include the latest known message: if it is different now, the service was restarted.
            page = await self._page(last - 1)
            first = page.messages[0] if page.messages else None
            if page.last < last or (first and first.seq == last and not self._numbering.has(last, first.time)):
                self._numbering.begin(0)
                page = await self._page(None)
        for message in page.messages:
            self._place(message)
        return self._numbering.last in (last, page.last)

    async def _page(self, since: int | None) -> _Page:
        params = msgspec.json.encode({"since": since, "limit": KEPT if since is None else PAGE})
        page = msgspec.json.decode(await self._ask("console_get", params), type=_Page)
        if not page.success:
            raise ServiceDown(f"The service refused to send its console output: {page.msg}")
        return page

    def _place(self, message: ConsoleMessage) -> None:
        if self._numbering.place(message.seq, message.time) is Continuity.REPEATED:
            return
        frame = Frame(json.dumps({"time": message.time, "msg": message.msg}))
        self._kept.append(_Kept(f"{message.seq}-{message.time:.6f}", frame.text))
        self._size += len(frame.text)
        while len(self._kept) > KEPT or (self._size > SIZE and len(self._kept) > 1):
            self._size -= len(self._kept.popleft().json)
        if message.time >= self._opened:
            self.channel.put(frame)
