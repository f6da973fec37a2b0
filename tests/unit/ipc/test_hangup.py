"""SIGHUP while a program starts."""

import os
import pty
import signal
import subprocess
import sys

import pytest

from bluesky_qs.ipc.hangup import early_hangup_handled, handle_early_hangup

_PROGRAM = """
import signal
from bluesky_qs.ipc.hangup import early_hangup_handled
with early_hangup_handled():
    print("begun", flush=True)
    signal.pause()
    print("still there", flush=True)
"""


@pytest.fixture
def hangups():
    """Restores the handler."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_hangup_is_remembered_while_a_program_starts(hangups):
    with early_hangup_handled():
        handler = signal.getsignal(signal.SIGHUP)
        assert not handler.arrived
        signal.raise_signal(signal.SIGHUP)
        assert handler.arrived


def test_under_nohup_hangups_stay_ignored(hangups):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    handle_early_hangup(outlives_terminal=True)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_program_whose_terminal_is_closed_while_it_starts_ends():
    ours, terminal = pty.openpty()
    command = ["setsid", "--ctty", sys.executable, "-c", _PROGRAM]
    with subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE, text=True) as program:
        os.close(terminal)
        assert program.stdout.readline() == "begun\n"
        os.close(ours)  # the kernel sends SIGHUP
        assert program.wait(60) == -signal.SIGHUP
        assert program.stdout.read() == ""
