"""Many connections at the same time, and as many as the system permits."""

import asyncio
import contextlib
import resource
import socket
import subprocess
import sys

import pytest

from bluesky_qs.door.serve import raise_file_limit

IDLE, SLOW = 1000, 50
_LINES, _LONG, _SMALL = 250, 60_000, 1024
_PROGRAM = """
import logging, resource
from bluesky_qs.door.serve import raise_file_limit
logging.basicConfig(format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, (100, HARD))
raise_file_limit()
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.fixture
def many_files():
    """Lets this process have two ends of each connection."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_file_limit()
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2 * (IDLE + SLOW) + 200:
        pytest.skip("this user may not have so many open files")
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_idle_connections_and_readers_that_read_nothing_keep_nobody_waiting(door, manager, many_files):
    host, port = door.url.removeprefix("http://").split(":")
    request = f"GET /api/stream_console_output HTTP/1.1\r\nHost: x\r\nAuthorization: ApiKey {door.key}\r\n\r\n"
    async with contextlib.AsyncExitStack() as stack:
        for number in range(IDLE + SLOW):
            connection = socket.create_connection((host, int(port)))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
            reader, writer = await asyncio.open_connection(sock=connection, limit=_SMALL)
            stack.callback(writer.close)
            if number >= IDLE:
                writer.write(request.encode())
                await reader.readuntil(b"\r\n\r\n")
        await manager.until(lambda _: b"QS_Console" in manager.subscribed)

        for number in range(_LINES):
            manager.say(f"{number} {'x' * _LONG}\n")
            assert (await door.get("/status"))["manager_state"] == "idle"
        while not (await door.get("/console_output", params={"nlines": 1}))["text"].startswith(f"{_LINES - 1} "):
            pass

        feed = door.door.default.feed
        assert len(feed.console.channel.outlets) == SLOW
        assert feed.dropped()["console_output"] > 0  # what nobody takes is not kept without a limit


def _limited(hard):
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM.replace("HARD", str(hard))], capture_output=True, text=True, check=True
    )
    return ran.stdout.strip(), ran.stderr


def test_the_soft_limit_of_open_files_is_raised_to_the_hard_one():
    assert _limited(4000) == ("(4000, 4000)", "")


def test_a_low_limit_of_open_files_is_logged_with_the_number_of_connections():
    limits, logged = _limited(300)
    assert limits == "(300, 300)"
    assert logged == "The open-file limit (ulimit -n) allows only about 250 connections to the HTTP door\n"
