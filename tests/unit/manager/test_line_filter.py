"""Lines of the console that are selected by text and by level."""

import pytest

from bluesky_qs.errors import BadParams
from bluesky_qs.manager.requests.line_filter import LineFilter
from bluesky_qs.wire.info import ConsoleMessage


def selected(*texts, grep=None, level=None):
    messages = [ConsoleMessage(float(seq), text, seq) for seq, text in enumerate(texts, start=1)]
    return [(each.seq, each.msg) for each in LineFilter(grep, level).applied(messages)]


def test_lines_with_the_text_are_selected_and_case_is_ignored():
    assert selected("Moving motor\nother\n", "MOTOR done\n", grep="motor") == [
        (1, "Moving motor\n"),
        (2, "MOTOR done\n"),
    ]


def test_a_line_in_two_messages_is_one_line():
    assert selected("a mo", "tor\nb\n", grep="motor") == [(1, "a motor\n")]
    assert selected("a\nmot", "or", grep="motor") == [(1, "motor")]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("[E 2026-11-29 16:59:59,198 bluesky_qs.worker.engine] The plan failed", "ERROR"),
        ("[W 12:30:01.123       run_engine: 1234] no beam", "WARNING"),
        ("\x1b[31m[E 12:30:01.123 run_engine: 1234]\x1b[0m no beam", "ERROR"),
        ("WARNING:root:no beam", "WARNING"),
        ("[ERROR] no beam", "ERROR"),
        ("2026-11-29 16:59:59,198 - ophyd - ERROR - no beam", "ERROR"),
        ("CRITICAL: no beam", "CRITICAL"),
        ("DEBUG no beam", "DEBUG"),
        ("no beam, ERROR", "INFO"),
        ("| 1 | 12:30:01.1 | 5.000 |", "INFO"),
        ("Errors are normal", "INFO"),
    ],
)
def test_level_of_a_line(line, level):
    levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    accepted = [each for each in levels if selected(line, level=each)]
    assert accepted == levels[: levels.index(level) + 1]


TRACEBACK = """\
[E 2026-11-29 16:59:59,198 x] The plan failed
Traceback (most recent call last):
  File "plans.py", line 5, in plan
    1 / 0
ZeroDivisionError: division by zero

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "plans.py", line 7, in plan
    raise KeyError
KeyError
"""


def test_a_traceback_belongs_to_its_record():
    assert selected(f"before\n{TRACEBACK}after\n", level="error") == [(1, TRACEBACK)]


def test_indented_lines_belong_to_the_record_above_them():
    assert selected("WARNING: no beam\n  since noon\nother\n", level="WARNING") == [
        (1, "WARNING: no beam\n  since noon\n")
    ]


def test_text_and_level_are_combined():
    assert selected("ERROR: motor\nERROR: det\nmotor\n", grep="motor", level="ERROR") == [(1, "ERROR: motor\n")]


def test_an_unknown_level_is_refused():
    with pytest.raises(BadParams, match=r"Parameter 'level' must be one of DEBUG, .*: level='loud'"):
        LineFilter(None, "loud")
