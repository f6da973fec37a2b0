"""The supervisor with a fake manager: what is restarted, what ends, and that nothing is left."""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import psutil
import pytest
import zmq

from bluesky_qs.config.schema import Network, Operation, Settings, Worker

MANAGER = Path(__file__).with_name("fake_manager.py")
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
manager, worker, settings = sys.argv[1:]
try:
    code = app.run(
        msgspec.json.decode(settings, type=Settings),
        manager=lambda rundir: [sys.executable, *eval(manager), rundir],
        worker=lambda address: [sys.executable, "-c", worker, address],
    )
except StartupError as error:
    print(error.message, file=sys.stderr)
    code = 1
sys.exit(code)
"""
TIMEOUT = 20


class Service:
    """A running supervisor."""

    def __init__(self, folder, *, manager=None, worker=WORKER, stdout=None, **settings):
        self.folder = folder
        self.control = f"ipc://{folder}/control"
        self.info = f"ipc://{folder}/info"
        chosen = Settings(
            network=Network(
                zmq_control_addr=self.control,
                zmq_info_addr=settings.pop("info", self.info),
                zmq_publish_console=settings.pop("publish", True),
            ),
            operation=Operation(print_console_output=settings.pop("show", True)),
            worker=Worker(warm_worker=settings.pop("warm", False)),
        )
        self.output = open(folder / "output", "w+b") if stdout is None else stdout
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER, repr(manager or [str(MANAGER)]), worker, msgspec.json.encode(chosen)],
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT if stdout is None else None,
            env={**os.environ, "TMPDIR": str(folder / "tmp"), "QSERVER_ZMQ_PRIVATE_KEY": "secret"},
        )
        self.context = zmq.Context()

    def ask(self, **request):
        """The answer of the fake manager, whichever of them answers."""
        with self.context.socket(zmq.REQ) as control:
            control.linger = 0
            control.connect(self.control)
            control.send(json.dumps(request).encode())
            if not control.poll(1000 * TIMEOUT):
                pytest.fail(f"no answer to {request}; the service printed: {self.printed()}")
            return json.loads(control.recv())

    def send(self, **request):
        """Let the fake manager do what it will not answer."""
        control = self.context.socket(zmq.REQ)
        control.connect(self.control)
        control.send(json.dumps(request).encode())
        control.close(linger=5000)

    def command(self, name, *args):
        return self.ask(command=name, args=args)

    def pids(self):
        """Of all children."""
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def rundirs(self):
        return list((self.folder / "tmp").iterdir())

    def subscribe(self, topic=b"QS_Console"):
        subscriber = self.context.socket(zmq.SUB)
        subscriber.connect(self.info)
        subscriber.subscribe(topic)
        monitor = subscriber.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        assert monitor.poll(1000 * TIMEOUT)
        subscriber.disable_monitor()
        self.synchronize(subscriber, topic)
        return subscriber

    def synchronize(self, subscriber, topic):
        """Wait until the subscription is in force: the publisher hears of it after the handshake."""
        for _ in range(1000):
            self.ask(publish=[topic.decode() + "_sync", "x"])
            if subscriber.poll(20) and subscriber.recv_multipart()[1] == b"x":
                while subscriber.poll(50):
                    subscriber.recv_multipart()
                return
        pytest.fail("the subscription never came in force")

    def wait(self):
        return self.process.wait(TIMEOUT)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait()

    def printed(self):
        return Path(self.output.name).read_text() if isinstance(self.output.name, str) else ""

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT)
        self.context.destroy(linger=0)
        self.output.close()


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="qs-", dir="/tmp"))
    (path / "tmp").mkdir()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def start(folder):
    with contextlib.ExitStack() as stack:

        def start_service(**settings):
            service = Service(folder, **settings)
            stack.callback(service.close)
            return service

        yield start_service


def eventually(condition):
    """Wait for what no event tells: processes of others, files."""
    until = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < until
        select.select([], [], [], 0.01)


def gone(pids):
    return all(not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE for pid in pids)


# --------------------------------------------------------------------------------------------------- the manager
def test_first_manager_is_told_that_it_is_the_first(start):
    assert start().ask()["inventory"] == {"restarted": False, "worker": None, "stopping": False, "ended": None}


def test_crashed_manager_is_replaced_at_once_and_finds_its_worker(start):
    service = start()
    pid = service.ask()["pid"]
    worker = service.command("StartWorker")
    begin = time.monotonic()
    service.ask(exit=3)
    status = service.ask()
    assert time.monotonic() - begin < 3
    assert status["pid"] != pid
    assert status["inventory"] == {"restarted": True, "worker": worker, "stopping": False, "ended": None}
    assert "RE Manager process ended unexpectedly (exit code 3). Restarting ..." in service.printed()


def test_killed_manager_is_replaced(start):
    service = start()
    os.kill(service.ask()["pid"], signal.SIGKILL)
    eventually(lambda: "ended unexpectedly (killed by SIGKILL)" in service.printed())
    assert service.ask()["inventory"]["restarted"]


def test_frozen_manager_is_replaced_with_a_traceback(start):
    service = start()
    pid = service.ask()["pid"]
    service.send(exec="time.sleep(3600)")
    eventually(lambda: gone([pid]))
    assert service.ask()["inventory"]["restarted"]
    assert "no sign of life for 5 seconds" in service.printed()
    assert "in serve" in service.printed()


def test_manager_that_cannot_start_ends_the_service_with_its_message(start):
    service = start(manager=["-c", "import sys; sys.exit('the store is away')"])
    assert service.wait() == 1
    assert "the store is away\n" in service.printed()
    assert "RE Manager could not start (exit code 1)" in service.printed()


def test_reason_is_shown_at_the_end_also_when_the_console_is_not_printed(start):
    service = start(manager=["-c", "import sys; sys.exit('the store is away')"], show=False)
    assert service.wait() == 1
    assert "the store is away\n" in service.printed()


def test_nothing_is_printed_without_console_output(start):
    service = start(show=False)
    service.ask(exec="print('hello')")
    assert service.stop() == 0
    assert service.printed() == ""


def test_manager_that_ends_with_0_ends_the_service(start, folder):
    service = start()
    worker = service.command("StartWorker")
    service.ask(exit=0)
    assert service.wait() == 0
    assert gone([worker["pid"]])
    assert service.rundirs() == []


# ---------------------------------------------------------------------------------------------------- the worker
def test_end_of_the_worker_is_reported(start):
    service = start()
    worker = service.command("StartWorker")
    os.kill(worker["pid"], signal.SIGSEGV)
    eventually(lambda: "WorkerEnded" in service.ask()["reports"])
    service.ask(exit=1)
    ended = service.ask()["inventory"]["ended"]
    assert ended == {"pid": worker["pid"], "exit_code": -11, "how": "killed by SIGSEGV"}


def test_second_worker_is_refused_while_one_is_in_use(start):
    service = start()
    service.command("StartWorker")
    assert service.command("StartWorker")["refused"] == "WrongState"


def test_killed_worker_makes_room_for_the_next(start):
    service = start()
    first = service.command("StartWorker")
    service.command("KillWorker")
    eventually(lambda: "WorkerEnded" in service.ask()["reports"])
    second = service.command("StartWorker")
    assert second["pid"] != first["pid"]
    assert second["address"] != first["address"]


def test_killing_without_a_worker_is_refused(start):
    assert start().command("KillWorker")["refused"] == "WorkerError"


def test_process_that_the_worker_started_is_killed_with_it(start):
    code = "import subprocess, sys; print('child', subprocess.Popen(['sleep', '1000']).pid, flush=True)\n" + WORKER
    service = start(worker=code)
    service.command("StartWorker")
    eventually(lambda: "worker at" in service.printed())
    child = int(service.printed().partition("child ")[2].split()[0])
    service.command("KillWorker")
    eventually(lambda: gone([child]))


def test_spare_worker_is_given_out_and_replaced(start):
    service = start(warm=True)
    eventually(lambda: service.printed().count("worker at") == 1)
    spare = service.pids()
    worker = service.command("StartWorker")
    assert worker["pid"] in spare
    eventually(lambda: service.printed().count("worker at") == 2)


def test_keys_are_not_in_the_environment_of_children(start):
    source = "result = [name for name in os.environ if name.startswith('QSERVER_ZMQ_PRIVATE')]"
    assert start().ask(exec=source) == []


# ------------------------------------------------------------------------------------------------------- the end
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_stops_the_service_orderly_and_leaves_nothing(start, number):
    service = start(warm=True)
    service.command("StartWorker")
    children = service.pids()
    assert service.stop(number) == 0
    assert "fake manager stops:" in service.printed()
    assert gone(children)
    assert service.rundirs() == []


def test_manager_that_does_not_stop_is_killed_in_time(start):
    service = start()
    service.ask(obedient=False)
    begin = time.monotonic()
    assert service.stop() == 1
    assert 3.5 < time.monotonic() - begin < 5.5


def test_second_signal_does_not_wait(start):
    service = start()
    service.ask(obedient=False)
    service.process.send_signal(signal.SIGINT)
    eventually(lambda: "StopAsked" in service.ask()["reports"])
    begin = time.monotonic()
    assert service.stop(signal.SIGINT) == 1
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize("stopped", [False, True])
def test_nothing_is_left_when_the_supervisor_is_killed(start, stopped):
    service = start(warm=True)
    service.command("StartWorker")
    eventually(lambda: len(service.pids()) == 3)
    children = service.pids()
    manager = service.ask()["pid"]
    if stopped:
        os.kill(manager, signal.SIGSTOP)
    service.process.kill()
    service.wait()
    eventually(lambda: gone(children))
    eventually(lambda: service.rundirs() == [])


def test_children_that_block_die_with_the_supervisor(start):
    code = WORKER.replace("signal.pause()", "pass")
    service = start(worker=code)
    service.command("StartWorker")
    children = service.pids()
    service.send(exec="time.sleep(3600)")
    service.process.kill()
    service.wait()
    eventually(lambda: gone(children))


def test_stale_runtime_directories_are_removed_and_others_left(start, folder):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    stale = folder / "tmp" / f"bluesky-qs-{process.pid}-0123abcd"
    living = folder / "tmp" / f"bluesky-qs-{os.getpid()}-0123abcd"
    other = folder / "tmp" / f"other-{process.pid}-0123abcd"
    for path in (stale, living, other):
        path.mkdir()
        (path / "settings.json").touch()
    start().ask()
    assert not stale.exists()
    assert living.exists()
    assert other.exists()


def test_runtime_directory_is_private(start):
    service = start()
    service.ask()
    (rundir,) = service.rundirs()
    assert rundir.stat().st_mode & 0o777 == 0o700
    assert (rundir / "settings.json").stat().st_mode & 0o777 == 0o600


def test_information_port_in_use_is_an_error_that_says_so(start):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        service = start(info=f"tcp://127.0.0.1:{other.getsockname()[1]}")
        assert service.wait() == 1
        assert "Address already in use: is another RE Manager running?" in service.printed()
        assert service.rundirs() == []
