"""The console of the supervisor, without its thread and its sockets."""

import os
import time

import pytest

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
