"""A child process of the supervisor."""

import signal
import subprocess
import sys

import pytest

from bluesky_qs.supervisor.child import Child, Lifeline

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
