"""``qserver-http`` as a process before a manager of the test kit."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from bluesky_qs.testing import Manager

KEY = "k3yOfTheTests"


@pytest.fixture(scope="module")
def manager():
    with Manager() as manager:
        yield manager


@pytest.fixture
def new_door(tmp_path, manager, free_ports):
    """Starts doors that end with the test."""
    started = []

    def start(*args, key=KEY, stdout=None, stdin=None, addresses=True, **env):
        place = ["--zmq-control-addr", manager.control, "--zmq-info-addr", manager.info] if addresses else []
        door = Door(tmp_path, [*place, *args], free_ports(1)[0], key, stdout, stdin, env)
        started.append(door)
        return door

    yield start
    for door in started:
        door.close()


class Door:
    """A running ``qserver-http``. If ``stdin`` is a terminal, it becomes the one of the door."""

    def __init__(self, home, args, port, key, stdout, stdin, env):
        self.port = port
        self.log = home / "door.log"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("QSERVER", "XDG"))}
        keys = {"QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY": key} if key else {}
        session = [] if stdin is None else ["setsid", "--ctty"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*session, sys.executable, "-m", "bluesky_qs", "qserver-http", "--port", str(port), *args],
                stdin=stdin or subprocess.DEVNULL,
                stdout=stdout or log,
                stderr=log,
                env={**clean, "HOME": str(home), **keys, **env},
                cwd=home,
            )

    def client(self, scheme="http", key=KEY, **options):
        """A client that has waited until the door answers."""
        with contextlib.closing(self._connected()):
            pass
        headers = {"Authorization": f"ApiKey {key}"} if key else {}
        url = f"{scheme}://127.0.0.1:{self.port}"
        return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60, **options)

    def _connected(self):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                return socket.create_connection(("127.0.0.1", self.port), timeout=60)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
                pytest.fail(f"the door ended: {self.printed()}")

    def printed(self):
        return self.log.read_text()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(60)

    def hang_up(self, answer):
        """Send SIGHUP and wait until the log has the answer once more."""
        before = self.printed().count(answer)
        self.process.send_signal(signal.SIGHUP)
        while self.printed().count(answer) == before:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)
                pytest.fail(f"the door ended: {self.printed()}")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
