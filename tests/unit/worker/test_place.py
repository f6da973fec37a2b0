"""The line of user code that a thread runs."""

import threading
import time

import pytest

from bluesky_qs.worker.place import place_of


def made(path, source):
    namespace = {"time": time, "threading": threading}
    exec(compile(source, str(path), "exec"), namespace)
    return namespace


def test_the_innermost_line_of_user_code_is_named(tmp_path):
    module = made(tmp_path / "scan.py", "def block(event):\n    event.wait()\n\ndef run(event):\n    block(event)\n")
    event = threading.Event()
    thread = threading.Thread(target=module["run"], args=(event,))
    thread.start()
    assert place_of(thread.ident, None) == "scan.py, line 2"
    event.set()
    thread.join()


def test_a_generator_that_waits_has_its_innermost_line(tmp_path):
    module = made(tmp_path / "scan.py", "def inner():\n    yield 1\n\ndef plan():\n    yield from inner()\n")
    plan = module["plan"]()
    next(plan)
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert place_of(thread.ident, plan) == "scan.py, line 2"


@pytest.mark.parametrize("thread", [None, 1])
def test_a_thread_that_is_gone_runs_nothing(thread):
    assert place_of(thread, None) == ""
