"""Times of plans are learned when they end, and kept in a file that may be lost."""

import asyncio
import json
from contextlib import asynccontextmanager

from bluesky_qs.errors import StoreError
from bluesky_qs.foresight.learned import Learned, parameters_key
from bluesky_qs.foresight.sample import Sample
from bluesky_qs.foresight.work import Member, Work
from bluesky_qs.ipc.reports import PlanEnded, PlanTimes
from bluesky_qs.ipc.states import EnvironmentState, WorkerState
from bluesky_qs.manager.estimates.learned_times import NAME, LearnedTimes
from bluesky_qs.manager.estimates.stored_times import StoredTimes
from bluesky_qs.manager.estimates.times import Times
from bluesky_qs.manager.loop.changes import Changes
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.store.memory import MemoryStore
from bluesky_qs.testing import AsyncManager

ITEM = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 3}, "user": "Ann"}


def measured(seconds):
    """What the worker has measured: three triggers of this duration."""
    work = Work()
    work.waits[Member("trigger", "det1", None, 0),] = 3
    return {
        "work": work.to_json(),
        "actions": [["trigger", "det1", None, 0, *Sample(3, seconds).to_json()]],
        "messages": [["begin", "", 1, 0.0, 0.0]],
        "events": 3,
    }


def ran(times, queue, seconds, *, status="completed", paused=0.0, by_hand=False):
    """A plan with three triggers has run."""
    uid = queue.add(ITEM).items[0]["item_uid"]
    queue.start_next(100.0)
    ended = PlanEnded(
        item_uid=uid,
        exit_status=status,
        run_uids=[],
        scan_ids=[],
        time_start=100.0,
        time_stop=100.0 + 3 * seconds + 0.5 + paused,
        message="",
        traceback="",
        state=WorkerState(EnvironmentState.IDLE),
        time_paused=paused,
        resumed_by_hand=by_hand,
    )
    times.plan_ended(ended)
    queue.finish({"exit_status": status})
    times.arrived(PlanTimes(uid, json.dumps(measured(seconds)).encode()))


@asynccontextmanager
async def learning(kept):
    kept = kept if isinstance(kept, StoredTimes) else LearnedTimes(kept)
    times = Times(queue := PlanQueue(), kept, Changes())
    await times.recall()
    task = asyncio.create_task(times.live())
    await asyncio.sleep(0)
    try:
        yield times, queue
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_completed_plan_is_learned_without_its_pauses():
    async with learning(None) as (times, queue):
        ran(times, queue, 1.0, paused=60.0)
        ran(times, queue, 1.0)
        record = times.learned.plans["count"]
        assert [(run.seconds, run.points, run.parameters) for run in record.runs] == [
            (3.5, 3, parameters_key(ITEM))
        ] * 2
        assert len(record.errors) == 1, "nothing was expected from the first"


async def test_of_a_plan_that_did_not_complete_only_the_actions_count():
    async with learning(None) as (times, queue):
        ran(times, queue, 1.0, status="aborted")
        ran(times, queue, 1.0, by_hand=True)
        assert times.learned.plans == {}
        assert times.learned.actions["trigger", "det1"].expected(None, {}).mean == 1.0


async def test_what_was_learned_survives_a_restart_and_the_loss_of_its_file(tmp_path):
    async with learning(tmp_path / "new") as (times, queue):
        ran(times, queue, 1.0)
    async with learning(tmp_path / "new") as (times, queue):
        assert len(times.learned.plans["count"].runs) == 1
        ran(times, queue, 1.0)
    (tmp_path / "new" / NAME).write_bytes(b"no longer a database" * 500)
    async with learning(tmp_path / "new") as (times, queue):
        assert times.learned.plans == {}
        ran(times, queue, 1.0)
    async with learning(tmp_path / "new") as (times, queue):
        assert len(times.learned.plans["count"].runs) == 1


async def test_a_file_that_cannot_be_written_costs_only_one_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    async with learning(tmp_path / "file" / "folder") as (times, queue):
        ran(times, queue, 1.0)
        ran(times, queue, 1.0)
        assert len(times.learned.plans["count"].runs) == 2
    assert caplog.text.count("Learned times are not being saved at present") == 1


class Rows:
    """Derived rows in memory, which can be refused."""

    def __init__(self):
        self.kept = {}
        self.refusal = ""

    async def load(self):
        self._refuse()
        return [(kind, key, text) for (kind, key), text in self.kept.items()]

    async def keep(self, changes):
        self._refuse()
        self.kept.update({(kind, key): text for kind, key, text in changes})

    def _refuse(self):
        if self.refusal:
            raise StoreError(self.refusal)


async def test_a_store_with_a_place_for_learned_times_keeps_them():
    rows = Rows()
    async with learning(StoredTimes(rows)) as (times, queue):
        ran(times, queue, 1.0)
    async with learning(StoredTimes(rows)) as (times, queue):
        assert len(times.learned.plans["count"].runs) == 1


async def test_a_manager_keeps_learned_times_where_its_store_says():
    store = MemoryStore()
    store.learned_times = Rows()
    async with AsyncManager(store=store) as manager:
        manager.worker.times = measured(1.0)
        await manager.open()
        await manager.add("count", ["det1"])
        await manager.do("queue_start")
        await manager.until_idle()
    assert ("plan", '"count"') in store.learned_times.kept


async def test_a_store_that_refuses_learned_times_costs_only_one_warning(caplog):
    rows = Rows()
    rows.refusal = "Redis is away."
    async with learning(StoredTimes(rows)) as (times, queue):
        for _ in range(2):
            ran(times, queue, 1.0)
            await asyncio.sleep(0)
        assert len(times.learned.plans["count"].runs) == 2
    assert caplog.text.count("Learned times are not being saved at present: Redis is away.") == 1


async def test_times_that_cannot_be_read_are_left_aside(caplog):
    async with learning(None) as (times, _):
        times.arrived(PlanTimes("unknown", b'{"work": 3}'))
        assert times.learned.actions == {}
    assert "cannot be used" in caplog.text


def test_kept_times_of_another_version_are_ignored():
    learned = Learned()
    rows = [("plan", '"count"', "[]"), ("plan", '"scan"', "{}"), ("action", '["set", "m"]', "[3]"), ("new", '"x"', "1")]
    learned.load([*rows, ("settings", '"m"', '{"speed": 2.0}')])
    assert (learned.plans, learned.actions, learned.settings) == ({}, {}, {"m": {"speed": 2.0}})
