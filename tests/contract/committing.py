"""A process that changes a queue until it is killed, and prints the changes that are durable.

Lines on stdout: ``try STATE`` before each commit and ``done STATE`` after it, STATE being all that the store should
hold. With ``many``: ``done UID`` for each item, added by several tasks at once. With ``undo``, STATE is the queue with
the numbers of the changes that can be undone. With ``answers``: ``done UID`` for each item, added by a request with an
id.
"""

import asyncio
import itertools
import json
import random
import sys
import time
from pathlib import Path

from bluesky_qs.manager.edits.answers import OpenRequest, open_request
from bluesky_qs.manager.edits.events import EventBook
from bluesky_qs.manager.edits.ledger import Ledger
from bluesky_qs.manager.edits.undo import UndoBook
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.store.sqlite import SQLiteStore


def say(word, value):
    sys.stdout.write(f"{word} {json.dumps(value)}\n")
    sys.stdout.flush()


def state(queue):
    running = queue.running or {}
    numbers = queue.history.numbers  # the store was empty at first, and nobody told the queue what is durable
    return [
        [json.loads(data) for data in queue.items_json()],
        [json.loads(data) for _, data in queue.history.newest(numbers.start, numbers.stop)],
        running.get("item_uid"),
    ]


def some_edit(queue):
    size = len(queue)
    choices = [lambda: queue.add_batch([{"name": "p", "args": [random.random()]} for _ in range(random.randint(1, 5))])]
    if size > 1:
        choices += [
            lambda: queue.move(pos=random.randrange(size), pos_dest=random.randrange(size)),
            lambda: queue.update({"item_uid": queue.item(pos=random.randrange(size))["item_uid"], "name": "new"}),
            lambda: queue.remove(pos=random.randrange(size)),
        ]
    if queue.running:
        choices += [lambda: queue.finish({"exit_status": random.choice(["completed", "failed"])})] * 2
    elif size:
        choices += [lambda: queue.start_next(1.0)] * 2
    return random.choice(choices)()


async def one_by_one(store, queue):
    while True:
        edit = some_edit(queue)
        say("try", state(queue))
        await store.commit(edit.changes)
        say("done", state(queue))


async def many(store, queue):
    async def add():
        while True:
            edit = queue.add({"name": "p"})
            await store.commit(edit.changes)
            say("done", edit.items[0]["item_uid"])

    await asyncio.gather(*[add() for _ in range(8)])


async def undone(store, queue):
    """Changes that can be undone, half of which are undone, with their events."""
    events = EventBook([], lambda event: None)
    undo = UndoBook([], 0)
    ledger = Ledger(store, events, lambda: None, undo=undo)
    writing = asyncio.create_task(ledger.write())
    numbers, latest_can_be_undone = [], False
    await ledger.commit(queue.add_batch([{"name": "p", "args": [n]} for n in range(20)]))
    say("done", [[json.loads(data) for data in queue.items_json()], numbers])
    while not writing.done():
        if latest_can_be_undone and random.random() < 0.5:
            edit = queue.take_back(undo.find(numbers[-1], queue), numbers[-1])
        else:
            edit = some_edit(queue)
        if edit.record:
            numbers.append(events.last + 1)
        say("try", [[json.loads(data) for data in queue.items_json()], numbers])
        await ledger.commit(edit)
        say("done", [[json.loads(data) for data in queue.items_json()], numbers])
        latest_can_be_undone = edit.record is not None


async def answered(store, queue):
    """Items that are added by requests with ids, several at once."""
    ledger = Ledger(store, EventBook([], lambda event: None), lambda: None)
    writing = asyncio.create_task(ledger.write())

    async def add(who):
        for number in itertools.count():
            open_request.set(OpenRequest(f"{who}-{number}", "the same", time.time))
            edit = queue.add({"name": "p"})
            uid = edit.items[0]["item_uid"]
            await ledger.commit(edit, reply={"item": uid})
            say("done", uid)

    await asyncio.gather(writing, *[add(who) for who in range(8)])


async def main(path, how):
    store = SQLiteStore(Path(path))
    await store.open()
    queue = PlanQueue.restore(await store.load(), history_limit=20)
    await {"one": one_by_one, "many": many, "undo": undone, "answers": answered}[how](store, queue)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
