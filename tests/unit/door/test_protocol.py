"""The bytes of answers on a connection: the head is sent with the first bytes of the body."""

import asyncio

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from bluesky_qs.door.protocol import limited_protocol

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Connection(asyncio.Transport):
    """Keeps what is sent, one entry for each system call."""

    def __init__(self):
        super().__init__()
        self.sent = []
        self.is_open = True

    def write(self, data):
        assert self.is_open
        self.sent.append(bytes(data))

    def writelines(self, parts):
        self.write(b"".join(parts))

    def close(self):
        self.is_open = False


@pytest.fixture
async def pair():
    """A connection, and the transport that answers are written to."""
    config = Config(lambda *_: None, log_config=None)
    protocol = limited_protocol(1000)(config, ServerState(), {}, asyncio.get_running_loop())
    connection = Connection()
    protocol.connection_made(connection)
    return connection, protocol.transport


async def a_turn():
    await asyncio.sleep(0)


async def test_head_and_body_are_sent_at_once(pair):
    connection, transport = pair
    transport.write(HEAD)
    transport.write(b"body")
    await a_turn()
    assert connection.sent == [HEAD + b"body"]


async def test_the_head_of_a_stream_does_not_wait_for_its_body(pair):
    connection, transport = pair
    transport.write(HEAD)
    assert connection.sent == []
    await a_turn()
    assert connection.sent == [HEAD]
    transport.write(b"first")
    transport.write(b"second")
    assert connection.sent == [HEAD, b"first", b"second"]


async def test_a_body_that_looks_like_a_head_is_sent_in_its_place(pair):
    connection, transport = pair
    for part in (HEAD, HEAD, HEAD, b"end"):
        transport.write(part)
    await a_turn()
    assert connection.sent == [HEAD + HEAD, HEAD + b"end"]


async def test_a_head_is_sent_before_the_connection_is_closed(pair):
    connection, transport = pair
    transport.write(HEAD)
    transport.close()
    await a_turn()
    assert connection.sent == [HEAD]
    assert not connection.is_open
