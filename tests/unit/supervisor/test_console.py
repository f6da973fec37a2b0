"""The console of the supervisor, without its thread and its sockets."""

import os
import time

import pytest

from bluesky_qs.ipc.item_marks import Marks
from bluesky_qs.supervisor.console import Console


@pytest.fixture
def console():
    console = Console(publish=False, encoding="json", terminal=None)
    yield console
    console.stop()


def test_a_line_whose_rest_is_in_the_pipe_when_it_is_due_is_published_whole(console):
    os.write(console.output, b"one\ntw")
    console._read()
    console._emit(time.monotonic())
    assert console.record.text() == "one\n"
    os.write(console.output, b"o\n")
    console._emit(time.monotonic() + 1)
    first, second = console.record.page(0, 10).messages
    assert b'"msg":"two\\n"' in second
    assert b'"msg":"one\\n"' in first


@pytest.fixture
def worker(console):
    """The output of a worker and its marks."""
    output = console.worker_output()
    console._work()
    yield output.writer, Marks(output.token)
    os.close(output.writer)


def shown(console):
    console._read()
    console._emit(time.monotonic(), everything=True)
    return console.record.text()


def test_the_manager_s_line_about_a_start_stands_before_what_the_plan_prints(console, worker):
    writer, marks = worker
    sent = Marks(console.manager_token).sent
    os.write(console.output, b"Starting one\n" + sent("uid-1"))
    os.write(writer, b"before\n" + marks.begin("uid-1", 0.0) + b"one prints\n" + marks.end("uid-1"))
    os.write(console.output, b"one ended\nStarting two\n" + sent("uid-2"))
    os.write(writer, marks.begin("uid-2", 0.0) + b"two prints\n" + marks.end("uid-2"))
    os.write(console.output, b"two ended\n")
    assert shown(console) == ("before\nStarting one\none prints\none ended\nStarting two\ntwo prints\ntwo ended\n")


def test_a_line_about_a_start_that_was_read_earlier_holds_nothing_back(console, worker):
    writer, marks = worker
    os.write(console.output, b"Starting one\n" + Marks(console.manager_token).sent("uid-1"))
    assert shown(console) == "Starting one\n"
    os.write(writer, marks.begin("uid-1", 0.0) + b"one prints\n" + marks.end("uid-1"))
    os.write(console.output, b"one ended\n")
    assert shown(console) == "Starting one\none prints\none ended\n"


def test_a_task_that_the_manager_does_not_mention_is_shown_before_the_manager_s_lines(console, worker):
    writer, marks = worker
    os.write(writer, marks.begin("task", 0.0) + b"it prints\n" + marks.end("task"))
    os.write(console.output, b"something else\n")
    assert shown(console) == "it prints\nsomething else\n"
