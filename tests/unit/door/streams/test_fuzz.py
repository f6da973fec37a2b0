"""Whatever a client sends, the door goes on, and its log has no unexpected errors."""

import asyncio
import json
import logging
import random
import struct

import pytest

PATHS = ["/console_output/ws", "/status/ws", "/events/ws", "/documents/ws"]


async def exchange(door, *parts):
    """Send bytes over a new connection, one part after the other; return all that comes back until the end."""
    reader, writer = await asyncio.open_connection(*door.url.removeprefix("http://").split(":"))
    received = b""
    try:
        for number, part in enumerate(parts):
            writer.write(part)
            await writer.drain()
            if number == 0 and len(parts) > 1:
                received += await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        while data := await reader.read(65536):
            received += data
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the door has closed the connection, as it may
    finally:
        writer.close()
    return received


def handshake(door, path, *headers, key=True):
    lines = [
        f"GET /api{path} HTTP/1.1".encode(),
        b"Host: " + door.url.removeprefix("http://").encode(),
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Version: 13",
        *([f"Authorization: ApiKey {door.key}".encode()] if key else []),
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def frame(rng):
    """A frame that may be right, wrong, or no frame at all."""
    payload = rng.choice([b"", b'{"type": "auth"}', b"\xff\xfe", rng.randbytes(rng.randrange(300))])
    first = rng.choice([0x81, 0x82, 0x88, 0x89, 0x8A, 0x01, 0x00, 0x80, rng.randrange(256)])
    size = rng.choice([len(payload), rng.randrange(2**16), rng.randrange(2**63)])
    masked = rng.choice([0x80, 0x80, 0x80, 0])
    if size < 126:
        head = bytes([first, masked | size])
    elif size < 2**16:
        head = bytes([first, masked | 126]) + struct.pack("!H", size)
    else:
        head = bytes([first, masked | 127]) + struct.pack("!Q", size)
    whole = head + (rng.randbytes(4) if masked else b"") + payload
    return rng.choice([whole, whole, whole, whole[: rng.randrange(len(whole))], rng.randbytes(50)])


HEADERS = [
    b"Authorization: ApiKey \xff\xfe",
    b"Authorization: Bearer " + b"x" * 5000,
    b"Authorization:",
    b"Origin: http://[",
    b"Origin: \xff",
    b"Cookie: bluesky_httpserver_api_key=\xff; a",
    b"Cookie: bluesky_httpserver_api_key=wrong\r\nOrigin: http://[",
    b"Sec-WebSocket-Key: short",
    b"Sec-WebSocket-Version: 12",
    b"Sec-WebSocket-Protocol: a, \xff, ,b",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99",
    b"Last-Event-ID: \xd9\xa3",
    b"Transfer-Encoding: chunked",
    b"Content-Length: 10",
    b"Host: [",
    b"X: " + b"y" * 70_000,
    b"no header",
]
QUERIES = [
    "?after=%FF",
    "?after=1&after=2",
    "?api_key=%00%FF",
    "?api_key=",
    "?access_token=%F0%9F",
    "?" + "a=b&" * 2000,
]


@pytest.fixture
def is_well(door, listen, caplog):
    """Checks that the door still serves streams, and that nothing has failed."""
    caplog.set_level(logging.WARNING)

    async def check():
        socket = await listen("/info/ws")
        await door.manager.do("queue_mode_set", mode={"loop": True})
        assert "status" in (await socket.next())["msg"]
        assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []

    return check


@pytest.mark.parametrize("seed", range(4))
async def test_frames(door, is_well, seed):
    rng = random.Random(seed)
    for _ in range(40):
        key = rng.random() < 0.7
        frames = b"".join(frame(rng) for _ in range(rng.randrange(1, 6)))
        received = await exchange(door, handshake(door, rng.choice(PATHS), key=key), frames)
        assert received.startswith(b"HTTP/1.1 101")

    await is_well()


async def test_headers(door, is_well):
    for header in HEADERS:
        for path in ("/events/ws", "/events/stream"):
            for key in (True, False):
                received = await exchange(door, handshake(door, path, header, key=key))
                assert received == b"" or received.startswith(b"HTTP/1.1"), header

    await is_well()


async def test_queries(door, is_well):
    for query in QUERIES:
        for path in ("/events/ws", "/events/stream", "/stream_console_output"):
            received = await exchange(door, handshake(door, path + query, key=False))
            assert received == b"" or received.startswith(b"HTTP/1.1"), query

    await is_well()


@pytest.mark.parametrize(
    "first",
    [
        json.dumps({"type": "auth", "api_key": "\ud800"}),
        "[" * 10_000,
        '{"type": "auth", "api_key": 1}',
        "\x00",
        "é" * 20_000,
    ],
    ids=["surrogate", "deep", "number", "null", "long"],
)
async def test_first_messages(listen, is_well, first):
    socket = await listen("/status/ws", {})
    await socket.connection.send(first)

    assert (await socket.closed())[0] == 4001
    await is_well()
