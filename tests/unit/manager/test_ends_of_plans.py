"""The end of a plan is recorded once, at whatever moment the service, the manager or the worker ends."""

import asyncio

import pytest

from bluesky_qs.manager import ending
from bluesky_qs.plan_queue.changes import AddHistory
from bluesky_qs.testing import AsyncManager, End, Fail, Measure, MemoryStore, Wait

#: Turns of the loop for a commit.
COMMIT = 5
#: Moments after the plan's end, in turns of the loop. The last one is after the commit.
MOMENTS = (0, 2, 4, 6, 9, 20)


class SlowStore(MemoryStore):
    """Needs some turns of the loop for a commit, which ends even if nobody waits for it.

    A test can hold back the commit of a plan's end.
    """

    def __init__(self):
        super().__init__()
        self.turns = 0
        self.go, self.held, self.closing = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.go.set()
        self._writing: asyncio.Task[None] | None = None

    async def commit(self, changes):
        self._writing = asyncio.ensure_future(self._write(changes))
        await asyncio.shield(self._writing)

    async def close(self):
        self.closing.set()
        if self._writing is not None:
            await self._writing

    async def _write(self, changes):
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if any(isinstance(change, AddHistory) for change in changes):
            self.held.set()
            await self.go.wait()
        await super().commit(changes)


async def begin(manager):
    """Run a plan that ends when the test says so; return its item."""
    await manager.open()
    manager.worker.on_plan("count", Measure(), Wait())
    item = await manager.add("count", ["det1"])
    await manager.do("queue_start")
    await manager.until(lambda _: manager.worker.is_waiting)
    return item


async def stopped(manager):
    """The service is stopped and started again."""
    await manager.stop()
    await manager.start()


async def replaced(manager):
    """The manager is killed; another one takes up its work."""
    await manager.die()
    await manager.replace()


async def killed(manager):
    """Everything is killed, and the service started again."""
    await manager.close()
    await manager.start()


async def worker_killed(manager):
    """The worker is killed, then the service is stopped and started again."""
    manager.worker.die("killed by SIGKILL", -9)
    await stopped(manager)


@pytest.mark.parametrize("step", [End("completed"), Fail("the shutter is stuck")], ids=["completed", "failed"])
@pytest.mark.parametrize("interrupted", [stopped, replaced, killed, worker_killed])
async def test_a_plan_is_recorded_once_whatever_ends_at_its_end(interrupted, step):
    for turns in MOMENTS:
        store = SlowStore()
        async with AsyncManager(store=store) as manager:
            item = await begin(manager)
            store.turns = COMMIT
            manager.worker.do(step)
            for _ in range(turns):
                await asyncio.sleep(0)
            await interrupted(manager)
            await manager.until(lambda status: status["manager_state"] == "idle" and status["items_in_history"])
            (ended,) = (await manager.do("history_get"))["items"]
            assert ended["item_uid"] == item["item_uid"]
            failed = ended["result"]["exit_status"] == "failed"
            assert failed or step == End("completed")
            requeued = (await manager.do("queue_get"))["items"]
            assert [each["item_uid"] == item["item_uid"] for each in requeued] == [False] * failed


async def test_an_end_that_becomes_durable_after_the_manager_has_given_it_up_is_recorded_once(monkeypatch, caplog):
    monkeypatch.setattr(ending, "_RECORDING_SECONDS", 0.0)
    store = SlowStore()
    async with AsyncManager(store=store) as manager:
        await begin(manager)
        store.go.clear()
        manager.worker.do(Fail("the shutter is stuck"))
        await store.held.wait()
        stopping = asyncio.ensure_future(manager.stop())
        while not store.closing.is_set():
            manager.clock.advance(1)
            await asyncio.sleep(0)
        assert "could not be stored" in caplog.text
        store.go.set()
        await stopping
        await manager.start()
        (ended,) = (await manager.do("history_get"))["items"]
        assert ended["result"]["msg"] == "the shutter is stuck"
        assert (await manager.do("status"))["items_in_queue"] == 1
