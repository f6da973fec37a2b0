"""The connection to a service: what happens to requests and replies when it breaks."""

import asyncio
import select

import pytest
import zmq

from bluesky_qs.door.link import ControlLink, Disconnected
from bluesky_qs.door.settings import ServiceSettings


class Service:
    """A control socket that a test reads and closes when it wants, in a context of its own."""

    def __init__(self, address):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.bind(address)

    def request(self):
        assert self.socket.poll(30_000)
        *envelope, frame = self.socket.recv_multipart()
        return envelope, frame

    def reply(self, envelope, frame):
        self.socket.send_multipart([*envelope, frame])

    def end(self):
        """Close the connections after all that was sent has gone out."""
        self.socket.close(linger=30_000)
        self.context.term()


@pytest.fixture
def address(tmp_path):
    return f"ipc://{tmp_path}/control"


@pytest.fixture
async def link(address):
    context = zmq.Context()
    link = ControlLink(context, ServiceSettings(control_addr=address))
    yield link
    link.close()
    context.term()


async def until_up(link):
    changed = asyncio.Event()
    link._changed = changed.set
    async with asyncio.timeout(30):
        while not link.up:
            await changed.wait()
            changed.clear()


async def begun(link, frame):
    """A request that is on its way."""
    exchange = asyncio.create_task(link.exchange(frame, 30))
    await asyncio.sleep(0)
    return exchange


async def test_the_first_connection_can_be_awaited_while_attempts_are_refused(link, address):
    first = asyncio.create_task(link.connected(30, keeps_trying=True))
    assert not await link.connected(30)
    assert not first.done()
    service = Service(address)
    assert await first
    service.end()


async def test_the_last_reply_of_a_service_that_ends_arrives(link, address):
    service = Service(address)
    await until_up(link)
    stop = await begun(link, b"stop")
    # The event loop does not run, so the reply and the loss of the connection both wait for it.
    envelope, frame = service.request()
    service.reply(envelope, b"reply to " + frame)
    service.end()
    lost = link._monitor.getsockopt(zmq.FD)
    assert select.select([lost], [], [], 30)[0]
    assert await stop == b"reply to stop"
    assert not link.up


async def test_a_request_that_was_not_read_is_not_carried_out_by_the_next_service(link, address):
    service = Service(address)
    await until_up(link)
    first = await begun(link, b"first")
    service.request()
    service.end()
    with pytest.raises(Disconnected):
        await first
    with pytest.raises(Disconnected):
        await link.exchange(b"while it is down", 30)
    following = Service(address)
    await until_up(link)
    second = await begun(link, b"second")
    envelope, frame = following.request()
    assert frame == b"second"
    following.reply(envelope, b"done")
    assert await second == b"done"
    following.end()
