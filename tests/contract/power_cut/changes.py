"""Makes changes in a SQLite store and prints a line after each one: ``python changes.py PATH COUNT SYNCHRONOUS``.

It is run under a recorder of system calls, in which the lines show what was acknowledged, and when.
"""

import asyncio
import hashlib
import os
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bluesky_qs.plan_queue.changes import AddEvent, Change, SetFact, Snapshot
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.store.base import Store
from bluesky_qs.store.memory import MemoryStore
from bluesky_qs.store.sqlite import SQLiteStore, _File


async def digest(store: Store) -> str:
    """A short text that differs if anything differs that the store holds."""
    snapshot: Snapshot = await store.load()
    history = [data for _, data in await store.read_history(snapshot.history)]
    items = [(item.uid, item.data) for item in snapshot.items]
    rest = [snapshot.events, snapshot.undo, snapshot.answers]
    content = repr([items, history, sorted(snapshot.facts.items()), rest])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def workload(count: int) -> Iterator[Sequence[Change]]:
    """Changes of a busy day: plans are added, moved, removed and run, now and then a very large one."""
    rng = random.Random(7)
    queue = PlanQueue(history_limit=60)
    for number in range(count):
        size = rng.choice([10, 100, 1000, 200_000 if number % 10 == 0 else 3000])
        item = {"item_type": "plan", "name": f"p{number}", "args": ["x" * size]}
        kind = rng.random()
        if queue.running is not None and kind < 0.6:
            changes = queue.finish({"exit_status": rng.choice(["completed", "failed"])}).changes
        elif len(queue) > 5 and queue.running is None and kind < 0.5:
            changes = queue.start_next(float(number)).changes
        elif len(queue) > 10 and kind < 0.6:
            changes = queue.remove(pos=rng.randrange(len(queue))).changes
        elif len(queue) > 3 and kind < 0.7:
            changes = queue.move(pos=rng.randrange(len(queue)), pos_dest="front").changes
        elif kind < 0.8:
            changes = queue.add_batch([item, {**item, "name": f"q{number}"}], pos="front").changes
        else:
            changes = queue.add(item).changes
        yield [*changes, SetFact("lock_info", b'{"number": %d}' % number), AddEvent(b"{}")]


async def make(path: Path, count: int) -> None:
    """Make the changes; close the store and open it again in between, as a service that is restarted."""
    mirror = MemoryStore()
    store = SQLiteStore(path)
    await store.open()
    os.write(1, f"acknowledged 0 {await digest(mirror)}\n".encode())
    for number, changes in enumerate(workload(count), 1):
        await mirror.commit(changes)
        os.write(1, f"commits {number} {await digest(mirror)}\n".encode())
        await store.commit(changes)
        os.write(1, f"acknowledged {number} {await digest(mirror)}\n".encode())
        if number in (count // 3, 2 * count // 3):
            await store.close()
            store = SQLiteStore(path)
            await store.open()
    await store.close()


def _less_careful(synchronous: str) -> None:
    """Let stores of this process wait less for the disk than the product does."""
    careful = _File._choose_journal

    def choose(self, db, *, network):
        careful(self, db, network=network)
        db.execute(f"PRAGMA synchronous = {synchronous}")

    _File._choose_journal = choose


if __name__ == "__main__":
    if sys.argv[3] != "as the product":
        _less_careful(sys.argv[3])
    asyncio.run(make(Path(sys.argv[1]), int(sys.argv[2])))
