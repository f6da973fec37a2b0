"""Websockets of a door, as clients open them."""

import contextlib
import json

import pytest
import websockets


class Socket:
    """A websocket whose messages are JSON."""

    def __init__(self, connection):
        self.connection = connection

    async def next(self):
        """The next message that is not a heartbeat."""
        while (message := json.loads(await self.connection.recv())).get("type") == "heartbeat":
            pass
        return message

    async def several(self, count):
        return [await self.next() for _ in range(count)]

    async def closed(self):
        """Wait for the end; return code and reason."""
        await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason

    async def send(self, message):
        await self.connection.send(json.dumps(message))


@pytest.fixture
async def listen(door):
    """Opens websockets with the key of the door; they are closed at the end: ``await listen("/events/ws")``."""
    async with contextlib.AsyncExitStack() as stack:

        async def opened(path, headers=None, **options):
            if headers is None:
                headers = {"Authorization": door.http.headers["authorization"]}
            url = door.url.replace("http", "ws", 1) + f"/api{path}"
            connection = websockets.connect(url, additional_headers=headers, max_queue=None, proxy=None, **options)
            return Socket(await stack.enter_async_context(connection))

        yield opened
