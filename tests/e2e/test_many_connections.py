"""Many connections at once: none of them keeps the others waiting, and user code has the limits of a terminal."""

import contextlib
import resource
import signal
import socket
import sys

import pytest

HALF_OPEN = 400


@pytest.fixture
def half_open():
    """Opens connections that send nothing: ``half_open(address)``. Each must be accepted at once."""
    with contextlib.ExitStack() as stack:

        def connect(address):
            port = int(address.rpartition(":")[2])
            for _ in range(HALF_OPEN):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=0.9))

        yield connect


def test_hundreds_of_connections_that_send_nothing_wait_even_for_a_frozen_service(new_service, half_open):
    service = new_service("--warm-worker", "OFF").start()
    frozen = [service.find("bluesky_qs.manager"), service.find("start-re-manager")]
    for process in frozen:  # nobody accepts connections now, so that each has to wait in the kernel
        process.suspend()
    # A connection for which there is no room is tried again by the kernel after 1 s, 3 s, 7 s, ….
    half_open(service.control)
    half_open(service.info)
    for process in frozen:
        process.send_signal(signal.SIGCONT)
    assert service.ask("ping")["msg"]
    assert service.wait(lambda status: status["manager_state"] == "idle", "the status is published")


def test_a_service_may_have_as_many_open_files_as_the_system_allows_and_user_code_as_many_as_in_a_terminal(new_service):
    service = new_service("--warm-worker", "OFF", command=_with_few_files()).start()
    service.open()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for module in ("start-re-manager", "bluesky_qs.manager"):
        assert service.find(module).rlimit(resource.RLIMIT_NOFILE) == (min(hard, 102_400), hard)
    assert service.find("bluesky_qs.worker").rlimit(resource.RLIMIT_NOFILE) == (500, hard)


def _with_few_files():
    code = (
        "import resource, runpy, sys; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (500, resource.getrlimit(resource.RLIMIT_NOFILE)[1])); "
        "sys.argv[0] = 'bluesky_qs'; runpy.run_module('bluesky_qs', run_name='__main__')"
    )
    return (sys.executable, "-c", code, "start-re-manager")
