"""Every command of the manager has a function in the worker that serves it."""

import typing

import pytest

from bluesky_qs.errors import WorkerError
from bluesky_qs.ipc.commands import NotePlace, WorkerCommand
from bluesky_qs.ipc.table import CommandTable
from bluesky_qs.worker import app


def test_the_worker_serves_every_command():
    assert app.COMMANDS.commands == set(typing.get_args(WorkerCommand))


def test_a_command_that_nothing_serves_is_refused_by_its_name():
    with pytest.raises(WorkerError, match="does not know the command NotePlace"):
        CommandTable().serve(None, NotePlace())
