import asyncio
import gc
import json

import pytest

from bluesky_qs.errors import ItemError, StoreError
from bluesky_qs.manager.edits.events import EventBook, EventEdit, TasksChanged
from bluesky_qs.manager.edits.ledger import Ledger
from bluesky_qs.plan_queue.changes import AddHistory, SetFact, Snapshot, TrimHistory
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.store.memory import MemoryStore

PLAN = {"item_type": "plan", "name": "count"}


@pytest.fixture
async def store():
    store = MemoryStore()
    await store.open()
    return store


@pytest.fixture
async def ledger(store):
    ledger = Ledger(store, EventBook([], lambda event: None), lambda: None)
    writer = asyncio.create_task(ledger.write())
    yield ledger
    writer.cancel()


async def test_an_edit_is_in_the_store_when_its_commit_returns(ledger, store):
    queue = PlanQueue.restore(Snapshot())
    await ledger.commit(queue.add(PLAN))
    assert [item.data for item in (await store.load()).items] == queue.items_json()


async def test_edits_made_in_the_same_turn_are_stored_in_their_order(ledger, store):
    queue = PlanQueue.restore(Snapshot())
    await asyncio.gather(*(ledger.commit(queue.add(PLAN, pos="front")) for _ in range(20)))
    assert [item.data for item in (await store.load()).items] == queue.items_json()


async def test_a_store_that_fails_takes_back_the_edit_and_all_that_were_made_on_it(ledger, store):
    queue = PlanQueue.restore(Snapshot())
    await ledger.commit(queue.add(PLAN))
    before = list(queue.items_json())
    store.refuse = "disk full"
    first, second = queue.add(PLAN), queue.add(PLAN, pos="front")
    results = await asyncio.gather(ledger.commit(first), ledger.commit(second), return_exceptions=True)
    assert [str(result) for result in results] == ["disk full", "disk full"]
    assert queue.items_json() == before


async def test_an_edit_that_changes_nothing_needs_no_store(ledger, store):
    queue = PlanQueue.restore(Snapshot())
    store.refuse = "disk full"
    await ledger.commit(queue.clear())


async def test_after_a_failure_the_store_is_tried_again_with_the_next_edit(ledger, store):
    queue = PlanQueue.restore(Snapshot())
    store.refuse = "disk full"
    with pytest.raises(StoreError):
        await ledger.commit(queue.add(PLAN))
    store.refuse = None
    await ledger.commit(queue.add(PLAN))
    assert len((await store.load()).items) == 1


async def test_a_failure_that_nobody_waits_for_is_no_concern_of_asyncio(ledger, store):
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    store.refuse = "disk full"
    ledger.submit(EventEdit(TasksChanged("uid")))
    await ledger.drain()
    gc.collect()
    assert complaints == []


class SlowStore(MemoryStore):
    """A store whose commits take until `go` allows them."""

    def __init__(self):
        super().__init__()
        self.commits = []
        self.go = asyncio.Semaphore(0)
        self.begun = asyncio.Semaphore(0)

    async def commit(self, changes):
        self.commits.append(list(changes))
        self.begun.release()
        await self.go.acquire()
        await super().commit(changes)


@pytest.fixture
async def slow():
    return SlowStore()


@pytest.fixture
async def slow_ledger(slow):
    ledger = Ledger(slow, EventBook([], lambda event: None), lambda: None)
    writer = asyncio.create_task(ledger.write())
    yield ledger
    writer.cancel()


class Note:
    """An edit that notes when it is taken back."""

    record = None

    events = ()

    def __init__(self, name, undone):
        self.changes = [SetFact("lock_info", name.encode())]
        self.undo = lambda: undone.append(name)


def facts(commit):
    return [change.data for change in commit if isinstance(change, SetFact)]


async def test_edits_that_arrive_while_one_is_written_share_the_next_commit(slow, slow_ledger):
    first = slow_ledger.submit(Note("a", []))
    await slow.begun.acquire()
    others = [slow_ledger.submit(Note(name, [])) for name in ("b", "c", "d")]
    slow.go.release()
    slow.go.release()
    await asyncio.gather(first, *others)
    assert [facts(commit) for commit in slow.commits] == [[b"a"], [b"b", b"c", b"d"]]


async def test_what_stands_on_an_edit_that_failed_is_taken_back_with_it_the_newest_first(slow, slow_ledger):
    undone = []
    kept = slow_ledger.submit(Note("kept", undone))
    await slow.begun.acquire()
    failed = [slow_ledger.submit(Note("a", undone), Note("b", undone)), slow_ledger.submit(Note("c", undone))]
    slow.go.release()
    await kept
    slow.refuse = "disk full"
    await slow.begun.acquire()
    failed.append(slow_ledger.submit(Note("d", undone)))
    slow.go.release()
    outcomes = await asyncio.gather(*failed, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["disk full"] * 3
    assert undone == ["d", "c", "b", "a"]
    assert len(slow.commits) == 2


async def test_fifty_writers_share_commits(slow, slow_ledger):
    queue = PlanQueue.restore(Snapshot())

    async def client():
        for _ in range(4):
            await slow_ledger.commit(queue.add(PLAN))

    async def finish_each_commit():
        while True:
            await slow.begun.acquire()
            slow.go.release()

    disk = asyncio.create_task(finish_each_commit())
    await asyncio.gather(*(client() for _ in range(50)))
    disk.cancel()
    assert len((await slow.load()).items) == 200
    assert len(slow.commits) < 20


async def test_nobody_waits_forever_if_the_store_has_a_fault(slow):
    class Broken(Exception):
        pass

    async def broken(changes):
        raise Broken

    slow.commit = broken
    undone = []
    ledger = Ledger(slow, EventBook([], lambda event: None), lambda: None)
    writer = asyncio.create_task(ledger.write())
    with pytest.raises(StoreError, match="stopped working"):
        await ledger.commit(Note("a", undone))
    assert undone == ["a"]
    with pytest.raises(Broken):
        await writer


async def test_drain_returns_when_everything_is_written(slow, slow_ledger):
    slow_ledger.submit(Note("a", []))
    await slow.begun.acquire()
    slow_ledger.submit(Note("b", []))
    slow.go.release()
    slow.go.release()
    await slow_ledger.drain()
    assert [facts(commit) for commit in slow.commits] == [[b"a"], [b"b"]]


async def test_an_item_that_cannot_be_stored_is_refused_alone(slow, slow_ledger):
    queue = PlanQueue.restore(Snapshot())
    before = slow_ledger.submit(queue.add(PLAN))
    with pytest.raises(ItemError, match="is of type bytes"):
        await slow_ledger.commit(queue.add({**PLAN, "kwargs": {"mask": b"x"}}))
    after = slow_ledger.submit(queue.add(PLAN))
    slow.go.release()
    await asyncio.gather(before, after)
    assert [item.data for item in (await slow.load()).items] == queue.items_json()
    assert len(queue) == 2


async def test_a_history_with_a_limit_is_trimmed_in_the_commit_of_the_end(store, ledger):
    queue = PlanQueue.restore(Snapshot(), history_limit=2)
    commits = []
    real = store.commit

    async def commit(changes):
        commits.append(changes)
        await real(changes)

    store.commit = commit
    for _ in range(3):
        await ledger.commit(queue.start_now(PLAN, 1.0))
        await ledger.commit(queue.finish({"exit_status": "completed"}))
    assert (await store.load()).history == queue.history.numbers == range(1, 3)
    (trimming,) = [commit for commit in commits if any(isinstance(change, TrimHistory) for change in commit)]
    assert any(isinstance(change, AddHistory) for change in trimming)
    events = [json.loads(data)["type"] for data in (await store.load()).events]
    assert events == ["item_started", "item_ended"] * 3
