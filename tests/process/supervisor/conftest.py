"""A supervisor in a process of its own, with a fake manager that does what a test tells it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
import psutil
import pytest
import zmq

from bluesky_qs.config.schema import Http, Network, Operation, Settings, Worker

MANAGER = Path(__file__).with_name("fake_manager.py")
DOOR = Path(__file__).with_name("fake_door.py")
WORKER = """
import signal, sys
from bluesky_qs.ipc.child import begin_worker
print("worker at", begin_worker(sys.argv))
while True:
    signal.pause()
"""
RUNNER = """
import sys
import msgspec
from bluesky_qs.config.schema import Settings
from bluesky_qs.errors import StartupError
from bluesky_qs.supervisor import app
manager, worker, door, settings = sys.argv[1:]
try:
    code = app.run(
        msgspec.json.decode(settings, type=Settings),
        manager=lambda rundir: [sys.executable, *eval(manager), rundir],
        worker=lambda address: [sys.executable, "-c", worker, address],
        door=lambda rundir, *fds: [sys.executable, *eval(door), rundir, "--listen", str(fds[0]), "--beat", str(fds[1])],
        door_key="secret-key",
    )
except StartupError as error:
    print(error.message, file=sys.stderr)
    code = 1
sys.exit(code)
"""
TIMEOUT = 60


class Output:
    """What processes write into a pipe, read as it comes."""

    def __init__(self):
        self._reader, self.writer = os.pipe()
        self.content = bytearray()
        self._grew = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while more := os.read(self._reader, 65536):
            with self._grew:
                self.content += more
                self._grew.notify_all()
        os.close(self._reader)

    def wait_for(self, text, times):
        with self._grew:
            came = self._grew.wait_for(lambda: self.content.count(text.encode()) >= times, TIMEOUT)
        assert came, f"{text!r} did not come; the service printed: {self.content.decode(errors='replace')}"

    def wait_for_the_end(self):
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive(), "a process still holds the pipe"


class Service:
    """A running supervisor."""

    def __init__(
        self,
        folder,
        *,
        manager=None,
        worker=WORKER,
        door=None,
        http=None,
        stdout=None,
        info=None,
        publish_console=True,
        show=True,
        warm=False,
        cleanup=1,
    ):
        self.folder = folder
        self.control = f"ipc://{folder}/control"
        self.info = info or f"ipc://{folder}/info"
        settings = Settings(
            network=Network(
                zmq_control_addr=self.control, zmq_info_addr=self.info, zmq_publish_console=publish_console
            ),
            operation=Operation(print_console_output=show, plan_cleanup_timeout=cleanup),
            worker=Worker(warm_worker=warm),
            http=Http(addr=http),
        )
        self.output = Output()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", RUNNER),
                *(repr(manager or [str(MANAGER)]), worker, repr(door or [str(DOOR)]), msgspec.json.encode(settings)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.output.writer if stdout is None else stdout,
            stderr=self.output.writer,
            env={**os.environ, "TMPDIR": str(folder / "tmp"), "QSERVER_ZMQ_PRIVATE_KEY": "secret"},
        )
        os.close(self.output.writer)
        self._sockets = []
        self.context = zmq.Context()

    def ask(self, **request):
        """The answer of the fake manager, whichever of them answers.

        Without a request it tells of itself; that is asked again, because one that ends may take a question with it.
        """
        until = time.monotonic() + TIMEOUT
        while time.monotonic() < until:
            with self.context.socket(zmq.REQ) as control:
                control.linger = 0
                control.connect(self.control)
                control.send(json.dumps(request).encode())
                if control.poll(1000 * (TIMEOUT if request else 1)):
                    return json.loads(control.recv())
        return pytest.fail(f"no answer to {request}; the service printed: {self.printed()}")

    def send(self, **request):
        """Let the fake manager do what it will not answer."""
        control = self.context.socket(zmq.REQ)
        control.connect(self.control)
        control.send(json.dumps(request).encode())
        control.close(linger=5000)

    def command(self, name, *args):
        return self.ask(command=name, args=args)

    def door_port(self):
        """Where the HTTP door listens, from the log."""
        self.wait_printed("HTTP server at")
        return int(self.printed().partition("HTTP server at 'http://127.0.0.1:")[2].partition("'")[0])

    def door(self, request="pid"):
        """The answer of the fake door; None from one that ended before it answered."""
        with socket.create_connection(("127.0.0.1", self.door_port()), timeout=TIMEOUT) as connection:
            connection.sendall(request.encode())
            with contextlib.suppress(ConnectionResetError):
                return connection.recv(65536).decode() or None

    def pids(self):
        """Of all children."""
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def rundirs(self):
        return list((self.folder / "tmp").iterdir())

    def subscribe(self, topic=b"QS_Console"):
        """A subscriber with default limits, after its subscription came in force."""
        subscriber = self.context.socket(zmq.SUB)
        self._sockets.append(subscriber)
        subscriber.connect(self.info)
        subscriber.subscribe(topic)
        for number in range(1000):
            last = f"in force? {number}"
            self.ask(publish=[topic.decode(), last])
            if subscriber.poll(20):
                break
        _skip(subscriber, last)
        if topic == b"QS_Console":  # what was printed before comes out behind it, as the supervisor has just begun
            self.ask(exec=r"os.write(1, b'in force!\n')")
            _skip(subscriber, "in force!")
        return subscriber

    def wait_reported(self, name):
        """Wait until the supervisor has sent a report of this kind to the manager."""
        assert self.ask(reported=name) == name

    def wait_printed(self, text, times=1):
        self.output.wait_for(text, times)

    def wait(self):
        """Wait for the end of the supervisor and of all that holds its output; the exit code."""
        code = self.process.wait(TIMEOUT)
        self.output.wait_for_the_end()
        return code

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait()

    def printed(self):
        """What it wrote into its terminal, which is a pipe."""
        return self.output.content.decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT)
        self.output.wait_for_the_end()
        for subscriber in self._sockets:
            subscriber.close(linger=0)
        self.context.destroy(linger=0)


def _skip(subscriber, text):
    """Take the messages up to the one that contains a text."""
    message = b""
    while text.encode() not in message:
        assert subscriber.poll(1000 * TIMEOUT), f"the subscription does not come into force: no {text!r}"
        message = subscriber.recv_multipart()[1]


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="qs-", dir="/tmp"))
    (path / "tmp").mkdir()
    yield path
    shutil.rmtree(path, ignore_errors=True)  # a service that is just ending removes its own part of it


@pytest.fixture
def start(folder):
    with contextlib.ExitStack() as stack:

        def start_service(**settings):
            service = Service(folder, **settings)
            stack.callback(service.close)
            return service

        yield start_service


@pytest.fixture
def worker_code():
    """Source of the worker that is started unless a test gives another."""
    return WORKER


@pytest.fixture
def gone():
    """Whether none of these processes is alive."""

    def none_lives(pids):
        return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)

    return none_lives
