"""A whole supervisor below a systemd that the test plays."""

import os
import signal
import socket

import pytest

TIMEOUT = 60


class Heard:
    """The messages of the service, in order."""

    def __init__(self, path):
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(TIMEOUT)
        self.lines = []

    def until(self, line):
        """Receive until a message has this line; return the other lines since the last call."""
        before = []
        while True:
            received = self._socket.recv(4096).decode().split("\n")
            self.lines += received
            if line in received:
                return before
            before += received

    def rest(self):
        """All that has arrived since, after the service has ended."""
        self._socket.setblocking(False)
        lines = []
        try:
            while True:
                lines += self._socket.recv(4096).decode().split("\n")
        except BlockingIOError:
            return lines

    def close(self):
        self._socket.close()


@pytest.fixture
def heard(folder):
    messages = Heard(folder / "notify")
    yield messages
    messages.close()


@pytest.fixture
def watched(start, heard, monkeypatch):
    """A service below a systemd with a watchdog of 0.4 s."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(heard.path))
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    return start


def test_the_service_is_ready_when_the_manager_answers_and_says_when_it_stops(watched, heard):
    service = watched()
    assert "READY=1" not in heard.until("READY=1")
    assert f"STATUS=Ready for requests at {service.control}" in heard.lines
    service.ask()
    assert service.stop() == 0
    heard.until("STOPPING=1")
    assert "STATUS=Stopping (SIGTERM); a running plan cleans up" in heard.lines
    assert "EXTEND_TIMEOUT_USEC=20000000" in heard.rest()


def test_a_service_whose_manager_cannot_start_is_never_ready(watched, heard):
    service = watched(manager=["-c", "import sys; sys.exit('the store is away')"])
    assert service.wait() == 1
    lines = heard.rest()
    assert "READY=1" not in lines
    assert "WATCHDOG=1" not in lines


def test_signs_of_life_end_while_the_manager_is_frozen_and_come_again_with_the_next_one(watched, heard):
    service = watched()
    heard.until("READY=1")
    for _ in range(3):
        heard.until("WATCHDOG=1")
    os.kill(service.ask()["pid"], signal.SIGSTOP)
    heard.until("STATUS=RE Manager process has not responded for 4 s. Restarting")
    assert heard.until(f"STATUS=Ready for requests at {service.control}") == []
    heard.until("WATCHDOG=1")
    assert heard.lines.count("READY=1") == 1


def test_children_do_not_get_the_variables(watched):
    service = watched()
    assert service.ask(exec="result = [os.environ.get(n) for n in ('NOTIFY_SOCKET', 'WATCHDOG_USEC')]") == [None, None]


def test_a_manager_that_ends_by_request_is_an_announced_stop(watched, heard):
    service = watched()
    heard.until("READY=1")
    service.send(exit=0)
    assert service.wait() == 0
    heard.until("STOPPING=1")


def test_without_a_limit_the_service_waits_for_a_plan_until_the_second_signal(watched, heard):
    service = watched(cleanup=0)
    service.ask(obedient=False)
    service.process.send_signal(signal.SIGTERM)
    service.wait_reported("StopRequested")
    for _ in range(2):  # more than STOP_TIMEOUT
        heard.until("EXTEND_TIMEOUT_USEC=20000000")
    service.process.send_signal(signal.SIGTERM)
    service.wait_reported("StopRequested, hurry")
    assert service.wait() == 1
