"""What one reader gets, also when it is slow."""

import asyncio
import json

import pytest

from bluesky_qs.door.streams.frame import Frame, heartbeat
from bluesky_qs.door.streams.outlet import Channel, QueueOutlet, StreamEnd, StreamEnded


def frames(*texts):
    return [Frame(text) for text in texts]


async def texts(outlet, count):
    return [(await outlet.next()).text for _ in range(count)]


async def test_all_readers_of_a_channel_get_the_same_object():
    channel = Channel()
    readers = [QueueOutlet(channel, tells=False) for _ in range(3)]

    (frame,) = frames("1")
    channel.put(frame)

    assert [await reader.next() for reader in readers] == [frame] * 3


async def test_a_reader_that_waits_gets_the_message_when_it_comes():
    channel = Channel()
    waiting = asyncio.create_task(QueueOutlet(channel, tells=False).next())
    await asyncio.sleep(0)

    (frame,) = frames("1")
    channel.put(frame)

    assert await waiting is frame


class Connection:
    """A connection that takes messages at once, as long as it is open for them."""

    def __init__(self, outlet):
        self.is_open = True
        self.written = []
        outlet.write = self._write

    def _write(self, ready):
        if self.is_open:
            self.written.append(ready)
        return self.is_open


async def test_a_message_takes_the_short_way_to_a_reader_that_waits_for_it():
    channel = Channel()
    outlet = QueueOutlet(channel, tells=True)
    connection = Connection(outlet)
    first, second, third, fourth = frames("1", "2", "3", "4")

    channel.put(first)  # the reader is still busy
    assert await outlet.next() is first
    waiting = asyncio.create_task(outlet.next())
    await asyncio.sleep(0)
    channel.put(second)
    assert connection.written == [second.ready]
    assert not waiting.done()

    connection.is_open = False
    channel.put(third)
    connection.is_open = True
    channel.put(fourth)  # and does not overtake the third
    assert [await waiting, await outlet.next()] == [third, fourth]
    assert connection.written == [second.ready]


async def test_nothing_is_written_after_the_end_of_a_stream():
    channel = Channel()
    outlet = QueueOutlet(channel, tells=True)
    connection = Connection(outlet)
    waiting = asyncio.create_task(outlet.next())
    await asyncio.sleep(0)

    outlet.end(StreamEnd(4001, "revoked"))
    channel.put(Frame("1"))

    with pytest.raises(StreamEnded):
        await waiting
    assert connection.written == []


async def test_a_slow_reader_loses_the_oldest_messages_and_is_told_how_many():
    channel = Channel()
    outlet = QueueOutlet(channel, tells=True, limit=2)

    for frame in frames("1", "2", "3", "4", "5"):
        channel.put(frame)

    assert [json.loads(text) for text in await texts(outlet, 3)] == [{"type": "dropped", "count": 3}, 4, 5]


async def test_a_slow_reader_of_the_communitys_streams_is_told_nothing():
    channel = Channel()
    outlet = QueueOutlet(channel, tells=False, limit=2)

    for frame in frames("1", "2", "3"):
        channel.put(frame)

    assert await texts(outlet, 2) == ["2", "3"]
    assert outlet.dropped == 1


async def test_large_messages_are_limited_by_their_size():
    channel = Channel()
    outlet = QueueOutlet(channel, tells=False, size=100)

    for frame in frames("a" * 60, "b" * 60, "c" * 600):
        channel.put(frame)

    assert await texts(outlet, 1) == ["c" * 600]
    assert outlet.dropped == 2


async def test_only_the_latest_heartbeat_waits_and_it_pushes_nothing_out():
    channel = Channel()
    outlet = QueueOutlet(channel, tells=True, limit=2)
    for frame in frames("1", "2"):
        channel.put(frame)

    for now in range(100):
        outlet.beat(heartbeat(float(now), 0.5))

    assert [json.loads(text) for text in await texts(outlet, 3)] == [
        1,
        2,
        {"type": "heartbeat", "time": 99.0, "age": 0.5},
    ]
    assert outlet.take() is None


async def test_the_end_of_a_stream_comes_before_what_is_left_of_it():
    channel = Channel()
    outlet = QueueOutlet(channel, tells=False)
    channel.put(Frame("1"))

    outlet.end(StreamEnd(1001, "closing"))
    outlet.end(StreamEnd(4001, "a later reason"))

    with pytest.raises(StreamEnded) as raised:
        await outlet.next()
    assert raised.value.end == StreamEnd(1001, "closing")


async def test_a_reader_that_has_left_gets_nothing_more():
    channel = Channel()
    outlet = QueueOutlet(channel, tells=False)

    outlet.close()
    channel.put(Frame("1"))

    assert outlet.take() is None
    assert not channel.outlets


def test_a_message_is_written_as_server_sent_event_with_number_and_kind():
    assert Frame('{"a": 1}', number=7).server_sent == b'id: 7\ndata: {"a": 1}\n\n'
    assert heartbeat(1.0, None).server_sent.startswith(b"event: heartbeat\ndata: {")
