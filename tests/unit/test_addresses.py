"""Addresses of the service's sockets: written short, for a client, and to be bound."""

import pytest

from bluesky_qs.addresses import (
    bind_address,
    both_addresses,
    check_address,
    client_address,
    expanded,
    http_fault,
    http_place,
    reachable_info_address,
)
from bluesky_qs.errors import ConfigError


@pytest.mark.parametrize(
    ("bound", "found"),
    [
        ("tcp://*:60615", "tcp://localhost:60615"),
        ("tcp://0.0.0.0:60615", "tcp://localhost:60615"),
        ("tcp://[::]:60615", "tcp://localhost:60615"),
        ("tcp://xf01.example.org:1", "tcp://xf01.example.org:1"),
        ("tcp://[::1]:1", "tcp://[::1]:1"),
        ("ipc:///run/qs", "ipc:///run/qs"),
    ],
)
def test_client_finds_what_is_bound_to_every_interface_on_this_host(bound, found):
    assert client_address(bound) == found


@pytest.mark.parametrize("address", ["60615", "localhost:60615", "tcp://*", "tcp://:1", "http://a:1", "ipc://", ""])
def test_what_is_no_address_is_refused_by_name(address):
    with pytest.raises(ConfigError, match=repr(address).replace("*", r"\*")):
        check_address(address)


def test_localhost_is_bound_by_its_number():
    assert bind_address("tcp://localhost:60615") == "tcp://127.0.0.1:60615"


@pytest.mark.parametrize(
    ("address", "both"),
    [
        ("host", ("tcp://host:60615", "tcp://host:60625")),
        ("host:61000", ("tcp://host:61000", "tcp://host:61010")),
        ("tcp://host:61000", ("tcp://host:61000", "tcp://host:61010")),
        ("tcp://host", ("tcp://host:60615", "tcp://host:60625")),
        ("[::1]", ("tcp://[::1]:60615", "tcp://[::1]:60625")),
        ("[::1]:61000", ("tcp://[::1]:61000", "tcp://[::1]:61010")),
        ("ipc:///run/qs", ("ipc:///run/qs", "tcp://localhost:60625")),
    ],
)
def test_an_address_stands_for_two(address, both):
    assert both_addresses(address) == both


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("host", "tcp://host:60625"),
        ("host:61000", "tcp://host:61000"),
        ("[::1]", "tcp://[::1]:60625"),
        ("[::1]:61000", "tcp://[::1]:61000"),
        ("tcp://host:61000", "tcp://host:61000"),
        ("ipc:///run/qs", "ipc:///run/qs"),
    ],
)
def test_a_short_address_is_expanded_with_the_usual_port(text, whole):
    assert expanded(text, 60625) == whole


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("127.0.0.1:60610", ("127.0.0.1", 60610)),
        ("localhost:8080", ("127.0.0.1", 8080)),
        ("8080", ("127.0.0.1", 8080)),
        ("xf01.example.org", ("xf01.example.org", 60610)),
        ("*:8080", ("", 8080)),
        (":8080", ("", 8080)),
        ("0.0.0.0", ("", 60610)),
        ("[::1]:0", ("::1", 0)),
    ],
)
def test_place_of_an_http_door(address, place):
    assert http_place(address) == place


@pytest.mark.parametrize("address", ["http://localhost:60610", "", "a:b:1", "::1", "host:", "host:x", "host:65536"])
def test_what_is_no_address_of_an_http_door_is_refused(address):
    assert http_fault(address).startswith(("is not an address like 127.0.0.1:60610", "has an invalid port"))


@pytest.mark.parametrize(
    ("told", "control", "found"),
    [
        ("tcp://*:7001", "tcp://beamline:7000", "tcp://beamline:7001"),
        ("tcp://127.0.0.1:7001", "tcp://localhost:7000", "tcp://localhost:7001"),
        ("tcp://*:7001", "tcp://[::1]:7000", "tcp://[::1]:7001"),
        ("tcp://*:7001", "ipc:///run/control", "tcp://localhost:7001"),
        ("ipc:///run/info", "ipc:///run/control", "ipc:///run/info"),
        ("ipc:///run/info", "tcp://127.0.0.1:7000", "ipc:///run/info"),
        ("ipc:///run/info", "tcp://beamline:7000", None),
        ("tcp://*:*", "tcp://beamline:7000", None),
        (None, "tcp://beamline:7000", None),
        (7, "tcp://beamline:7000", None),
        ("nonsense", "tcp://beamline:7000", None),
    ],
)
def test_a_client_finds_the_info_socket_on_the_host_of_the_control_socket(told, control, found):
    assert reachable_info_address(told, control) == found
