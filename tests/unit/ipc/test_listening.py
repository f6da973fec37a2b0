"""The listening socket of the HTTP door."""

import socket

import pytest

from bluesky_qs.errors import AddressInUse, ConfigError
from bluesky_qs.ipc.listening import listen, only_here, url


def test_a_browser_on_this_computer_can_open_the_url():
    with listen("127.0.0.1:0", "--http") as listening:
        port = listening.getsockname()[1]
        assert url(listening, tls=False) == f"http://127.0.0.1:{port}"
        assert url(listening, tls=True) == f"https://127.0.0.1:{port}"
        with socket.create_connection(("127.0.0.1", port), timeout=60):
            assert listening.accept()[0].close() is None
        assert only_here(listening)


def test_every_interface_is_not_only_this_computer():
    with listen("*:0", "--http") as listening:
        assert not only_here(listening)
        assert url(listening, tls=False) == f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_address_in_use_is_a_sentence_with_the_option():
    with listen("127.0.0.1:0", "--http") as listening:
        address = f"localhost:{listening.getsockname()[1]}"
        with pytest.raises(AddressInUse) as caught:
            listen(address, "ADDR")
    assert caught.value.message == (
        f"Cannot listen at {address}: Address already in use: is another HTTP server running? "
        "(ADDR chooses another address)"
    )


def test_address_of_another_computer_is_a_sentence_with_the_option():
    with pytest.raises(ConfigError, match=r"^Cannot listen at 192\.0\.2\.1:0: .+ \(--http chooses another address\)$"):
        listen("192.0.2.1:0", "--http")
