"""What happens to a plan at the moment when it is to start."""

import asyncio
import json

import pytest

from bluesky_qs.ipc.commands import RunPlan
from bluesky_qs.ipc.states import EnvironmentState, WorkerState
from bluesky_qs.manager.events import EventBook
from bluesky_qs.manager.ledger import Ledger
from bluesky_qs.manager.runner import Runner
from bluesky_qs.manager.state import Event, Lifecycle, ManagerState
from bluesky_qs.plan_queue.changes import Snapshot
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.store.memory import MemoryStore

PLAN = {"item_type": "plan", "name": "count", "user": "tester", "user_group": "primary"}


class LosesItsWorker(MemoryStore):
    """A store that is busy with a commit while the worker dies."""

    environment = None

    async def commit(self, changes):
        await super().commit(changes)
        if self.environment is not None:
            self.environment.is_open = False


class Environment:
    """An open environment whose worker is never heard of again."""

    is_open = True
    runs = ()
    state = WorkerState(EnvironmentState.IDLE, engine="idle")

    @property
    def link(self):
        raise AssertionError("nothing is sent to a worker that is gone")


class Lists:
    """Lists in which everything is allowed."""

    @property
    def catalog(self):
        return self

    def check(self, item, group):
        pass


@pytest.fixture
async def store():
    return LosesItsWorker()


@pytest.fixture
async def runner(store):
    ledger = Ledger(store, EventBook([], lambda event: None), lambda: None)
    lifecycle = Lifecycle(lambda: None)
    lifecycle.fire(Event.FOUND_NOTHING_RUNNING)
    queue = PlanQueue.restore(Snapshot())
    runner = Runner(
        queue=queue,
        ledger=ledger,
        lists=Lists(),
        environment=Environment(),
        lifecycle=lifecycle,
        changed=lambda: None,
        spawn=asyncio.ensure_future,
        autostart=False,
        stop_pending=False,
    )
    writer = asyncio.create_task(ledger.write())
    yield runner, queue, ledger, lifecycle
    writer.cancel()


async def test_a_plan_whose_worker_dies_before_it_is_sent_is_first_again_even_if_failures_are_ignored(store, runner):
    runner, queue, ledger, lifecycle = runner
    await ledger.commit(queue.set_mode({"ignore_failures": True}))
    await ledger.commit(queue.add(PLAN))
    store.environment = runner._environment
    await runner.start()
    assert lifecycle.state is ManagerState.STARTING_QUEUE
    await runner.worker_lost("the worker was killed")
    (past,) = map(json.loads, queue.history_json())
    assert past["result"]["msg"] == "the worker was killed"
    assert [json.loads(item)["name"] for item in queue.items_json()] == ["count"]


class BusyLink:
    """A worker that takes what is sent, and answers when it comes to it."""

    def __init__(self):
        self.sent = asyncio.Queue()
        self.answer = asyncio.Event()

    async def request(self, command):
        self.sent.put_nowait(command)
        await self.answer.wait()


async def test_whoever_starts_a_plan_does_not_wait_until_the_worker_has_taken_it(runner, monkeypatch):
    runner, queue, ledger, lifecycle = runner
    link = BusyLink()
    monkeypatch.setattr(Environment, "link", link)
    await ledger.commit(queue.add(PLAN))
    async with asyncio.timeout(30):
        await runner.start()
        assert queue.running_uid is not None
        assert isinstance(await link.sent.get(), RunPlan)
    assert lifecycle.state is ManagerState.EXECUTING_QUEUE
    link.answer.set()
