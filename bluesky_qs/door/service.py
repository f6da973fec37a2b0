"""One service behind the door. Requests and replies are bytes."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Literal

import zmq

from bluesky_qs.api.method import METHODS
from bluesky_qs.door.link import ControlLink, Disconnected
from bluesky_qs.door.refusals import ServiceDown, ServiceSlow
from bluesky_qs.door.settings import ServiceSettings
from bluesky_qs.wire.codec import DecodeError, decode, encode, json_text, standard_json

#: Seconds for which a request waits for the first connection. The first value is for a manager that starts at the same
#: time (perhaps on a busy machine), and the second is for all others.
_GRACE_BESIDE, _GRACE = 10.0, 1.0

#: Seconds of silence after which the service counts as slow; it publishes its status every second.
_SLOW_AFTER = 3.0

_NAMES = {name: b'{"method":"' + name.encode() + b'","params":' for name in METHODS}


class Service:
    """One service.

    Attributes
    ----------
    feed
        The messages that the service publishes; set by `bluesky_qs.door.streams`.
    status
        The latest known status, or None.
    heard
        Monotonic time of the last message from the service.
    on_change
        Called when the connection is made or lost.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.name = settings.name
        self.feed: Any = None
        self.status: dict[str, Any] | None = None
        self.heard: float | None = None
        self.on_change: list[Callable[[], object]] = []
        self._link: ControlLink | None = None
        self._opened = 0.0
        self._greeting: asyncio.Task[None] | None = None
        #: None until the first status of this connection, because each connection may be to another version of the
        #: service.
        self._extensions: frozenset[str] | None = None
        #: Number of times that the service has been connected.
        self.connections = 0

    async def open(self, context: "zmq.Context[Any]") -> None:
        """Connect to the service, even if it is not running yet."""
        self._opened = time.monotonic()
        self._link = ControlLink(context, self.settings, self._changed)

    async def close(self) -> None:
        """Close the connection. Waiting requests fail with `ServiceDown`."""
        link, self._link = self._link, None
        if link is not None:
            link.close()
        if self._greeting is not None:
            self._greeting.cancel()

    @property
    def reachable(self) -> bool:
        """Whether the service is connected. A frozen service counts as connected."""
        return self._link is not None and self._link.up

    async def connected(self, patience: float) -> bool:
        """Wait until it is known whether the service is connected, at most ``patience`` seconds.

        If the service and the door start together, the door's first attempts may fail.
        """
        link = self._link
        return link is not None and await link.connected(patience, keeps_trying=self.settings.is_beside)

    async def has(self, extension: str) -> bool:
        """Whether the service has this optional parameter, which other versions may not have.

        Raises
        ------
        ServiceSlow, ServiceDown
            The answer is not known yet, and the service does not reply.
        """
        if self._extensions is None:
            status = await self.call("status")
            self.published(status)
        return extension in (self._extensions or ())

    @property
    def presence(self) -> Literal["up", "slow", "down"]:
        """Whether the service is connected and not silent."""
        if not self.reachable:
            return "down"
        return "slow" if self.last_message_age() > _SLOW_AFTER else "up"

    def glance(self) -> dict[str, Any]:
        """The service's name and state: ``down``, ``slow``, or the state of the manager."""
        status = self.status or {}
        presence = self.presence
        return {
            "name": self.name,
            "state": str(status.get("manager_state")) if presence == "up" else presence,
            "items_in_queue": status.get("items_in_queue"),
            "running_item_uid": status.get("running_item_uid"),
            "last_message_age": None if self.heard is None else round(self.last_message_age(), 3),
        }

    def last_message_age(self) -> float:
        """Seconds since the last message from the service; infinity if there was none."""
        return float("inf") if self.heard is None else time.monotonic() - self.heard

    def published(self, status: dict[str, Any] | None = None) -> None:
        """Record that the service has published a status or another message."""
        self.heard = time.monotonic()
        if status is not None:
            self.status = status
            self._extensions = frozenset(status.get("extensions", ()))

    async def ask(
        self,
        method: str,
        params: bytes = b"{}",
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        keeps_nan: bool = False,
    ) -> bytes:
        """Send a request and return the reply. Both are JSON text.

        ``params`` is an object that has been checked. ``timeout`` is in seconds; the default is in the settings. The
        reply has null for NaN and infinities, unless ``keeps_nan`` is true.

        Raises
        ------
        ServiceSlow
            The service did not answer in time.
        ServiceDown
            There is no connection to the service.
        """
        link = self._link
        if link is None or not (link.up or await self._first_connection()):
            raise self._down()
        frame = _NAMES[method] + params + b"}"
        if self.settings.encoding == "msgpack":
            frame = encode(decode(frame), "msgpack")
        seconds = self.settings.timeout if timeout is None else timeout
        try:
            reply = await link.exchange(frame, seconds)
        except TimeoutError:
            doubt = " It may still carry out the request." if METHODS[method].scope.startswith("write:") else ""
            raise ServiceSlow(f"The RE Manager did not answer '{method}' within {seconds:g} s.{doubt}") from None
        except Disconnected:
            raise self._down() from None
        self.heard = time.monotonic()
        if self.settings.encoding == "msgpack":
            reply = _as_json(reply)
        return reply if keeps_nan else standard_json(reply)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one of the door's own requests and return the reply.

        Raises
        ------
        ServiceSlow, ServiceDown
            As for `ask`.
        """
        return decode(await self.ask(method, encode(params)))

    async def _first_connection(self) -> bool:
        grace = _GRACE_BESIDE if self.settings.is_beside else _GRACE
        left = self._opened + grace - time.monotonic()
        return left > 0 and await self.connected(left)

    def _down(self) -> ServiceDown:
        if self.settings.is_beside:
            return ServiceDown("The RE Manager is down. It restarts within seconds, unless the service is stopping")
        return ServiceDown(
            f"The RE Manager at {self.settings.control_addr} is down. If it stays down, "
            "check that start-re-manager is running there, and whether it uses encryption."
        )

    def _changed(self) -> None:
        """Ask the service for its capabilities after each connection."""
        self._extensions = None
        if self.reachable:
            self.connections += 1
            self._greeting = asyncio.get_running_loop().create_task(self._greet())
        for tell in self.on_change:
            tell()

    async def _greet(self) -> None:
        try:
            status = await self.call("status")
        except (ServiceSlow, ServiceDown):
            return  # the door asks again after the next connection, and the status is published anyway
        self.published(status)


def _as_json(reply: bytes) -> bytes:
    try:
        return json_text(decode(reply, "msgpack"))
    except DecodeError:
        raise ServiceDown(
            "The RE Manager's reply is not MessagePack. Check the encoding in the door's settings"
        ) from None
