"""What tests of the whole service share: a real service on free ports, its state in a temporary directory."""

import asyncio
import contextlib
import gc
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
import zmq

from bluesky_qs.startup.later import put_off_slow_imports
from tests.light_engine import LIGHT_ENGINE
from tests.ports import free_port

pytest_plugins = ["bluesky_qs.testing.pytest_plugin", "tests.system_packages"]

# Compiled code is kept even where the user's shell says otherwise: a service that compiles its modules anew takes up to
# twice the time to start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Where the tests run in the background of a shell, or under nohup, these are ignored, and so they would be by all that
# the tests start.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler)


put_off_slow_imports()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--repeat", type=int, default=1, metavar="N", help="run each test N times (make stress)")


#: Seconds for which anything may take before a test gives it up; never waited for in full when all is well.
PATIENCE = 60.0


def await_end(pids: Iterable[int], timeout: float = PATIENCE) -> None:
    """Wait until these processes have ended. They need not be children of this one."""
    end = time.monotonic() + timeout
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            watch = os.pidfd_open(pid)
            ended, _, _ = select.select([watch], [], [], max(0.0, end - time.monotonic()))
            os.close(watch)
            assert ended, f"process {pid} is still alive after {timeout:g} s"


class Service:
    """A service started as a user would start it, and a bare 0MQ client for it.

    Parameters
    ----------
    home
        Stands for the user's home; the store is in it and outlives a `restart`.
    command
        What to start with these options, in place of our service.
    server_key
        Public key of the service, if its control socket is encrypted.
    encoding
        Of the requests; the service gets its own from an option or the environment.
    """

    def __init__(
        self,
        home: Path,
        *args: str,
        env: dict[str, str] | None = None,
        store: bool = True,
        command: Sequence[str] = (sys.executable, "-m", "bluesky_qs", "start-re-manager"),
        server_key: str | None = None,
        encoding: str = "json",
    ) -> None:
        self.home = home
        self.args = args
        self.command = command
        self.server_key = server_key
        self.encoding = encoding
        self.control = f"tcp://127.0.0.1:{free_port()}"
        self.info = f"tcp://127.0.0.1:{free_port()}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("QSERVER", "IPYTHONDIR"))}
        self.env = clean | {
            "HOME": str(home),
            "QSERVER_ZMQ_CONTROL_ADDRESS": self.control,
            "QSERVER_ZMQ_INFO_ADDRESS": self.info,
            **(env or {}),
        }
        self.store_args = ["--store", str(home / "queue.sqlite3")] if store else []
        self.log = home / "service.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.seen: dict[int, psutil.Process] = {}
        self._context = zmq.Context()

    def start(self) -> "Service":
        self.spawn()
        self.wait(lambda status: status["manager_state"] == "idle", "idle after the start")
        return self

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Start it without waiting for an answer."""
        command = [*self.command, "--zmq-control-addr", self.control, "--zmq-info-addr", self.info]
        command += [*self.store_args, *self.args]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home, env=self.env
            )
        return self.process

    def ask(self, method: str, timeout: float = PATIENCE, **params: Any) -> dict[str, Any]:
        """One request, one answer."""
        request = {"method": method, "params": params}
        if self.encoding == "msgpack":
            return msgspec.msgpack.decode(self.raw(msgspec.msgpack.encode(request), timeout))
        return json.loads(self.raw(json.dumps(request).encode(), timeout))

    def raw(self, frame: bytes, timeout: float = PATIENCE) -> bytes:
        with self._context.socket(zmq.REQ) as requests:
            requests.linger = 0
            if self.server_key is not None:
                requests.curve_publickey, requests.curve_secretkey = zmq.curve_keypair()
                requests.curve_serverkey = self.server_key.encode()
            requests.connect(self.control)
            requests.send(frame)
            if not requests.poll(timeout * 1000):
                raise TimeoutError(f"no answer in {timeout} s; the service says:\n{self.output()[-4000:]}")
            return requests.recv()

    def do(self, method: str, **params: Any) -> dict[str, Any]:
        """A request that must succeed."""
        answer = self.ask(method, **params)
        assert answer["success"], f"{method}: {answer['msg']}"
        return answer

    def add(self, name: str, *args: Any, pos: Any = None, **kwargs: Any) -> dict[str, Any]:
        """Queue a plan; the item comes back."""
        item = {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}
        place = {} if pos is None else {"pos": pos}
        return self.do("queue_item_add", item=item, user="tester", user_group="primary", **place)["item"]

    def wait(self, until: Callable[[dict[str, Any]], bool], what: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """The first status that fits, as it is published or (before the service is up) asked for."""
        end = time.monotonic() + timeout
        with self._context.socket(zmq.SUB) as news:
            news.connect(self.info)
            news.subscribe(b"QS_Info")
            status: dict[str, Any] = {}
            while (left := end - time.monotonic()) > 0:
                if self.process and self.process.poll() is not None:
                    raise RuntimeError(f"the service ended ({self.process.returncode}):\n{self.output()[-4000:]}")
                try:
                    status = self.ask("status", timeout=min(left, 1.0))
                except TimeoutError:
                    continue
                if until(status):
                    self.processes()
                    return status
                news.poll(min(left, 0.1) * 1000)
                while news.poll(0):
                    news.recv_multipart()
        raise TimeoutError(f"{what}: not in {timeout} s; status {status}; the service says:\n{self.output()[-4000:]}")

    def wait_idle(self, timeout: float = PATIENCE) -> dict[str, Any]:
        return self.wait(lambda s: s["manager_state"] == "idle", "idle", timeout)

    def wait_for_background_tasks(self) -> None:
        """Wait until none runs: the line about the end of each is in the console then."""
        self.wait(lambda s: s["worker_background_tasks"] == 0, "the end of the background tasks")

    def open(self) -> None:
        """Open the environment and wait until it is."""
        self.do("environment_open")
        status = self.wait_idle()
        assert status["worker_environment_exists"], self.output()[-4000:]

    def history(self) -> list[dict[str, Any]]:
        return self.do("history_get")["items"]

    def queue(self) -> list[dict[str, Any]]:
        return self.do("queue_get")["items"]

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_shown(self, *texts: str) -> str:
        """All that the service has printed, when these texts are in it: they do not come by the way of the replies."""
        self.wait(lambda _: all(text in self.output() for text in texts), f"{texts} in the output")
        return self.output()

    def processes(self) -> list[psutil.Process]:
        """Those of the service that are alive; all that were ever seen are remembered."""
        if self.process and self.process.poll() is None:
            top = psutil.Process(self.process.pid)
            self.seen.update({p.pid: p for p in [top, *top.children(recursive=True)]})
        return [p for p in self.seen.values() if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def find(self, module: str) -> psutil.Process:
        """The youngest process that runs this module; not its shadow for dry runs, which is a copy of it."""
        commands = {p: p.cmdline() for p in self.processes()}
        by_pid = {p.pid: command for p, command in commands.items()}
        fitting = [p for p, run in commands.items() if module in " ".join(run) and by_pid.get(p.ppid()) != run]
        assert fitting, f"no process runs {module}: {[p.cmdline() for p in self.processes()]}"
        return max(fitting, key=lambda p: p.create_time())

    def kill_everything(self) -> None:
        """What a power cut does to processes."""
        for process in self.processes():
            process.kill()
        if self.process:
            self.process.wait(PATIENCE)
        await_end([process.pid for process in self.processes()])

    def stop(self, sig: int = signal.SIGTERM) -> int:
        """Tell the service to stop; its exit code."""
        assert self.process is not None
        self.processes()
        self.process.send_signal(sig)
        return self.process.wait(PATIENCE)

    def restart(self) -> "Service":
        """A new service on the same store, at the same addresses."""
        return self.start()

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)  # a plan may have longer for its clean-up
        if self.process:
            self.kill_everything()
        self._context.destroy(linger=0)

    def qserver(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """The command line client, as a process of its own."""
        command = [sys.executable, "-m", "bluesky_qs", "qserver", *words]
        return subprocess.run(
            command, env=self.env, cwd=self.home, capture_output=True, text=True, timeout=PATIENCE, check=False
        )


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep the garbage collector away from the thousands of tests and all that they import.

    Each shell of IPython that ends collects garbage, which took most of the time of tests that have one.
    """
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc):
    if metafunc.definition.get_closest_marker("in_both_modes"):
        metafunc.parametrize("worker_mode", list(WORKER_MODES), indirect=True)
    if (times := metafunc.config.getoption("repeat")) > 1:
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(times))


WORKER_MODES = {"plain": (), "kernel": ("--use-ipython-kernel", "ON")}


@pytest.fixture
def worker_mode(request):
    """``plain``, or ``kernel`` for a service whose environment is an IPython kernel (marker ``in_both_modes``)."""
    return getattr(request, "param", "plain")


@pytest.fixture
def new_service(worker_mode):
    """Makes services that end with the test."""
    made: list[Service] = []
    homes: list[Path] = []

    def new(*args: str, **options: Any) -> Service:
        home = Path(tempfile.mkdtemp(prefix="qs-test-"))
        homes.append(home)
        service = Service(home, *WORKER_MODES[worker_mode], *args, **options)
        made.append(service)
        return service

    yield new
    for service in made:
        service.close()
    for home in homes:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def service(new_service):
    """A running service with the built-in profile."""
    return new_service("--warm-worker", "OFF").start()


@pytest.fixture
def free_ports():
    """Chooses ports that nobody has: ``free_ports(5)``."""

    def choose(count: int) -> list[int]:
        return sorted(free_port() for _ in range(count))

    return choose


@pytest.fixture
def wait_ended():
    """Waits until processes have ended, which may be those of others: ``wait_ended(pids)``."""
    return await_end


class Gate:
    """A named pipe, at which code in other processes waits: ``open(path).close()`` returns when the gate is open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._writer: int | None = None

    def open(self) -> None:
        """Let everyone pass who waits, or comes later."""
        self._writer = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)

    def remove(self) -> None:
        if self._writer is not None:
            os.close(self._writer)


@pytest.fixture
def gate(tmp_path):
    """A closed gate for code in other processes."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.remove()


@pytest.fixture
def begin():
    """Starts a coroutine as a task and returns when it has come to its first wait: ``await begin(coroutine)``."""

    async def begin(work: Awaitable[Any]) -> "asyncio.Task[Any]":
        begun = asyncio.Event()

        async def run() -> Any:
            begun.set()
            return await work

        task = asyncio.create_task(run())
        await begun.wait()
        return task

    return begin


@pytest.fixture
def startup_dir(tmp_path):
    """Makes a startup directory with light startup code: a RunEngine and plans of a few messages."""
    folder = tmp_path / "startup"
    folder.mkdir()
    (folder / "00-base.py").write_text(LIGHT_STARTUP)
    (folder / "user_group_permissions.yaml").write_text(PERMISSIONS)
    return folder


LIGHT_STARTUP = f"""{LIGHT_ENGINE}
import os
import time
from bluesky.plan_stubs import checkpoint, close_run, null, open_run, sleep

executed = []
"""
LIGHT_STARTUP += '''


def quick(mark=None):
    """One message; notes that it ran."""
    executed.append(mark)
    yield from null()


def run(n: int = 1):
    """Open and close n runs."""
    for _ in range(n):
        yield from open_run()
        yield from null()
        yield from close_run()


def steps(n: int = 100, delay: float = 0.05, path: str = ""):
    """Checkpoints; writes a line to a file when it comes to its end."""
    for _ in range(n):
        yield from checkpoint()
        yield from sleep(delay)
    if path:
        with open(path, "a") as file:
            file.write("done\\n")


def until(go: str, path: str = ""):
    """Checkpoints until the file ``go`` is there; writes a line to another file when it comes to its end."""
    while not os.path.exists(go):
        yield from checkpoint()
        yield from sleep(0.02)
    if path:
        with open(path, "a") as file:
            file.write("done\\n")


def fails(text: str = "as it should"):
    """Raise an error after one message."""
    yield from null()
    raise ValueError(text)


def what_ran():
    return executed
'''

PERMISSIONS = """
user_groups:
  root:
    allowed_plans: [null]
    allowed_devices: [null]
    allowed_functions: [null]
  primary:
    allowed_plans: [":.*"]
    allowed_devices: [":?.*:depth=5"]
    allowed_functions: [":.*"]
"""
