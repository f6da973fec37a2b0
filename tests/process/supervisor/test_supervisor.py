"""What the supervisor restarts, what ends it, and that nothing is left."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from bluesky_qs.supervisor.policy import FROZEN_AFTER


# --------------------------------------------------------------------------------------------------- the manager
def test_the_first_manager_knows_that_it_is_the_first(start):
    assert start().ask()["inventory"] == {"restarted": False, "worker": None, "stopping": False, "ended": None}


def test_crashed_manager_is_replaced_at_once_and_finds_its_worker(start, wait_ended):
    service = start()
    pid = service.ask()["pid"]
    worker = service.command("StartWorker")
    service.send(exit=3)
    wait_ended([pid])
    status = service.ask()
    assert status["pid"] != pid
    assert status["inventory"] == {"restarted": True, "worker": worker, "stopping": False, "ended": None}
    assert "RE Manager process ended unexpectedly (exit code 3). Restarting ..." in service.printed()


def test_killed_manager_is_replaced(start):
    service = start()
    os.kill(service.ask()["pid"], signal.SIGKILL)
    service.wait_printed("ended unexpectedly (killed by SIGKILL)")
    assert service.ask()["inventory"]["restarted"]


def test_frozen_manager_is_replaced_with_a_traceback(start, wait_ended):
    service = start()
    pid = service.ask()["pid"]
    service.send(exec="time.sleep(3600)")
    wait_ended([pid])
    assert service.ask()["inventory"]["restarted"]
    assert "has not responded for 4 s" in service.printed()
    assert "in serve" in service.printed()


def test_a_manager_that_was_paused_together_with_the_supervisor_is_kept(start):
    service = start()
    pid = service.ask()["pid"]
    paused = (pid, service.process.pid)  # as by Ctrl-Z, or with the whole virtual machine
    for each in paused:
        os.kill(each, signal.SIGSTOP)
    threading.Event().wait(FROZEN_AFTER + 1)  # the time itself is what is tested
    for each in reversed(paused):
        os.kill(each, signal.SIGCONT)
    service.command("KillWorker")  # the supervisor has looked at the manager since
    assert service.ask()["pid"] == pid
    assert "has not responded" not in service.printed()


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


def test_manager_that_ends_with_0_ends_the_service(start, gone):
    service = start()
    worker = service.command("StartWorker")
    service.send(exit=0)
    assert service.wait() == 0
    assert gone([worker["pid"]])
    assert service.rundirs() == []


# ---------------------------------------------------------------------------------------------------- the worker
def test_end_of_the_worker_is_reported(start, wait_ended):
    service = start()
    worker = service.command("StartWorker")
    os.kill(worker["pid"], signal.SIGSEGV)
    service.wait_reported("WorkerEnded")
    first = service.ask()["pid"]
    service.send(exit=1)
    wait_ended([first])
    ended = service.ask()["inventory"]["ended"]
    assert ended == {"pid": worker["pid"], "exit_code": -11, "how": "killed by SIGSEGV", "last_words": ""}


def test_second_worker_is_refused_while_one_is_in_use(start):
    service = start()
    service.command("StartWorker")
    assert service.command("StartWorker")["refused"] == "WrongState"


def test_killed_worker_makes_room_for_the_next(start):
    service = start()
    first = service.command("StartWorker")
    service.command("KillWorker")
    service.wait_reported("WorkerEnded")
    second = service.command("StartWorker")
    assert second["pid"] != first["pid"]
    assert second["address"] != first["address"]


def test_killing_without_a_worker_is_refused(start):
    assert start().command("KillWorker")["refused"] == "WorkerError"


def test_process_that_the_worker_started_is_killed_with_it(start, worker_code, wait_ended):
    code = "import subprocess, sys; print('child', subprocess.Popen(['sleep', '1000']).pid, flush=True)\n" + worker_code
    service = start(worker=code)
    service.command("StartWorker")
    service.wait_printed("worker at")
    child = int(service.printed().partition("child ")[2].split()[0])
    service.command("KillWorker")
    wait_ended([child])


def test_spare_worker_is_given_out_and_replaced(start):
    service = start(warm=True)
    service.wait_printed("worker at")
    spare = service.pids()
    worker = service.command("StartWorker")
    assert worker["pid"] in spare
    service.wait_printed("worker at", times=2)


def test_keys_are_not_in_the_environment_of_children(start):
    source = "result = [name for name in os.environ if name.startswith('QSERVER_ZMQ_PRIVATE')]"
    assert start().ask(exec=source) == []


# ------------------------------------------------------------------------------------------------------- the end
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_stops_the_service_orderly_and_leaves_nothing(start, number, gone):
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
    assert time.monotonic() - begin > 4
    assert "RE Manager did not stop in time; killing it" in service.printed()


def test_a_frozen_manager_does_not_get_the_time_of_a_clean_up(start):
    service = start(cleanup=3600)
    os.kill(service.ask()["pid"], signal.SIGSTOP)
    assert service.stop() == 1
    assert "RE Manager did not stop in time; killing it" in service.printed()


def test_the_second_signal_hurries_the_manager(start):
    service = start(cleanup=3600)
    service.ask(obedient=False)
    service.process.send_signal(signal.SIGINT)
    service.wait_reported("StopRequested")
    service.process.send_signal(signal.SIGINT)
    service.wait_reported("StopRequested, hurry")
    assert service.wait() == 1


def test_the_third_signal_does_not_wait(start):
    service = start(cleanup=3600)
    service.ask(obedient=False)
    for report in ("StopRequested", "StopRequested, hurry"):
        service.process.send_signal(signal.SIGINT)
        service.wait_reported(report)
    assert service.stop(signal.SIGINT) == 1
    assert "stopping immediately" in service.printed()


@pytest.mark.parametrize("stopped", [False, True])
def test_nothing_is_left_when_the_supervisor_is_killed(start, stopped, wait_ended):
    service = start(warm=True)
    service.command("StartWorker")
    service.wait_printed("worker at", times=2)
    children = service.pids()
    assert len(children) == 3
    manager = service.ask()["pid"]
    if stopped:
        os.kill(manager, signal.SIGSTOP)
    service.process.kill()
    wait_ended(children)
    assert service.rundirs() == []


def test_children_that_block_die_with_the_supervisor(start, worker_code, wait_ended):
    code = worker_code.replace("signal.pause()", "pass")
    service = start(worker=code)
    service.command("StartWorker")
    children = service.pids()
    service.send(exec="time.sleep(3600)")
    service.process.kill()
    wait_ended(children)


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


def test_a_mistyped_variable_is_logged(start, monkeypatch):
    monkeypatch.setenv("QSERVER_STOER", "/a")
    service = start()
    service.ask()
    service.stop()
    assert "QSERVER_STOER is unknown and ignored (did you mean 'QSERVER_STORE'?)" in service.printed()


def test_an_info_port_in_use_is_a_clear_error(start):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        service = start(info=f"tcp://127.0.0.1:{other.getsockname()[1]}")
        assert service.wait() == 1
        assert "Address already in use: is another RE Manager running? (--zmq-info-addr" in service.printed()
        assert service.rundirs() == []
