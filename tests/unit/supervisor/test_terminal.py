"""Writing to a terminal that may be slow, blocked or gone."""

import os
import time

import pytest

from bluesky_qs.supervisor.terminal import TerminalWriter


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def read(fd, size):
    data = b""
    while len(data) < size:
        data += os.read(fd, 65536)
    return data


@pytest.mark.parametrize("blocking", [True, False])
def test_all_is_written_in_order_to_one_that_is_slow(pipe, blocking):
    reader, writer = pipe
    os.set_blocking(writer, blocking)
    terminal = TerminalWriter(writer)
    pieces = [bytes([65 + number]) * 50_000 for number in range(20)]
    for piece in pieces:
        terminal.write(piece)
    assert read(reader, 1_000_000) == b"".join(pieces)
    terminal.close(timeout=10)


def test_what_is_too_much_is_left_out_and_counted_once(pipe):
    reader, writer = pipe
    terminal = TerminalWriter(writer, limit=1_000_000)
    for _ in range(30):
        terminal.write(b"x" * 100_000)
    shown = b""
    while not shown.endswith(b"too slow]\n"):
        shown += os.read(reader, 65536)
    left_out = int(shown.partition(b"[")[2].split()[0])
    assert shown.count(b"x") + left_out == 3_000_000
    terminal.write(b"goes on")
    assert read(reader, 7) == b"goes on"
    terminal.close(timeout=10)


def test_closing_does_not_wait_for_a_blocked_one(pipe):
    reader, writer = pipe
    terminal = TerminalWriter(writer)
    terminal.write(b"x" * 1_000_000)
    begin = time.monotonic()
    terminal.close(timeout=0.1)
    assert time.monotonic() - begin < 5
    read(reader, 1_000_000)


def test_one_that_has_gone_hurts_nobody():
    reader, writer = os.pipe()
    os.close(reader)
    terminal = TerminalWriter(writer)
    for _ in range(100):
        terminal.write(b"x" * 100_000)
    terminal.close(timeout=10)
    os.close(writer)
