"""The command that shows the console output: addresses that nobody can ever connect to."""

import socket
import sys

import pytest

from bluesky_qs.cli import console_monitor


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tcp://:60625", "'tcp://:60625' has no host: it should look like tcp://localhost:60615"),
        ("tcp://localhost:abc", "has an invalid port"),
        ("http://localhost:60625", "Cannot connect to"),
        ("nowhere:60625", 'Unknown host "nowhere" in tcp://nowhere:60625 (no such name)'),
    ],
)
def test_a_malformed_address_or_an_unknown_host_ends_the_command(monkeypatch, capsys, address, message):
    def resolve(host, *_):
        if host == "nowhere":
            raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(sys, "argv", ["qserver-console-monitor", "--zmq-info-addr", address])
    assert console_monitor.main() == 1
    assert message in capsys.readouterr().err
