"""The limits of requests, over 0MQ."""

import json

import pytest
import zmq

from bluesky_qs.api import limits
from bluesky_qs.wire.control import LARGEST_SUBSCRIPTION, server_socket
from tests.limits import WHO, check, each_limit, nested


@each_limit
async def test_a_request_is_refused_beyond_its_limit_and_not_at_it(opened, words, request_of, limit):
    replies = []
    for length in (limit, limit + 1):
        method, params = request_of(length)
        replies.append(await opened.ask(method, **params))
        if replies[-1]["success"] and method == "lock":
            await opened.do("unlock", lock_key=params["lock_key"])
    check(words, limit, *replies)


async def test_a_lock_key_beyond_the_limit_is_not_shown(manager):
    reply = await manager.ask("unlock", lock_key="secret" * 1000)
    assert reply["msg"] == "Parameter 'lock_key' is too long: 6000 characters, at most 1000: ***"


async def test_items_of_a_batch_have_the_limits_of_an_item(manager):
    items = [{"item_type": "plan", "name": "count"}, {"item_type": "plan", "name": "n" * 1001}]
    reply = await manager.ask("queue_item_add_batch", items=items, **WHO)
    assert "Parameter 'items': items[1]['name'] is too long: 1001 characters, at most 1000: 'nnnn" in reply["msg"]


async def test_a_request_is_refused_beyond_the_largest_size_and_not_at_it(manager, monkeypatch):
    frame = json.dumps({"method": "queue_get"}).encode()
    monkeypatch.setattr(limits, "LARGEST_REQUEST", len(frame))
    assert json.loads(await manager.ask_raw(frame))["success"]
    refused = json.loads(await manager.ask_raw(frame + b" "))
    assert refused["msg"] == (
        f"The request is too large: {len(frame) + 1} bytes, at most {len(frame)}. Send it in several parts"
    )
    assert json.loads(await manager.ask_raw(b'{"method": "status"}'))["manager_state"] == "idle"


async def test_what_is_nested_as_deeply_as_msgpack_can_is_refused(manager):
    for levels in (111, 500, 900):
        reply = await manager.ask("queue_item_add", item={"name": "x", "args": nested(levels)}, **WHO)
        assert "is nested too deeply: more than 110 levels" in reply["msg"]


@pytest.fixture
def pair():
    """A server with the limit of the info socket, and a function that connects to it and subscribes to a topic."""
    context = zmq.Context()
    clients = []
    server = server_socket(context, "tcp://127.0.0.1:*", kind=zmq.XPUB, maxmsgsize=LARGEST_SUBSCRIPTION)
    address = server.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()

    def subscribe(topic):
        client = context.socket(zmq.SUB)
        clients.append(client)
        client.connect(address)
        client.subscribe(topic)

    yield server, subscribe
    for socket in (*clients, server):
        socket.close(linger=0)
    context.term()


def test_a_subscription_beyond_the_limit_does_not_arrive(pair):
    server, subscribe = pair
    subscribe(b"x" * LARGEST_SUBSCRIPTION * 2)
    subscribe(b"short")
    assert server.poll(60_000)
    assert server.recv() == b"\x01short"
