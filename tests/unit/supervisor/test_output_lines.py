"""The forms of a line of output, and how lines are put together."""

import json
import os
from datetime import datetime

import pytest

from bluesky_qs.supervisor.output_lines import LONGEST, WholeLines, as_it_is, as_json, for_journal, is_journal

LINE = b"[%s 2026-12-01 12:20:54,788 bluesky_qs.manager.app] Something [happened]"


@pytest.mark.parametrize(
    ("letter", "priority"), [(b"D", b"<7>"), (b"I", b"<6>"), (b"W", b"<4>"), (b"E", b"<3>"), (b"C", b"<2>")]
)
def test_the_journal_gets_the_priority_of_a_line(letter, priority):
    assert for_journal(LINE % letter) == priority + LINE % letter


@pytest.mark.parametrize("line", [b"Traceback (most recent call last):", b"<0>of a plan", b"[E 2026] no time"])
def test_what_is_no_line_of_the_log_is_information_for_the_journal(line):
    assert for_journal(line) == b"<6>" + line


def test_a_line_of_the_log_as_json():
    entry = json.loads(as_json(LINE % b"W"))
    assert datetime.fromisoformat(entry.pop("time")) == datetime(2026, 12, 1, 12, 20, 54, 788000).astimezone()
    assert entry == {"level": "WARNING", "logger": "bluesky_qs.manager.app", "message": "Something [happened]"}


def test_output_as_json_has_a_logger_of_its_own():
    entry = json.loads(as_json(b'caf\xc3\xa9 "5" \xff'))
    assert datetime.fromisoformat(entry.pop("time")).tzinfo is not None
    assert entry == {"level": "INFO", "logger": "output", "message": 'café "5" �'}


@pytest.fixture
def written():
    return []


@pytest.fixture
def lines(written):
    return WholeLines(as_it_is, written.append)


def test_pieces_of_two_sources_do_not_get_into_one_line(lines, written):
    lines.add("worker", b"half of")
    lines.add("manager", b"a line\n")
    lines.add("worker", b" a line\nand")
    assert written == [b"a line\n", b"half of a line\n"]
    lines.end("worker")
    lines.end("manager")
    assert written[2:] == [b"and\n"]


def test_only_the_last_state_of_a_progress_bar_is_kept(lines, written):
    lines.add("worker", b"\r10 %\r50 %\r100 %\r\nnext\r\n")
    assert written == [b"100 %\nnext\n"]


def test_a_line_without_end_is_cut(lines, written):
    lines.add("worker", b"x" * (2 * LONGEST + 1))
    lines.end("worker")
    assert b"".join(written) == b"\n".join([b"x" * LONGEST, b"x" * LONGEST, b"x", b""])


def test_the_journal_is_known_by_its_file(tmp_path):
    reader, writer = os.pipe()
    status = os.fstat(writer)
    assert is_journal(writer, f"{status.st_dev}:{status.st_ino}")
    assert not is_journal(writer, f"{status.st_dev}:{status.st_ino + 1}")
    assert not is_journal(writer, None)
    os.close(reader)
    os.close(writer)
