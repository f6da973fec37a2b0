"""The keeper of an HTTP door, without a process."""

import os
import signal
import socket
import time

import pytest

from bluesky_qs.supervisor.door import Doorkeeper


class Child:
    """A process that runs until it is killed."""

    def __init__(self):
        self.signals = []

    def send_signal(self, number):
        self.signals.append(number)

    def poll(self):
        return None

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def wait(self, timeout):
        return None


@pytest.fixture
def keeper():
    child = Child()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        keeper = Doorkeeper(listening, lambda command, files: child, lambda listen, beat: [beat], lambda: None)
        keeper.child = child
        keeper.act(time.monotonic())
        yield keeper
        keeper.end()


def test_a_door_that_starts_reads_its_files_again_when_it_serves(keeper):
    keeper.reload()
    assert keeper.child.signals == []
    for _ in range(2):
        os.write(keeper._beat_writer, b".")
        keeper.heard(time.monotonic())
    assert keeper.child.signals == [signal.SIGHUP]
    keeper.reload()
    assert keeper.child.signals == [signal.SIGHUP, signal.SIGHUP]
