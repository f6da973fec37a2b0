"""How the supervisor starts, replaces and stops the HTTP door, and that the service never depends on it."""

import os
import pty
import signal
import socket
import time

import zmq


def _started(start, **settings):
    service = start(http="127.0.0.1:0", **settings)
    service.wait_printed("The HTTP door is open")
    service.ask()  # the manager works, too
    return service


def test_without_the_setting_there_is_no_door(start):
    service = start()
    service.ask()
    service.stop()
    assert "HTTP" not in service.printed()


def test_killed_door_is_replaced_and_the_manager_and_the_worker_notice_nothing(start):
    service = _started(start)
    manager = service.ask()["pid"]
    worker = service.command("StartWorker")
    door = service.door()
    os.kill(int(door), signal.SIGKILL)
    service.wait_printed("The HTTP door is open", times=2)
    assert service.door() not in (None, door)
    assert "The HTTP door ended unexpectedly (killed by SIGKILL). Restarting ..." in service.printed()
    assert service.ask()["pid"] == manager
    assert worker["pid"] in service.pids()


def test_connection_that_comes_while_the_door_is_down_waits_for_the_next_one(start):
    service = _started(start)
    first = service.door()
    place = ("127.0.0.1", service.door_port())
    with socket.create_connection(place) as one, socket.create_connection(place, timeout=60) as waiting:
        waiting.sendall(b"pid")
        one.sendall(b"die")  # while the door listens to this one, it does not accept the other
        assert waiting.recv(100).decode() not in ("", first)


def test_hangup_without_a_closed_terminal_is_for_the_door(start):
    service = _started(start)
    door = service.door()
    service.process.send_signal(signal.SIGHUP)
    service.wait_printed("fake door reloads")
    assert service.door() == door
    assert service.stop() == 0


def test_frozen_door_is_replaced(start):
    service = _started(start)
    first = service.door()
    os.kill(int(first), signal.SIGSTOP)
    service.wait_printed("The HTTP door has not responded for 4 s. Restarting ...")
    assert service.door() not in (None, first)


def test_killed_manager_leaves_the_door_as_it_is(start):
    service = _started(start)
    door = service.door()
    manager = service.ask()["pid"]
    os.kill(manager, signal.SIGKILL)
    service.wait_printed("RE Manager process ended unexpectedly")
    assert service.ask()["pid"] != manager
    assert service.door() == door


def test_door_that_dies_again_and_again_is_tried_more_and_more_slowly_while_the_service_works(start):
    service = start(http="127.0.0.1:0", door=["-c", "raise SystemExit('no way in')"])
    service.wait_printed("The HTTP door ended unexpectedly (exit code 1). Restarting in 1 s ...")
    service.ask(exec="print('the manager works')")
    service.wait_printed("the manager works")
    assert service.printed().count("no way in") == 3
    assert service.stop() == 0


def test_the_door_ends_before_the_manager_is_asked_to(start):
    service = _started(start)
    assert service.stop() == 0
    printed = service.printed()
    assert printed.index("fake door stops") < printed.index("fake manager stops:")
    assert "unexpectedly" not in printed


def test_door_that_does_not_end_is_killed_and_the_service_stops(start, gone):
    service = _started(start)
    service.door("deaf")
    children = service.pids()
    assert service.stop() == 0
    assert "fake manager stops:" in service.printed()
    assert gone(children)


def test_door_ends_when_a_manager_ends_the_service(start):
    service = _started(start)
    service.send(exit=0)
    assert service.wait() == 0
    assert "fake door stops" in service.printed()


def test_door_dies_with_a_killed_supervisor(start, wait_ended):
    service = _started(start)
    children = service.pids()
    service.process.kill()
    wait_ended(children)


def test_port_in_use_is_a_clear_error_and_the_service_does_not_start(start):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        service = start(http=address)
        assert service.wait() == 1
    sentence = f"Cannot listen at {address}: Address already in use: is another HTTP server running? (--http chooses"
    assert sentence in service.printed()
    assert "Starting RE Manager" not in service.printed()
    assert service.rundirs() == []


def test_the_door_gets_the_console_that_is_not_published(start):
    service = _started(start, publish_console=False)
    (rundir,) = service.rundirs()
    with service.context.socket(zmq.SUB) as door:
        door.connect(f"ipc://{rundir}/f")
        door.subscribe(b"QS_Console")
        shown = b""
        until = time.monotonic() + 60
        while b"hello" not in shown and time.monotonic() < until:  # its subscription comes in force some time
            service.ask(exec="print('hello')")
            if door.poll(50):
                shown += door.recv_multipart()[1]
        assert b"hello" in shown
        door.subscribe(b"QS_Event")
        while b"QS_Event" not in shown and time.monotonic() < until:
            service.ask(publish=["QS_Event", "{}"])
            if door.poll(50):
                shown += b"".join(door.recv_multipart())
        assert b"QS_Event{}" in shown


def test_only_the_door_gets_its_secrets(start, monkeypatch):
    monkeypatch.setenv("QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY", "x")
    service = _started(start)
    environment = service.door("environment").split()
    assert "QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY" in environment
    assert "QSERVER_ZMQ_PRIVATE_KEY" not in environment
    assert service.ask(exec="result = [name for name in os.environ if name.startswith('QSERVER_HTTP')]") == []


def test_link_with_the_key_is_shown_in_a_terminal_and_nowhere_else(start):
    ours, terminal = pty.openpty()
    service = start(http="127.0.0.1:0", stdout=terminal)
    os.close(terminal)
    shown = b""
    while b"/#api_key=secret-key" not in shown:
        shown += os.read(ours, 65536)
    assert service.ask() is not None
    page = service.command("ReadConsole", 0, 1000)
    assert "The HTTP door is open" in "".join(page["messages"])
    assert "secret-key" not in "".join(page["messages"])
    service.stop()
    os.close(ours)


def test_stop_before_the_manager_has_served_ends_the_service(start):
    service = start(http="127.0.0.1:0", manager=["-c", "import time; time.sleep(3600)"])
    service.wait_printed("The HTTP door is open")
    assert service.stop() == 0
    assert "did not stop in time" not in service.printed()


def test_link_with_the_key_is_not_written_into_a_pipe(start):
    service = _started(start)
    assert service.stop() == 0
    assert "secret-key" not in service.printed()
