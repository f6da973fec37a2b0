"""``qserver-http`` as a process before a manager of the test kit, and nginx before it."""

import contextlib
import functools
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import bluesky_qs
from bluesky_qs.testing import Manager
from tests.system_packages import program

KEY = "k3yOfTheTests"
_PAGE = Path(bluesky_qs.__file__).parents[1] / "docs" / "http-door.md"


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


@pytest.fixture
def nginx(tmp_path):
    """Starts nginx with some text in its section ``http``."""
    started = []

    def start(text):
        file = tmp_path / "nginx.conf"
        temporary = "".join(
            f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        file.write_text(
            f"daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{}}\n"
            f"http {{ access_log off; {temporary}\n{text}\n}}\n"
        )
        command = [program("nginx"), "-c", str(file), "-p", str(tmp_path)]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))

    yield start
    for process in started:
        process.terminate()
        process.wait(60)


@pytest.fixture
def nginx_page(tmp_path):
    """Returns the configuration of nginx in the documentation, with paths and ports of a test."""
    return functools.partial(_configuration, tmp_path)


def _configuration(tmp_path, certificate, *, port, door):
    (text,) = re.findall(r"```nginx\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    changes = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/nginx/beamline.pem": certificate[0],
        "/etc/nginx/beamline.key": certificate[1],
        "/var/log/nginx/beamline.log": f"{tmp_path}/access.log",
        "proxy_pass http://127.0.0.1:60610/;": door,
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text
