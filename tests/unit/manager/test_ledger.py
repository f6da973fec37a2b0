import asyncio
import gc

import pytest

from bluesky_qs.errors import StoreError
from bluesky_qs.manager.events import EventBook, EventEdit
from bluesky_qs.manager.ledger import Ledger
from bluesky_qs.plan_queue.changes import Snapshot
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
    ledger.submit(EventEdit({"type": "environment_changed"}))
    await ledger.drain()
    gc.collect()
    assert complaints == []
