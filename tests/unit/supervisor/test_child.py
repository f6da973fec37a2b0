"""A child process of the supervisor."""

import os
import signal
import subprocess
import sys

import pytest

from bluesky_qs.supervisor.child import Child, Lifeline
from bluesky_qs.supervisor.policy import Exit

_PROGRAM = """
import signal, sys
from bluesky_qs.ipc.child import begin_door
begin_door(["", "directory"])
sys.exit(17 if signal.getsignal(signal.SIGHUP).arrived else 1)
"""
_ARRIVED = 17


@pytest.fixture
def lifeline():
    lifeline = Lifeline()
    yield lifeline
    lifeline.close()


def test_a_child_that_a_signal_has_stopped_is_known(lifeline):
    command = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"]
    child = Child(command, output=subprocess.DEVNULL, lifeline=lifeline)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    assert child.is_stopped
    child.send_signal(signal.SIGCONT)
    assert child.wait(60) == Exit(0, "exit code 0")
    assert not child.is_stopped


def test_a_hangup_before_the_first_line_of_the_door_does_not_end_it(lifeline):
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    command = [sys.executable, "-c", _PROGRAM]
    child = Child(command, output=subprocess.DEVNULL, lifeline=lifeline, held_signals=[signal.SIGHUP])
    child.send_signal(signal.SIGHUP)
    ended = child.wait(60)
    child.kill()
    assert ended is not None
    assert ended.code == _ARRIVED
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask
