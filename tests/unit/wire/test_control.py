"""Keys and sockets."""

import pytest
import zmq

from bluesky_qs.errors import ConfigError
from bluesky_qs.wire.control import (
    KEY_LENGTH,
    check_key,
    client_socket,
    generate_keys,
    public_key,
    server_socket,
)


def test_public_key_follows_from_the_private_one():
    public, private = generate_keys()
    assert public_key(private) == public
    assert len(public) == len(private) == KEY_LENGTH


@pytest.mark.parametrize("key", ["", "short", "x" * (KEY_LENGTH + 1), "é" * KEY_LENGTH, "~" * KEY_LENGTH])
def test_invalid_key_is_refused_without_being_shown(key):
    with pytest.raises(ConfigError) as caught:
        check_key(key, "private key")
    assert caught.value.message.startswith("The private key is not valid: it ")
    assert not key or key not in caught.value.message


@pytest.fixture
def context():
    with zmq.Context() as context:
        yield context


def exchange(server, client):
    client.send(b"hello")
    assert server.poll(5000)
    server.send_multipart(server.recv_multipart())
    assert client.poll(5000)
    return client.recv()


def test_client_and_server_meet_in_the_clear(context):
    with (
        server_socket(context, "tcp://127.0.0.1:*") as server,
        client_socket(context, server.last_endpoint.decode()) as client,
    ):
        assert exchange(server, client) == b"hello"


def test_client_and_server_meet_encrypted(context):
    public, private = generate_keys()
    with (
        server_socket(context, "tcp://127.0.0.1:*", private_key=private) as server,
        client_socket(context, server.last_endpoint.decode(), server_key=public) as client,
    ):
        assert exchange(server, client) == b"hello"


def test_client_without_the_key_gets_no_answer(context):
    _, private = generate_keys()
    failures = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    with (
        server_socket(context, "tcp://127.0.0.1:*", private_key=private) as server,
        server.get_monitor_socket(failures) as monitor,
        client_socket(context, server.last_endpoint.decode()) as client,
    ):
        client.send(b"hello")
        assert monitor.poll(5000)
        assert not server.poll(0)
        server.disable_monitor()


def test_an_address_in_use_is_an_error(context):
    with server_socket(context, "tcp://127.0.0.1:*") as server:
        address = server.last_endpoint.decode()
        taken = f"Cannot bind to {address}: Address already in use: is another RE Manager"
        with pytest.raises(ConfigError, match=taken):
            server_socket(context, address)


def test_an_address_that_cannot_be_used_is_named(context):
    with pytest.raises(ConfigError, match="Cannot connect to 'nowhere://x': Protocol not supported"):
        client_socket(context, "nowhere://x")
    with pytest.raises(ConfigError, match="An address looks like tcp://localhost:60615"):
        client_socket(context, "tcp://localhost", kind=zmq.SUB)


def test_options_are_set(context):
    with client_socket(context, "tcp://127.0.0.1:1", kind=zmq.SUB, rcvhwm=7) as client:
        assert client.rcvhwm == 7
