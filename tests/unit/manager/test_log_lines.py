import asyncio
import io
import logging
import select
import threading

import pytest

from bluesky_qs.ipc.item_marks import Marks
from bluesky_qs.manager.loop.log_lines import SENDS, TurnHandler

MARKS = Marks("secret")


class Pipe(io.StringIO):
    """Keeps each piece that is written to it."""

    def __init__(self):
        super().__init__()
        self.pieces = []

    def write(self, text):
        self.pieces.append(text)
        return len(text)


@pytest.fixture
def pipe():
    return Pipe()


@pytest.fixture
def log(pipe):
    logger = logging.getLogger("a test of the manager's log")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = TurnHandler(pipe, MARKS)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


async def test_the_lines_of_one_turn_are_written_together(log, pipe):
    log.info("one")
    log.info("two")
    assert pipe.pieces == []
    await asyncio.sleep(0)
    assert pipe.pieces == ["one\ntwo\n"]
    log.info("three")
    await asyncio.sleep(0)
    assert pipe.pieces == ["one\ntwo\n", "three\n"]


async def test_a_line_shows_its_values_as_they_were_when_it_was_logged(log, pipe):
    names = ["det1"]
    log.info("read %s", names)
    names.append("det2")
    await asyncio.sleep(0)
    assert pipe.pieces == ["read ['det1']\n"]


async def test_a_warning_is_written_immediately_after_the_lines_before_it(log, pipe):
    log.info("before")
    log.warning("careful")
    assert pipe.pieces == ["before\ncareful\n"]


async def test_a_line_about_the_start_of_an_item_is_written_with_its_mark_before_the_item_is_sent(log, pipe):
    log.info("before")
    log.info("Starting %s", "count", extra={SENDS: "uid-1"})
    assert pipe.pieces == ["before\nStarting count\n" + MARKS.sent("uid-1").decode()]


def test_outside_the_loop_every_line_is_written_immediately(log, pipe):
    log.info("one")
    log.info("two")
    assert pipe.pieces == ["one\n", "two\n"]


async def test_a_line_of_another_thread_is_not_held(log, pipe):
    thread = threading.Thread(target=log.info, args=("from a thread",))
    thread.start()
    thread.join()
    assert pipe.pieces == ["from a thread\n"]


async def test_many_lines_are_written_in_pieces_that_a_pipe_takes_whole(log, pipe):
    lines = [f"{number} {'x' * 100}\n" for number in range(200)]
    for line in lines:
        log.info("%s", line[:-1])
    await asyncio.sleep(0)
    assert "".join(pipe.pieces) == "".join(lines)
    assert len(pipe.pieces) > 1
    assert all(len(piece) <= select.PIPE_BUF and piece.endswith("\n") for piece in pipe.pieces)


async def test_a_closed_stream_does_not_stop_the_service(log, pipe, capsys):
    pipe.close()
    pipe.write = io.StringIO.write.__get__(pipe)
    log.warning("lost")
    assert "closed file" in capsys.readouterr().err
