"""What code prints in the worker comes out of the service: all of it, unchanged, in order, and at no plan's cost."""

import json
import re
import time

import pytest
import zmq

STARTUP = '''
import ctypes
import os
import subprocess
import sys


def lines(n=1000):
    """Print n lines."""
    for number in range(n):
        print(f"line {number:08d} of some length to make it look like one of a table")
    yield from null()


def every_way(n=20):
    """Print from Python, from C, to the file descriptor, and from a process of its own."""
    libc = ctypes.CDLL(None)
    for number in range(n):
        print("python", number)
        libc.printf(b"c %d\\n", number)
        print("error", number, file=sys.stderr)
        os.write(1, b"write %d\\n" % number)
        subprocess.run(["echo", f"child {number}"])
    yield from null()


def flood(megabytes=140):
    """Print more than is kept for a subscriber that does not take it: 1000 messages of 128 KiB."""
    for _ in range(megabytes):
        os.write(1, (b"x" * 99 + b"\\n") * 10_000)
    yield from null()


def crash():
    os.abort()
'''


@pytest.fixture
def published(new_service, startup_dir):
    """A service with an open environment that publishes its console."""
    (startup_dir / "10-prints.py").write_text(STARTUP)
    service = new_service("--warm-worker", "OFF", "--zmq-publish-console", "ON", "--startup-dir", str(startup_dir))
    service.start()
    service.open()
    return service


class Subscriber:
    """A plain 0MQ subscriber of the console with the usual limits."""

    def __init__(self, service, socket) -> None:
        self.socket = socket
        self.socket.connect(service.info)
        self.socket.subscribe(b"QS_Console")
        self.messages = []
        while not self.socket.poll(200):  # a subscription comes into force at some time
            service.do("script_upload", script="print('is anybody there')", run_in_background=True)
        # Perhaps that was between a script's output and the line about its end.
        service.do("script_upload", script="print('subscribed')", run_in_background=True)
        self.until("subscribed\n")
        service.wait_for_background_tasks()

    def until(self, text):
        """All the text up to the message in which this stands, from now on."""
        begin = len(self.messages)
        while len(self.messages) == begin or text not in self.messages[-1]["msg"]:
            assert self.socket.poll(60_000), f"{text!r} did not come; the last text was {self.messages[-1:]}"
            self.messages.append(json.loads(self.socket.recv_multipart()[1]))
        return "".join(message["msg"] for message in self.messages[begin:])


@pytest.fixture
def subscriber(published):
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        yield Subscriber(published, socket)


def run(service, name, **kwargs):
    """Run a plan to its end."""
    item = {"item_type": "plan", "name": name, "kwargs": kwargs}
    service.do("queue_item_execute", item=item, user="tester", user_group="primary")
    service.wait_idle()
    result = service.history()[-1]["result"]
    assert result["exit_status"] == "completed", result["traceback"]


def test_whatever_prints_is_shown_in_its_order_on_the_terminal_and_to_subscribers(published, subscriber):
    run(published, "every_way", n=20)
    ways = ("python", "c", "error", "write", "child")
    expected = "".join(f"{way} {number}\n" for number in range(20) for way in ways)
    assert expected in subscriber.until("child 19\n")
    published.wait_shown(expected)


def test_progress_bars_keep_their_carriage_returns_and_colours(published, subscriber):
    bar = "\r 10%|█    |\r 20%|██   |\x1b[31m red\x1b[0m\n"
    published.do("script_upload", script=f"import sys\nsys.stdout.write({bar!r})\nprint('end of the bar')")
    assert f"{bar}end of the bar\n" in subscriber.until("end of the bar\n")
    whole = f"{bar}end of the bar\n".encode()
    published.wait(lambda _: whole in published.log.read_bytes(), "the bar on the terminal")


def test_100_000_lines_are_complete_and_in_order(published, subscriber):
    run(published, "lines", n=100_000)
    shown = subscriber.until("line 00099999 ")
    wanted = [f"{number:08d}" for number in range(100_000)]
    assert re.findall(r"^line (\d{8}) ", shown, re.MULTILINE) == wanted
    numbers = [message["seq"] for message in subscriber.messages]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    times = [message["time"] for message in subscriber.messages]
    assert times == sorted(times)
    shown = published.wait_shown("line 00099999 ")
    assert re.findall(r"^line (\d{8}) ", shown, re.MULTILINE) == wanted


def test_a_subscriber_that_never_reads_stops_no_plan(new_service, startup_dir):
    (startup_dir / "10-prints.py").write_text(STARTUP)
    options = ("--zmq-publish-console", "ON", "--console-output", "OFF", "--startup-dir", str(startup_dir))
    service = new_service("--warm-worker", "OFF", *options).start()
    service.open()
    with zmq.Context() as context:
        stuck = context.socket(zmq.SUB)
        stuck.rcvhwm = 1
        stuck.connect(service.info)
        stuck.subscribe(b"")
        assert stuck.poll(60_000)  # it is connected, and reads nothing of what comes
        run(service, "flood")  # would wait for the subscriber for ever
        stuck.close(linger=0)


def test_a_crash_leaves_its_traceback_in_the_console(published, subscriber):
    item = {"item_type": "function", "name": "crash"}
    published.ask("function_execute", item=item, user="tester", user_group="primary")  # it may die before it answers
    status = published.wait(lambda status: not status["worker_environment_exists"], "closed after the crash")
    assert status["worker_environment_state"] == "closed"
    shown = subscriber.until("in crash\n")
    assert "Fatal Python error: Aborted" in shown
    assert '10-prints.py", line' in shown
    published.wait_shown("Fatal Python error: Aborted")


def test_who_joins_late_reads_what_was_printed_before(published):
    first = published.do("console_get", since=None, limit=1)
    published.do("script_upload", script="print('one')\nprint('two')")
    published.wait_idle()
    text = ""
    until = time.monotonic() + 60
    while "one\ntwo\n" not in text and time.monotonic() < until:  # it is on its way through pipes
        page = published.do("console_get", since=first["last"])
        text = "".join(message["msg"] for message in page["messages"])
    assert "one\ntwo\n" in text
    assert [message["seq"] for message in page["messages"]] == list(range(first["last"] + 1, page["last"] + 1))
    assert published.do("console_get", since=page["last"])["messages"] == []
    whole = "".join(message["msg"] for message in published.do("console_get", since=0)["messages"])
    published.wait(lambda _: published.output().startswith(whole), "the same on the terminal")  # it has its own writer


def test_late_comers_are_served_without_publication_too(new_service, startup_dir):
    service = new_service("--warm-worker", "OFF", "--console-output", "OFF", "--startup-dir", str(startup_dir)).start()

    def printed(_status):
        whole = "".join(message["msg"] for message in service.do("console_get")["messages"])
        return f"ZeroMQ server is waiting on {service.control}" in whole

    service.wait(printed, "the line that was printed before")  # it is on its way through pipes
