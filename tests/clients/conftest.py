"""Environments of foreign clients, and the drivers that run in them.

`make clients` installs them below build/clients. A client that is not there, or that this computer cannot run, is
skipped with the reason.
"""

import functools
import json
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_ENVIRONMENTS = _HERE.parents[1] / "build" / "clients"
_QT_LIBRARIES = "libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0"


class Environment:
    """A virtual environment that has a foreign client and not our package."""

    def __init__(self, name):
        self.name = name
        self.python = _ENVIRONMENTS / name / "bin" / "python"

    @property
    def packages(self):
        """The folder with the installed packages."""
        (folder,) = (_ENVIRONMENTS / self.name).glob("lib/python*/site-packages")
        return folder

    def missing(self):
        """Why the client cannot run here, in one line; an empty text if it can."""
        if not (_ENVIRONMENTS / self.name / ".installed").exists():
            log = _ENVIRONMENTS / self.name / "install.log"
            return f"it is not installed ({_last_line(log.read_text()) if log.exists() else 'run make clients'})"
        if self.name in ("queue-monitor", "queueserver-qt"):
            program = "from PyQt5 import QtWidgets; QtWidgets.QApplication([])"
            tried = subprocess.run(
                [self.python, "-c", program], env=outside(), capture_output=True, text=True, timeout=60, check=False
            )
            if tried.returncode:
                return f"Qt does not start: {_last_line(tried.stderr)} (on Debian: apt-get install {_QT_LIBRARIES})"
        return ""

    def run(self, driver, *args, service, timeout=240):
        """Run a driver to its end; what it printed last is its report."""
        ran = subprocess.run(
            [self.python, "-X", "faulthandler", _HERE / "drivers" / f"{driver}.py", *map(str, args)],
            env=outside() | {"HOME": str(service.home)},
            cwd=service.home,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert ran.returncode == 0, f"{ran.stdout}{ran.stderr}\n------ the service says:\n{service.output()[-3000:]}"
        return json.loads(_last_line(ran.stdout))


def outside():
    """The environment variables of a program that is not ours; Qt draws into memory."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "QSERVER", "QT_"))}
    return others | {"QT_QPA_PLATFORM": "offscreen", "QT_API": "pyqt5"}


def _last_line(text):
    return (text.strip().splitlines() or [""])[-1]


@functools.cache
def _environment(name):
    environment = Environment(name)
    return environment, environment.missing()


@pytest.fixture
def environment():
    """Finds the environment of a client by its name; skips the test if the client cannot run here."""

    def find(name):
        environment, missing = _environment(name)
        if missing:
            pytest.skip(f"{name} was not tried: {missing}")
        return environment

    return find


@pytest.fixture
def new_publishing(new_service):
    """Makes services that publish their console output, with the built-in profile."""

    def new(*args):
        key = {"QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER": "the-emergency-key"}
        return new_service("--zmq-publish-console", "ON", *args, env=key).start()

    return new


#: Who may sign in: a configuration that bluesky-httpserver and our door read.
SITE = """
authentication:
  providers:
    - provider: site
      authenticator: bluesky_httpserver.authenticators:DictionaryAuthenticator
      args:
        users_to_passwords: {{alice: of-alice}}
api_access:
  policy: bluesky_httpserver.authorization:DictionaryAPIAccessControl
  args:
    roles:
      expert: {{scopes_add: [write:manager:stop]}}
    users:
      alice: {{roles: [admin, expert]}}
database:
  uri: sqlite:///{home}/http.sqlite
"""
#: Where bluesky-httpserver listens, and which service is behind it.
SERVER = """
uvicorn:
  host: 127.0.0.1
  port: 0
qserver_zmq_configuration:
  control_address: {control}
  info_address: {info}
"""


class HTTPServer:
    """bluesky-httpserver in front of a service, with the users of a site."""

    def __init__(self, environment, service):
        self.uri = ""
        config = service.home / "http.yml"
        config.write_text((SITE + SERVER).format(home=service.home, control=service.control, info=service.info))
        command = [environment.python.with_name("start-bluesky-httpserver"), "--config_path", config]
        env = outside() | {"HOME": str(service.home), "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            command, env=env, cwd=service.home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ready.wait(60)
        assert self.uri, "".join(self.lines)

    def _read(self):
        for line in self._process.stdout:
            self.lines.append(line)
            if running := re.search(r"Uvicorn running on (\S+)", line):
                self.uri = running[1]
                self._ready.set()
        self._ready.set()

    def close(self):
        self._process.terminate()
        self._process.wait(15)
        self._reader.join(5)
        self._process.stdout.close()


@pytest.fixture
def new_http_server(environment):
    """Starts an HTTP server in front of a service; it ends with the test."""
    started = []

    def new(service):
        started.append(HTTPServer(environment("httpserver"), service))
        return started[-1]

    yield new
    for server in started:
        server.close()


@pytest.fixture
def new_publishing_door(new_service, tmp_path, free_ports):
    """Makes services that publish their console output and have our HTTP door, with the users of a site.

    The address of the door comes with the service.
    """

    def new(*args):
        (port,) = free_ports(1)
        home = tmp_path / f"door-{port}"
        home.mkdir()
        (home / "http.yml").write_text(SITE.format(home=home))
        key = {"QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER": "the-emergency-key"}
        door = ("--http", f"127.0.0.1:{port}", "--http-config", str(home / "http.yml"))
        service = new_service("--zmq-publish-console", "ON", *door, *args, env=key).start()
        return service, f"http://127.0.0.1:{port}"

    return new


@pytest.fixture
def reached(new_publishing, new_http_server, new_publishing_door):
    """Makes services that a client reaches in one of three ways: 0MQ, HTTP through bluesky-httpserver, or our door.

    Over HTTP, the address comes with the service.
    """

    def new(way, *args):
        if way == "our door":
            return new_publishing_door(*args)
        service = new_publishing(*args)
        return (service, new_http_server(service).uri) if way == "HTTP" else (service,)

    return new
