"""What systemd gets to know, at which time."""

import os
import socket

import pytest

from bluesky_qs.supervisor.systemd import EXTEND_PERIOD, Systemd


@pytest.fixture
def heard(tmp_path):
    """A function that returns the messages that have arrived; its ``path`` is the socket's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)

        def messages():
            found = []
            while True:
                try:
                    found.append(listener.recv(4096).decode().split("\n"))
                except BlockingIOError:
                    return found

        messages.path = str(tmp_path / "notify")
        yield messages


@pytest.fixture
def systemd(heard):
    with_watchdog = Systemd(heard.path, 10.0)
    yield with_watchdog
    with_watchdog.close()


def test_ready_is_sent_once_and_the_status_each_time(systemd, heard):
    systemd.ready("Ready")
    systemd.status("The manager\nended")
    systemd.ready("Ready again")
    assert heard() == [["STATUS=Ready", "READY=1"], ["STATUS=The manager ended"], ["STATUS=Ready again"]]


def test_a_sign_of_life_is_due_at_half_of_the_time_limit(systemd, heard):
    assert systemd.act(100.0, answers=True) == 105.0
    assert systemd.act(104.9, answers=True) == 105.0
    assert heard() == [["WATCHDOG=1"]]
    assert systemd.act(105.0, answers=True) == 110.0
    assert heard() == [["WATCHDOG=1"]]


def test_there_is_no_sign_of_life_while_the_manager_does_not_answer(systemd, heard):
    assert systemd.act(100.0, answers=False) is None
    assert heard() == []
    systemd.act(300.0, answers=True)
    assert heard() == [["WATCHDOG=1"]]


def test_a_service_that_stops_asks_for_time_until_it_has_ended(systemd, heard):
    systemd.stopping("Stopping")
    systemd.stopping("Stopping, again")
    systemd.act(100.0, answers=False)
    systemd.act(101.0, answers=False)
    assert systemd.act(100.0 + EXTEND_PERIOD, answers=False) == 100.0 + 2 * EXTEND_PERIOD
    extension = ["EXTEND_TIMEOUT_USEC=20000000"]
    assert heard() == [["STATUS=Stopping", "STOPPING=1"], extension, extension]


def test_the_variables_are_taken_out_of_the_environment(heard):
    environ = {"NOTIFY_SOCKET": heard.path, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}
    systemd = Systemd.of(environ)
    assert environ == {"HOME": "/"}
    assert systemd.act(7.0, answers=True) == 8.5
    systemd.close()


@pytest.mark.parametrize("watchdog", [{"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "x"}, {}])
def test_a_watchdog_of_another_process_gets_no_sign_of_life(heard, watchdog):
    systemd = Systemd.of({"NOTIFY_SOCKET": heard.path, **watchdog})
    assert systemd.act(7.0, answers=True) is None
    systemd.close()
    assert heard() == []


def test_an_abstract_socket_is_reached():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"qs-test-{os.getpid()}"
        listener.bind(f"\0{name}")
        systemd = Systemd(f"@{name}")
        systemd.ready("Ready")
        assert listener.recv(100) == b"STATUS=Ready\nREADY=1"
        systemd.close()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "vsock:2:1234"}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_nothing_fails_if_nobody_listens(environ):
    systemd = Systemd.of(dict(environ))
    systemd.ready("Ready")
    systemd.stopping("Stopping")
    systemd.close()
