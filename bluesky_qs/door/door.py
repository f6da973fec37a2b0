"""The door as an object: the services behind it, who may use it, and its settings."""

import asyncio
from collections.abc import Callable
from typing import Any

import zmq

from bluesky_qs.door.caller import SignIn
from bluesky_qs.door.service import Service
from bluesky_qs.door.settings import DoorSettings
from bluesky_qs.door.sheet_reader import SheetReader

#: Called after each response with the route, the status and the seconds.
Observer = Callable[[str, int, float], None]


class Door:
    """The data for the routes.

    Attributes
    ----------
    services
        By name, in the order of the settings.
    sign_in
        Decides who may use the door. sheets Reads uploaded spreadsheets.
    observers
        Called after each response, for example to count it in the metrics.
    closing
        Set when the door is about to close. Streams then end.
    """

    def __init__(self, settings: DoorSettings, sign_in: Callable[["Door"], SignIn]) -> None:
        self.settings = settings
        self.services = {each.name: Service(each) for each in settings.services}
        self.default = self.services[settings.services[0].name]
        self.observers: list[Observer] = []
        self.metrics: Any = None
        self.streams: Any = None
        self.sheets = SheetReader()
        self.closing = asyncio.Event()
        self.context: zmq.Context[Any] | None = None
        self.sign_in: SignIn = sign_in(self)

    async def open(self) -> None:
        """Connect to the services, even if they are not running yet."""
        self.context = zmq.Context()
        for service in self.services.values():
            await service.open(self.context)
        await self.sign_in.open()

    async def close(self) -> None:
        """Tell the streams to end, then close all connections."""
        self.closing.set()
        await self.sign_in.close()
        for service in self.services.values():
            await service.close()
        context, self.context = self.context, None
        if context is not None:
            context.destroy(linger=0)
