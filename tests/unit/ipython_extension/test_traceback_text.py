"""A failed plan's traceback shows the user's code."""

import sys

import pytest
from IPython.lib.pretty import pretty

from bluesky_qs.testing import End, Fail
from ipython_extension.shown.error_rendering import NotDone
from ipython_extension.shown.traceback_text import folded

TRACE = """\
Traceback (most recent call last):
  File "/env/site-packages/bluesky/run_engine.py", line 1566, in _run
    msg = self._plan_stack[-1].send(resp)
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/env/site-packages/bluesky/utils/__init__.py", line 3, in inner
    yield
  File "/home/ada/startup/10-plans.py", line 49, in fail
    yield from bps.mv(motor, 1)
  File "/env/site-packages/bluesky/plan_stubs.py", line 7, in mv
    raise ValueError("bad")
ValueError: bad
  of two lines

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/home/ada/startup/10-plans.py", line 51, in fail
    raise RuntimeError from error
RuntimeError
"""
SHOWN = """\
Traceback (most recent call last):
  … 2 frames in the code of bluesky
  File "/home/ada/startup/10-plans.py", line 49, in fail
    yield from bps.mv(motor, 1)
  File "/env/site-packages/bluesky/plan_stubs.py", line 7, in mv
    raise ValueError("bad")
ValueError: bad
  of two lines

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/home/ada/startup/10-plans.py", line 51, in fail
    raise RuntimeError from error
RuntimeError"""


def test_frames_of_bluesky_are_folded_but_for_the_one_that_raises():
    assert folded(TRACE) == SHOWN


@pytest.mark.parametrize("text", ["", "no traceback at all\n    of any kind", "ValueError: x"])
def test_what_is_no_traceback_stays(text):
    assert folded(text) == text


def test_a_failed_plan_is_shown_with_it_and_keeps_the_whole(shell, qs, opened, capsys):
    opened.worker.on_plan("count", Fail("RuntimeError", TRACE))
    result = shell.run_cell("%qs run count([det1])")
    assert capsys.readouterr().out.startswith(SHOWN)
    assert isinstance(result.error_in_exec, NotDone)
    assert result.error_in_exec.detail == TRACE
    item = qs("item -1")
    assert SHOWN in pretty(item)
    assert item["result"]["traceback"] == TRACE


def test_control_characters_and_megabytes_of_a_traceback_do_not_reach_the_terminal():
    shown = folded(TRACE + "ValueError: \x1b[2Jwiped\r" + "x" * 1_000_000 + "\nTheEnd: y")
    assert shown.startswith(SHOWN[:200])
    assert shown.endswith("TheEnd: y")
    assert not set("\x1b\r") & set(shown)
    assert len(shown.encode()) <= 10_000


def test_in_a_terminal_the_code_and_the_message_of_a_traceback_are_broken_at_blanks(shell, opened, capsys, monkeypatch):
    words = "the detector has not reported anything since the shutter was opened " * 2
    frame = f'  File "/home/ada/{"long " * 20}/10-plans.py", line 49, in fail'
    trace = f"Traceback (most recent call last):\n{frame}\n    raise Error('{words}')\nError: {words}\n  {words}\n"
    opened.worker.on_plan("count", Fail("Error", trace))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    shell.run_cell("%qs run count([det1])")
    lines = capsys.readouterr().out.splitlines()
    assert frame in lines
    assert all(len(line) <= 80 for line in lines if line != frame)
    code = [line for line in lines if line.startswith("    ") and line.strip()]
    assert " ".join(line.strip() for line in code) == f"raise Error('{words}')"


def test_an_aborted_plan_is_shown_with_its_traceback_and_the_reason(shell, qs, opened, capsys):
    opened.worker.on_plan("count", End("aborted", "The plan aborted itself", TRACE))
    result = shell.run_cell("%qs run count([det1])")
    shown = capsys.readouterr().out
    assert shown.startswith(SHOWN)
    assert "aborted: The plan aborted itself" in shown
    assert isinstance(result.error_in_exec, NotDone)
