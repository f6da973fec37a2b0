"""Dry runs in the worker, without a process: what happens when the system cannot copy the worker."""

import errno
import os
import sys
from pathlib import Path
from queue import Queue
from types import SimpleNamespace

import pytest

from bluesky_qs.ipc.commands import DryRun
from bluesky_qs.ipc.states import EnvironmentState
from bluesky_qs.worker.dry_runs import DryRuns

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="dry runs need a fork")


class Reports:
    """The reports of a worker that does nothing else."""

    def __init__(self):
        self.state = SimpleNamespace(environment=EnvironmentState.IDLE, item_uid=None)
        self.sent = Queue()

    def push(self, report):
        self.sent.put(report)


@pytest.fixture
def full_memory(monkeypatch):
    """A system without memory for another process."""

    def fork():
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(os, "fork", fork)


def test_a_worker_that_cannot_be_copied_goes_on_and_says_why(full_memory):
    reports = Reports()
    runs = DryRuns(None, reports, None, lambda job: job())
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(2):
        runs.ask(DryRun(str(number), b"[{}]", b"", 5.0, 5.0, []))
        ended = reports.sent.get(timeout=20)
        assert ended.uid == str(number)
        assert "the worker cannot be copied" in ended.refusal
        assert "Cannot allocate memory" in ended.refusal
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
