"""Readings of the devices that a reader watches."""

import asyncio
import json
import logging
import time
from typing import Any

from bluesky_qs.door.refusals import HTTPRefusal
from bluesky_qs.door.streams.events import Ask
from bluesky_qs.door.streams.frame import Frame
from bluesky_qs.door.streams.outlet import Outlet
from bluesky_qs.wire.codec import decode, encode

log = logging.getLogger(__name__)

#: Seconds after which a device is read again. Slightly less than the time between two ticks, which is not exact.
MAX_AGE = 0.9


class ReadingsOutlet(Outlet):
    """Reads devices at each tick, as long as there is a reader, and passes on the readings that have changed.

    A slow reader gets the latest reading of each device, and misses only earlier ones.

    Parameters
    ----------
    outlets
        All outlets of this kind. This outlet is in the set until it is closed.
    """

    def __init__(self, ask: Ask, names: tuple[str, ...], user_group: str, outlets: set["ReadingsOutlet"]) -> None:
        super().__init__()
        self._ask = ask
        self._params = encode({"names": names, "user_group": user_group, "max_age": MAX_AGE})
        self._known: dict[str, Any] = {}
        self._changed: dict[str, Any] = {}
        self._error: str | None = None
        self._has_news = False
        self._outlets = outlets
        self._outlets.add(self)
        self._reading: asyncio.Task[None] | None = None
        self.tick()

    def tick(self) -> None:
        """Read the devices, unless the last reading is still in progress."""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read())
            self._reading.add_done_callback(_report)

    def take(self) -> Frame | None:
        if not self._has_news:
            return None
        message = {"time": time.time(), "devices": self._changed, "error": self._error or ""}
        self._changed, self._has_news = {}, False
        return Frame(json.dumps(message))

    def close(self) -> None:
        self._outlets.discard(self)
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        try:
            reply = decode(await self._ask("device_read", self._params))
        except HTTPRefusal as refusal:
            reply = {"success": False, "msg": refusal.detail}
        finally:
            self._reading = None
        if reply["success"]:
            self._compare(reply["devices"])
        else:
            self._fail(reply["msg"])

    def _compare(self, devices: dict[str, Any]) -> None:
        changed = {name: each for name, each in devices.items() if each != self._known.get(name)}
        if changed or self._error != "":
            self._changed |= changed
            self._known = devices
            self._error = ""
            self._announce()

    def _fail(self, reason: str) -> None:
        """Report once why nothing can be read. Afterwards, all readings are sent again."""
        if reason != self._error:
            self._known, self._changed = {}, {}
            self._error = reason
            self._announce()

    def _announce(self) -> None:
        self._has_news = True
        self.wake()


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("Watched devices could not be read", exc_info=error)
