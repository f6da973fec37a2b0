"""The example in the documentation of the streams works as it is printed."""

import asyncio
import re
from pathlib import Path

import bluesky_qs

PAGE = Path(bluesky_qs.__file__).parents[1] / "docs" / "http-streams.md"


async def test_the_example_follows_events_also_after_a_break(door, manager):
    (example,) = re.findall(r"```python\n(.+?)```", PAGE.read_text(), re.DOTALL)
    names = {}
    exec(example, names)
    events = asyncio.Queue()
    url = door.url.replace("http", "ws", 1)
    following = asyncio.create_task(names["follow"](url, door.key, events.put_nowait))
    readers = door.door.streams.readers

    while not len(readers):
        await door.get("/ping")
    await manager.do("queue_mode_set", mode={"loop": True})
    first = await events.get()
    for connection in list(door.server.server_state.connections):
        connection.transport.abort()
    await readers.are_gone.wait()
    await manager.do("queue_mode_set", mode={"loop": False})
    await manager.do("queue_mode_set", mode={"loop": True})
    manager.clock.advance(1)

    assert [(await events.get())["seq"] for _ in range(2)] == [first["seq"] + 1, first["seq"] + 2]
    following.cancel()
