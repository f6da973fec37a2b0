"""What happens to a plan at the moment when it is to start."""

import asyncio
import json

import pytest

from bluesky_qs.errors import WrongState
from bluesky_qs.ipc.commands import PausePlan, RunPlan
from bluesky_qs.ipc.reports import PlanEnded
from bluesky_qs.ipc.states import EnvironmentState, WorkerState
from bluesky_qs.manager.edits.events import EventBook
from bluesky_qs.manager.edits.ledger import Ledger
from bluesky_qs.manager.execution.runner import Runner
from bluesky_qs.manager.execution.switches import Switches
from bluesky_qs.manager.loop.clock import SystemClock
from bluesky_qs.manager.worker.state import Lifecycle, ManagerEvent, ManagerState
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
    lifecycle.fire(ManagerEvent.FOUND_NOTHING_RUNNING)
    queue = PlanQueue.restore(Snapshot())
    runner = Runner(
        queue=queue,
        ledger=ledger,
        lists=Lists(),
        environment=Environment(),
        lifecycle=lifecycle,
        clock=SystemClock(),
        changed=lambda: None,
        spawn=asyncio.ensure_future,
        switches=Switches(lambda: None),
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
    ((_, past),) = await store.read_history((await store.load()).history)
    past = json.loads(past)
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


class Worker:
    """An environment whose worker answers as the test says."""

    is_open = True
    runs = ()

    def __init__(self):
        self.state = WorkerState(EnvironmentState.IDLE, engine="idle")
        self.asked = []
        self.refuse_late = lambda: None
        self.answers = []

    @property
    def link(self):
        return self

    async def request(self, command):
        self.state = WorkerState(EnvironmentState.EXECUTING_PLAN, engine="running", item_uid=uid_in(command))

    async def send(self, command, refused=lambda: None):
        self.asked.append(command)
        self.refuse_late = refused
        if self.answers:
            await self.answers.pop(0)()


def uid_in(command):
    return json.loads(command.item)["item_uid"]


@pytest.fixture
async def running(runner):
    """A runner with a plan that runs in such a worker."""
    runner, queue, ledger, lifecycle = runner
    worker = runner._environment = Worker()
    begun = asyncio.Event()
    runner._spawn = lambda begin: asyncio.ensure_future(begin).add_done_callback(lambda _: begun.set())
    await ledger.commit(queue.add(PLAN))
    await runner.start()
    await begun.wait()
    assert worker.state.item_uid == queue.running_uid
    return runner, worker, lifecycle


async def test_a_plan_whose_resume_the_worker_refuses_after_a_while_is_seen_to_be_paused_still(running):
    runner, worker, lifecycle = running
    worker.state = WorkerState(EnvironmentState.IDLE, engine="paused", item_uid=worker.state.item_uid, pauses=1)
    runner.engine_changed(worker.state)
    assert lifecycle.state is ManagerState.PAUSED
    await runner.resume_plan("resume")
    assert lifecycle.state is ManagerState.EXECUTING_QUEUE
    worker.refuse_late()
    assert lifecycle.state is ManagerState.PAUSED


async def test_a_pause_whose_refusal_is_heard_when_the_next_plan_runs_already_is_passed_on_to_that(running):
    runner, worker, _ = running

    async def refuse():
        raise WrongState("No plan is running")

    worker.answers = [refuse]
    await runner.pause("immediate")
    assert worker.asked == [PausePlan("immediate")] * 2


async def test_a_pause_that_is_refused_after_a_while_holds_the_queue_at_the_end_of_the_plan(running):
    runner, worker, lifecycle = running
    await runner._ledger.commit(runner._queue.add(PLAN))
    await runner.pause("deferred")
    worker.refuse_late()
    uid = worker.state.item_uid
    idle = WorkerState(EnvironmentState.IDLE, engine="idle")
    await runner.plan_ended(PlanEnded(uid, "completed", [], [], 1.0, 2.0, "", "", idle), lambda: None)
    assert lifecycle.state is ManagerState.IDLE
    assert len(runner._queue) == 1
