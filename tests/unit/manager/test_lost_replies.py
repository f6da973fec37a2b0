"""Replies that a worker owes when it ends."""

import asyncio
import gc

import pytest

from bluesky_qs.errors import WorkerLost
from bluesky_qs.manager import lost_replies


async def test_whoever_waits_learns_the_reason_and_a_reply_without_anybody_is_no_error_in_the_log():
    loop, problems = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: problems.append(context["message"]))
    awaited, forgotten, answered = (loop.create_future() for _ in range(3))
    answered.set_result("fine")
    lost_replies.fail([awaited, forgotten, answered], "The worker has ended")
    with pytest.raises(WorkerLost, match="The worker has ended"):
        await awaited
    assert await answered == "fine"
    del forgotten
    gc.collect()
    assert problems == []
