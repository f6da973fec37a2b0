"""What manager and worker print arrives: in order, unchanged, all of it, and at nobody's cost."""

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
import zmq

LINES = """
import sys
for number in range({count}):
    print(f"line {{number:08d}} of some length to make it look like one of a table")
sys.stdout.flush()
"""


@pytest.fixture
def free_address(free_ports):
    return f"tcp://127.0.0.1:{free_ports(1)[0]}"


def texts(subscriber, until):
    """Console messages up to the one in which a text stands."""
    messages = []
    while not messages or until not in messages[-1]["msg"]:
        assert subscriber.poll(60_000), f"{until!r} did not come; the last text was {messages[-1:]}"
        messages.append(json.loads(subscriber.recv_multipart()[1]))
    return messages


def test_prints_of_python_and_c_and_file_descriptors_come_in_their_order(start):
    service = start()
    subscriber = service.subscribe()
    service.ask(
        exec="""
import ctypes, subprocess
libc = ctypes.CDLL(None)
for number in range(50):
    print("python", number)
    libc.printf(b"c %d\\n", number)
    print("error", number, file=sys.stderr)
    os.write(1, b"write %d\\n" % number)
subprocess.run(["echo", "the child"])
"""
    )
    expected = [f"{who} {number}" for number in range(50) for who in ("python", "c", "error", "write")]
    published = "".join(message["msg"] for message in texts(subscriber, "the child\n"))
    assert published.splitlines() == [*expected, "the child"]
    assert service.stop() == 0
    assert published in service.printed()


def test_carriage_returns_colours_and_bytes_that_are_no_text_pass(start):
    service = start()
    subscriber = service.subscribe()
    raw = "\r 10%|█ |\r 20%|██|\x1b[31mred\x1b[0m\n".encode() + b"\xff\xfe end\n"
    service.ask(exec=f"os.write(1, {raw!r})")
    published = "".join(message["msg"] for message in texts(subscriber, "end\n"))
    assert published == raw.decode(errors="replace")
    service.stop()
    assert raw in service.output.content


def test_100_000_lines_arrive_in_whole_lines_at_a_subscriber_with_default_limits(start):
    service = start(stdout=subprocess.DEVNULL)
    subscriber = service.subscribe()
    service.ask(exec=LINES.format(count=100_000))
    messages = texts(subscriber, "line 00099999")
    assert [line.split()[1] for message in messages for line in message["msg"].splitlines()] == [
        f"{number:08d}" for number in range(100_000)
    ]
    assert all(message["msg"].endswith("\n") for message in messages)
    assert [message["seq"] for message in messages] == list(range(messages[0]["seq"], messages[-1]["seq"] + 1))


def test_prompt_without_an_end_of_line_arrives(start):
    service = start()
    subscriber = service.subscribe()
    service.ask(exec="print('name? ', end='', flush=True)")
    assert texts(subscriber, "name? ")[-1]["msg"] == "name? "


def test_terminal_that_takes_nothing_stops_nobody(start):
    reader, writer = os.pipe()
    service = start(stdout=writer)
    os.close(writer)
    subscriber = service.subscribe()
    service.ask(exec=LINES.format(count=200_000))
    texts(subscriber, "line 00199999")
    shown = b""
    while b"were omitted here" not in shown:  # it is read again
        ready, _, _ = select.select([reader], [], [], 60)
        assert ready, f"no note about omitted bytes came; the last output was {shown[-200:]!r}"
        shown += os.read(reader, 65536)
    os.close(reader)
    assert shown.count(b"line 000") > 10_000
    service.ask(exec="print('goes on')")  # with a terminal that has gone altogether
    texts(subscriber, "goes on\n")
    assert service.stop() == 0


def test_traceback_of_a_crash_in_c_is_shown_before_the_end(start):
    service = start(manager=["-c", "import faulthandler, os; faulthandler.enable(); os.abort()"])
    assert service.wait() == 1
    assert "Fatal Python error: Aborted" in service.printed()


def test_all_that_was_printed_is_shown_before_the_end(start):
    service = start(manager=["-c", LINES.format(count=50_000) + "sys.exit(1)"])
    assert service.wait() == 1
    assert service.printed().count("\nline 000") == 50_000


def test_late_comer_reads_the_latest_messages(start):
    service = start()
    for text in ("one", "two"):
        subscriber = service.subscribe()
        service.ask(exec=f"print({text!r})")
        last = texts(subscriber, f"{text}\n")[-1]
    page = service.command("ReadConsole", None, 1)
    assert [json.loads(message) for message in page["messages"]] == [last]
    assert page["last"] == last["seq"]
    assert service.command("ReadConsole", last["seq"], 10)["messages"] == []
    first = service.command("ReadConsole", 0, 1)["messages"]
    assert json.loads(first[0])["seq"] == 1


def test_a_subscriber_that_was_there_before_the_service_misses_nothing(start, free_address):
    with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.subscribe(b"QS_Console")
        subscriber.connect(free_address)
        service = start(info=free_address)
        messages = texts(subscriber, "Starting RE Manager process")
        assert "Configuration: no file" in messages[0]["msg"]
        assert messages[0]["seq"] == 1
        service.stop()


def test_publications_of_the_manager_pass_as_they_are(start):
    service = start()
    subscriber = service.subscribe(b"QS_Event")
    service.ask(publish=["QS_Event", '{"seq": 1}'])
    assert subscriber.recv_multipart() == [b"QS_Event", b'{"seq": 1}']


def test_last_publications_go_out(start):
    service = start()
    subscriber = service.subscribe(b"QS_Event")
    for number in range(100):
        service.ask(publish=["QS_Event", str(number)])
    service.stop()
    assert [subscriber.recv_multipart()[1] for _ in range(100)] == [str(number).encode() for number in range(100)]


def test_monitor_prints_what_the_service_prints(start):
    service = start()
    monitor = subprocess.Popen(
        [sys.executable, "-m", "bluesky_qs.cli.console_monitor", "--zmq-info-addr", service.info],
        stdout=subprocess.PIPE,
    )
    try:
        shown = b""
        while b"hello" not in shown:  # its subscription comes in force some time
            service.ask(exec="print('hello')")
            os.set_blocking(monitor.stdout.fileno(), False)
            shown += monitor.stdout.read() or b""
        service.ask(exec="os.write(1, b'\\r50%\\r100%\\nend\\n')")
        os.set_blocking(monitor.stdout.fileno(), True)
        while b"end\n" not in shown:
            shown += os.read(monitor.stdout.fileno(), 4096)
        assert shown.endswith(b"hello\n\r50%\r100%\nend\n")
    finally:
        monitor.send_signal(2)
        assert monitor.wait(60) == 0
        monitor.stdout.close()


PRINTING_WORKER = """
import os, signal, sys
from bluesky_qs.ipc.child import begin_worker
from bluesky_qs.worker.output import ItemOutput
begin_worker(sys.argv)
output = ItemOutput.of_process()
output.begin("plan-1", 1.0)
os.write(1, b"from C\\n")
print("the plan prints", end="")
output.end("plan-1")
print(" no more")
output.begin("plan-2", 2.0)
print("the next plan begins")
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_plan_has_a_log_up_to_the_moment_when_its_worker_was_killed(start, folder):
    service = start(worker=PRINTING_WORKER)
    service.command("Hello", 1, str(folder))
    subscriber = service.subscribe()
    service.command("StartWorker")
    service.wait_reported("WorkerEnded")
    published = "".join(message["msg"] for message in texts(subscriber, "the next plan begins\n"))
    assert published == "from C\nthe plan prints no more\nthe next plan begins\n"
    logs = [service.command("FindItemLog", uid) for uid in ("plan-1", "plan-2", "plan-3")]
    assert [_log(log["path"]) for log in logs[:2]] == ["from C\nthe plan prints", "the next plan begins\n"]
    assert logs[2] == {"path": None, "failure": ""}


def _log(path):
    return "".join(json.loads(line)["msg"] for line in Path(path).read_text().splitlines())
