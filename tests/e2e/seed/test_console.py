"""Tutorial: Remote Monitoring of RE Manager Console Output; and what terminals show of a plan."""

import itertools
import re
import signal
import subprocess
import sys
import threading

import pytest

PUBLISHED = ("--warm-worker", "OFF", "--zmq-publish-console", "ON")
COUNT = """queue execute plan '{"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 3, "delay": 0.05}}'"""
#: What the tutorial shows of a plan that counts with two detectors; the order of the columns is that of a set there.
TABLE = r"""
Transient Scan ID: 1     Time: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d
Persistent Unique Scan ID: '(?P<uid>[0-9a-f-]{36})'
New stream: 'primary'
\+-----------\+------------\+------------\+------------\+
\|   seq_num \|       time \|       det\d \|       det\d \|
\+-----------\+------------\+------------\+------------\+
(\|         \d \| \d\d:\d\d:\d\d\.\d \|      \d\.\d{3} \|      \d\.\d{3} \|
){3}Run was closed: '(?P=uid)'
\+-----------\+------------\+------------\+------------\+
generator count \['[0-9a-f]{8}'\] \(scan num: 1\)
"""


class Monitor:
    """A terminal with `qserver-console-monitor`."""

    def __init__(self, service) -> None:
        command = [sys.executable, "-m", "bluesky_qs", "qserver-console-monitor"]
        self.process = subprocess.Popen(command, env=service.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._shown = b""
        self._grown = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while part := self.process.stdout.read1():
            with self._grown:
                self._shown += part
                self._grown.notify_all()

    def wait_for(self, text: str, timeout: float = 60) -> str:
        """What is shown when a text is in it."""
        with self._grown:
            assert self._grown.wait_for(lambda: text.encode() in self._shown, timeout), f"{text!r} not in {self._shown}"
            return self.text

    @property
    def text(self) -> str:
        return self._shown.decode()

    def connected_to(self, service) -> "Monitor":
        """The same, when it shows what the service prints."""
        for number in itertools.count():
            service.do("script_upload", script=f"print('subscribed {number}')", run_in_background=True)
            with self._grown:
                if self._grown.wait_for(lambda: b"subscribed" in self._shown, 0.2):  # it comes into force at some time
                    break
        self.wait_for(f"subscribed {number}\n")
        service.wait_for_background_tasks()
        return self

    def interrupt(self) -> int:
        """Press Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def monitor():
    """Opens terminals with monitors, which are closed after the test."""
    opened = []

    def open_one(service):
        opened.append(Monitor(service))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def test_monitors_and_the_service_s_terminal_show_the_same(new_service, terminal, monitor):
    service = new_service(*PUBLISHED)
    early, other = monitor(service), monitor(service)
    qserver = terminal(service.start())
    service.open()
    for one in (early, other):
        one.connected_to(service)
    qserver(COUNT)
    service.wait_idle()
    begin = service.output().index("Starting the plan")
    service.stop(signal.SIGINT)
    end = service.output()[begin:]
    assert re.search(TABLE, end), end
    last_line = end.splitlines()[-1] + "\n"
    for one in (early, other):
        assert one.wait_for(last_line).endswith(end)
        assert one.interrupt() == 0
        assert one.text in service.output()


def test_a_monitor_that_was_closed_continues_with_new_output(new_service, terminal, monitor):
    service = new_service(*PUBLISHED)
    qserver = terminal(service.start())
    service.open()
    first = monitor(service).connected_to(service)
    assert first.interrupt() == 0
    qserver(COUNT)
    service.wait_idle()
    second = monitor(service).connected_to(service)
    assert "Transient Scan ID: 1 " not in first.text + second.text
    qserver(COUNT)
    service.wait_idle()
    assert "Transient Scan ID: 2 " in second.wait_for("(scan num: 2)")


def test_a_monitor_survives_a_restart_of_the_service(new_service, monitor):
    service = new_service(*PUBLISHED).start()
    one = monitor(service)
    service.stop(signal.SIGINT)
    service.restart()
    service.open()
    one.connected_to(service)


def test_the_terminal_stays_empty_with_console_output_off(new_service, terminal, monitor):
    service = new_service(*PUBLISHED, "--console-output", "OFF")
    one = monitor(service)
    qserver = terminal(service.start())
    service.open()
    one.connected_to(service)
    qserver(COUNT)
    service.wait_idle()
    assert re.search(TABLE, one.wait_for("(scan num: 1)"))
    assert service.stop(signal.SIGINT) == 0
    assert service.output() == ""


def test_nothing_is_published_by_default(new_service, terminal, monitor):
    service = new_service("--warm-worker", "OFF")
    one = monitor(service)
    qserver = terminal(service.start())
    service.open()
    qserver(COUNT)
    service.wait_idle()
    service.stop(signal.SIGINT)
    assert "(scan num: 1)" in service.output()
    one.interrupt()
    one.close()
    assert one.text == ""
