"""Replies that the worker sends as reports."""

import asyncio
import gc

import pytest

from bluesky_qs.errors import WorkerError, WorkerLost
from bluesky_qs.ipc.commands import ReadDevices
from bluesky_qs.manager.worker.late_replies import LateReplies
from bluesky_qs.manager.worker.subscriptions import WorkerGone

COMMAND = ReadDevices("uid", [], [], "primary", 0)
PATIENCE = 60


class Environment:
    """The worker accepts every command, after it has done something else."""

    def __init__(self, before_answer):
        self._before_answer = before_answer

    async def query(self, command):
        self._before_answer()


def replies(before_answer):
    found = LateReplies(Environment(lambda: before_answer(found)))
    return found


@pytest.fixture
async def errors():
    """The errors that asyncio would log."""
    found = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context["message"]))
    yield found
    asyncio.get_running_loop().set_exception_handler(None)


async def test_a_reply_may_come_before_the_worker_has_accepted_the_command():
    found = replies(lambda replies: replies.arrived("uid", b"{}"))
    assert await found.request("uid", COMMAND, PATIENCE) == b"{}"
    assert len(found) == 0


async def test_a_request_fails_with_the_worker():
    found = replies(lambda replies: replies.lost(WorkerGone("was killed")))
    with pytest.raises(WorkerLost, match="was killed"):
        await found.request("uid", COMMAND, PATIENCE)


async def test_a_reply_that_nobody_waits_for_is_ignored():
    found = replies(lambda replies: replies.arrived("other", b"{}"))
    with pytest.raises(WorkerError, match="does not answer"):
        await found.request("uid", COMMAND, 0)


async def test_a_worker_that_ends_while_it_refuses_a_command_leaves_no_error_in_the_log(errors):
    def refuse(replies):
        replies.lost(WorkerGone("was killed"))
        raise WorkerError("refused")

    found = replies(refuse)
    with pytest.raises(WorkerError, match="refused"):
        await found.request("uid", COMMAND, PATIENCE)
    gc.collect()  # asyncio logs an exception that was never retrieved when its future is deleted
    await asyncio.sleep(0)
    assert errors == []
