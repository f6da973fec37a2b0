"""What every store does: keeps all that was committed, in its order, and nothing that was refused."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bluesky_qs.errors import StoreError
from bluesky_qs.manager.edits.events import EventBook
from bluesky_qs.manager.edits.ledger import Ledger
from bluesky_qs.manager.history.history_book import HistoryBook
from bluesky_qs.plan_queue.changes import (
    FACTS,
    AddAnswer,
    AddEvent,
    AddHistory,
    AddUndo,
    ClearQueue,
    DropItem,
    PutItem,
    SetFact,
    Snapshot,
    TrimAnswers,
    TrimEvents,
    TrimHistory,
    TrimUndo,
)
from bluesky_qs.plan_queue.history_filter import HistoryFilter
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.store.base import Store
from bluesky_qs.store.memory import MemoryStore
from bluesky_qs.store.redis import RedisStore
from bluesky_qs.store.sqlite import SQLiteStore


class Home(Protocol):
    """A place where things are kept, to be opened again and again."""

    def store(self) -> Store: ...

    def broken(self) -> AbstractContextManager[None]:
        """Nothing can be committed while this lasts."""
        ...


class MemoryHome:
    def __init__(self) -> None:
        self._store = MemoryStore()

    def store(self) -> Store:
        return self._store

    @contextmanager
    def broken(self) -> Iterator[None]:
        self._store.refuse = "broken"
        yield
        self._store.refuse = None


class SQLiteHome:
    def __init__(self, folder: Path, no_space_left: Callable[[], AbstractContextManager[None]]) -> None:
        self._path = folder / "queue.sqlite3"
        self.broken = no_space_left

    def store(self) -> Store:
        return SQLiteStore(self._path)


class RedisHome:
    def __init__(self, server, prefix: str) -> None:
        self._server = server
        self._prefix = prefix

    def store(self) -> Store:
        return RedisStore(self._server.address, prefix=self._prefix)

    @contextmanager
    def broken(self) -> Iterator[None]:
        self._server.kill()
        yield
        self._server.start()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def new_home(request, tmp_path) -> Callable[[], Home]:
    """Makes new, empty homes of one kind of store."""
    numbers = count()
    match request.param:
        case "memory":
            return MemoryHome
        case "sqlite":
            no_space_left = request.getfixturevalue("no_space_left")
            return lambda: SQLiteHome(tmp_path / str(next(numbers)), no_space_left)
    server = request.getfixturevalue("redis_server")
    return lambda: RedisHome(server, f"home{next(numbers)}")


@pytest.fixture
def home(new_home):
    return new_home()


def item(uid, rank=b"\x80", data=None, **more):
    return PutItem(uid, rank, data or json.dumps({"item_uid": uid}).encode(), **more)


def stored(snapshot):
    return [(entry.uid, entry.data) for entry in snapshot.items]


async def reopened(home, *commits) -> Snapshot:
    """Commit to a store, then load from another one that is opened on the same home."""
    store = home.store()
    await store.open()
    for changes in commits:
        await store.commit(changes)
    await store.close()
    return await loaded(home)


async def loaded(home) -> Snapshot:
    store = home.store()
    await store.open()
    snapshot = await store.load()
    await store.close()
    return snapshot


async def past(home) -> list[bytes]:
    """The items of the history, read from a store that is opened on the home."""
    store = home.store()
    await store.open()
    items = await store.read_history((await store.load()).history)
    await store.close()
    return [data for _, data in items]


async def test_a_new_store_is_empty(home):
    assert await reopened(home) == Snapshot()


async def test_items_come_back_in_the_order_of_the_queue(home):
    a, b, c = item("a", b"\x80"), item("b", b"\x82"), item("c", b"\x81", before=b'{"item_uid": "b"}')
    snapshot = await reopened(home, [a, b], [c])
    assert stored(snapshot) == [("a", a.data), ("c", c.data), ("b", b.data)]
    assert [entry.rank for entry in snapshot.items] == sorted(entry.rank for entry in snapshot.items)


async def test_an_item_that_is_put_again_is_there_once_in_its_new_place_with_its_new_content(home):
    a, b = item("a", b"\x80"), item("b", b"\x81")
    again = item("a", b"\x82", b'{"item_uid": "a", "name": "new"}', replaces=a.data)
    assert stored(await reopened(home, [a, b], [again])) == [("b", b.data), ("a", again.data)]


async def test_a_dropped_item_is_gone_and_others_stay(home):
    a, b = item("a", b"\x80"), item("b", b"\x81")
    assert stored(await reopened(home, [a, b], [DropItem("a", a.data)])) == [("b", b.data)]


async def test_a_cleared_queue_takes_new_items(home):
    a, b = item("a", b"\x80"), item("b", b"\x7f")
    assert stored(await reopened(home, [a], [ClearQueue(), b])) == [("b", b.data)]


async def test_content_comes_back_byte_for_byte(home):
    data = json.dumps({"item_uid": "a", "x": [float("nan"), float("-inf"), 2**70, "é\ud800\0"]}).encode()
    snapshot = await reopened(home, [item("a", data=data), AddHistory("a", data), SetFact("running_plan", data)])
    assert [snapshot.items[0].data, *await past(home)] == [snapshot.facts["running_plan"], data] == [data, data]


@pytest.mark.parametrize("keep", [0, 2, 9])
async def test_history_events_undo_records_and_answers_keep_their_newest_entries(home, keep):
    added = [b'{"n": %d}' % n for n in range(4)]
    snapshot = await reopened(
        home,
        [AddHistory("u", data) for data in added],
        [kind(data) for data in added for kind in (AddEvent, AddUndo, AddAnswer)],
        [TrimHistory(keep), TrimEvents(keep), TrimUndo(keep), TrimAnswers(keep)],
    )
    assert await past(home) == snapshot.events == snapshot.undo == snapshot.answers == added[max(0, 4 - keep) :]


async def test_the_history_grows_after_it_was_trimmed(home):
    added = [AddHistory("u", b'{"n": %d}' % n) for n in range(6)]
    trim = TrimHistory(2)
    await reopened(home, added[:2], [TrimHistory(0)], added[2:5], [trim], added[5:], [trim])
    assert await past(home) == [added[4].data, added[5].data]


async def test_the_history_is_searched_alike_whichever_store_kept_it(home):
    meta = [{"sample": "Ni é"}, [{"sample": "S02"}, {"sample": "S03"}], {"dose": float("nan")}]
    items = [{"item_uid": str(n), "name": "count", "meta": each, "result": {}} for n, each in enumerate(meta)]
    added = [AddHistory(each["item_uid"], json.dumps(each).encode()) for each in items]
    await reopened(home, added)
    store = home.store()
    await store.open()
    history = PlanQueue.restore(await store.load()).history
    book = HistoryBook(history, store)

    async def found(stop=None, **metadata):
        wanted = HistoryFilter.of(name="count", metadata=metadata)
        pages = book.backward(history.numbers[:stop], wanted.words)
        return [
            number - history.numbers.start async for page in pages for number, data in page if wanted.accepts_json(data)
        ]

    assert await found() == [2, 1, 0]
    assert await found(2) == [1, 0]
    assert await found(sample="ni É") == [0]
    assert await found(sample="s0[23]") == [1]
    assert await found(dose="nan") == [2]
    assert await book.size(history.numbers) == sum(len(change.data) for change in added)
    await store.close()


async def test_items_of_the_history_are_read_by_number_and_found_by_uid(home):
    texts = [json.dumps({"name": "ab"[n % 2], "item_uid": uid}).encode() for n, uid in enumerate("pqrsqé")]
    await reopened(
        home, [AddHistory("", data) for data in [*texts, b'{"n": 1}', b'{"x": {"item_uid": "z"}}']], [TrimHistory(6)]
    )
    store = home.store()
    await store.open()
    numbers = (await store.load()).history
    rows = await store.read_history(numbers)
    assert rows == list(zip(numbers, [*texts[2:], b'{"n": 1}', b'{"x": {"item_uid": "z"}}'], strict=True))
    assert await store.read_history(range(numbers.start - 5, numbers.start + 9)[::-1]) == rows[::-1]
    assert await store.read_history([numbers[4], numbers[0], numbers.start - 1, numbers.stop]) == [rows[4], rows[0]]
    assert await store.read_history(numbers, words=[[b'"a"', b'"n"'], [b'"r"', b"1"]]) == [rows[0], rows[4]]
    assert await store.read_history(numbers[::-1], most_bytes=len(rows[5][1]) + 1) == [rows[5], rows[4]]
    assert await store.history_size(numbers[1:3]) == len(texts[3] + texts[4])
    assert await store.history_size(range(0)) == 0
    assert await store.find_history(["p", "q", "é", "z", "\ud800"]) == {"q": rows[2], "é": rows[3]}
    await store.commit([TrimHistory(0), AddHistory("", texts[0])])
    assert await store.read_history(numbers) == []
    assert await store.find_history(["q", "p"]) == {"p": (numbers.stop, texts[0])}
    await store.close()


async def test_every_fact_is_kept_replaced_and_forgotten(home):
    first = dict.fromkeys(FACTS, b'{"a": 1}')
    second = dict.fromkeys(FACTS, b'{"b": 2}')
    assert (await reopened(home, [SetFact(name, data) for name, data in first.items()])).facts == first
    assert (await reopened(home, [SetFact(name, data) for name, data in second.items()])).facts == second
    assert (await reopened(home, [SetFact(name, None) for name in FACTS])).facts == {}


async def test_commits_that_are_requested_together_are_made_in_their_order(home):
    store = home.store()
    await store.open()
    queue = PlanQueue.restore(await store.load())
    await asyncio.gather(*[store.commit(queue.add({"name": n}).changes) for n in range(200)])
    await store.close()
    assert [entry.data for entry in (await loaded(home)).items] == queue.items_json()


async def test_a_commit_whose_caller_went_away_is_made_all_the_same(home, begin):
    store = home.store()
    await store.open()
    waiting = await begin(store.commit([item("a")]))
    waiting.cancel()
    await store.commit([item("b", b"\x81")])
    await store.close()
    assert [entry.uid for entry in (await loaded(home)).items] == ["a", "b"]


async def test_nothing_is_kept_of_a_commit_that_is_refused(home):
    store = home.store()
    await store.open()
    await store.commit([item("a"), AddHistory("h", b'{"n": 1}'), SetFact("lock_info", b"{}")])
    with home.broken(), pytest.raises(StoreError):
        await store.commit(
            [item("b", b"\x81"), DropItem("a", item("a").data), AddHistory("h", b'{"n": 2}'), ClearQueue()]
        )
    snapshot = await loaded_after_recovery(store, home)
    assert stored(snapshot) == [("a", item("a").data)]
    assert await past(home) == [b'{"n": 1}']


async def test_a_store_that_failed_takes_commits_again(home):
    store = home.store()
    await store.open()
    with home.broken(), pytest.raises(StoreError):
        await store.commit([item("a")])
    await store.commit([item("b")])
    await store.close()
    assert [entry.uid for entry in (await loaded(home)).items] == ["b"]


async def test_memory_and_store_agree_after_edits_that_failed_together(home, monkeypatch):
    store = home.store()
    await store.open()
    queue = PlanQueue.restore(await store.load())
    ledger = Ledger(store, EventBook([], lambda event: None), lambda: None)
    writer = asyncio.create_task(ledger.write())
    await ledger.commit(queue.add({"name": "kept"}))

    async def add(name):
        with pytest.raises(StoreError):
            await ledger.commit(queue.add({"name": name}, pos="front"))

    begun, commit = asyncio.Event(), store.commit

    async def noted(changes):
        begun.set()
        await commit(changes)

    monkeypatch.setattr(store, "commit", noted)
    with home.broken():
        first = asyncio.gather(*[add(n) for n in range(10)])
        await begun.wait()
        await asyncio.gather(first, *[add(n) for n in range(10)])
    writer.cancel()
    snapshot = await loaded_after_recovery(store, home)
    assert [entry.data for entry in snapshot.items] == queue.items_json()
    assert [json.loads(data)["name"] for data in queue.items_json()] == ["kept"]


async def loaded_after_recovery(store, home) -> Snapshot:
    await store.commit([SetFact("stop_pending_info", b"{}")])
    await store.close()
    return await loaded(home)


class Model:
    """The queue as a plain list of names, with the same changes as the real one."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.running: str | None = None
        self.history: list[str] = []
        self.names = (f"plan{n}" for n in count())


class Session:
    """A queue and its store beside the model; reloads at any moment."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.model = Model()
        self.queue = PlanQueue()
        self.store = home.store()

    async def begin(self) -> None:
        self.store = self.home.store()
        await self.store.open()
        self.queue = PlanQueue.restore(await self.store.load())
        self.book = HistoryBook(self.queue.history, self.store)

    async def commit(self, changes) -> None:
        await self.check()  # what is not durable yet is in the history all the same
        await self.store.commit(changes)
        self.queue.history.stored(changes)

    async def history(self) -> list[bytes]:
        return [data for _, data in await self.book.items(self.queue.history.numbers)]

    async def reload(self) -> None:
        before = self.queue.items_json(), await self.history(), self.queue.running_json()
        await self.store.close()
        await self.begin()
        assert (self.queue.items_json(), await self.history(), self.queue.running_json()) == before

    def uid(self, place: int) -> str:
        return self.queue.item(pos=place)["item_uid"]

    async def check(self) -> None:
        assert [json.loads(data)["name"] for data in self.queue.items_json()] == self.model.items
        history = self.queue.history.numbers
        items = await self.book.items(history)
        assert [json.loads(data)["name"] for _, data in items] == self.model.history
        assert await self.book.size(history) == sum(len(data) for _, data in items)
        assert [each async for page in self.book.backward(history) for each in page] == items[::-1]
        assert await self.book.find([json.loads(data)["item_uid"] for _, data in items]) == {
            json.loads(data)["item_uid"]: (number, data) for number, data in items
        }
        assert (self.queue.running or {"name": None})["name"] == self.model.running

    def step(self, kind: str, a: int, b: int):
        """One change of the queue and of the model; None if it is not possible now."""
        queue, model, size = self.queue, self.model, len(self.model.items)
        a, b = (a % size, b % size) if size else (0, 0)
        match kind:
            case "add":
                names = [next(model.names) for _ in range(1 + b % 3)]
                model.items[a:a] = names
                return queue.add_batch([{"name": name} for name in names], pos=a)
            case "add_after" if size:
                name = next(model.names)
                model.items.insert(a + 1, name)
                return queue.add({"name": name}, after_uid=self.uid(a))
            case "update" if size:
                model.items[a] = next(model.names)
                return queue.update({"name": model.items[a], "item_uid": self.uid(a)}, replace=b % 2 == 0)
            case "remove" if size:
                del model.items[a]
                return queue.remove(pos=a)
            case "remove_batch" if size:
                uids = [self.uid(place) for place in sorted({a, b}, reverse=True)]
                for place in sorted({a, b}, reverse=True):
                    del model.items[place]
                return queue.remove_batch(uids)
            case "move" if size:
                model.items.insert(b, model.items.pop(a))
                return queue.move(pos=a, pos_dest=b)
            case "move_batch" if size:
                places = list(dict.fromkeys((a, b)))
                uids, names = [self.uid(place) for place in places], [model.items[place] for place in places]
                model.items = names + [name for name in model.items if name not in names]
                return queue.move_batch(uids, pos_dest="front")
            case "clear":
                model.items.clear()
                return queue.clear()
            case "start" if size and model.running is None:
                model.running = model.items.pop(0)
                return queue.start_next(1.0)
            case "complete" | "fail" if model.running:
                model.history.append(model.running)
                model.items[0:0] = [model.running] if kind == "fail" else []
                model.running = None
                return queue.finish({"exit_status": "failed" if kind == "fail" else "completed"})
            case "clear_history":
                del model.history[: max(0, len(model.history) - a)]
                return queue.clear_history(size=a)
        return None


KINDS = [
    *("add", "add", "add_after", "update", "remove", "remove_batch", "move", "move", "move_batch", "start", "start"),
    *("complete", "fail", "clear_history", "reload", "reload"),
]
STEPS = st.lists(
    st.tuples(st.sampled_from([*KINDS, "clear"]), st.integers(0, 50), st.integers(0, 50)), min_size=5, max_size=30
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_queue_that_is_reloaded_at_any_moment_is_the_plain_list_of_what_was_done(new_home, steps):
    async def session():
        session = Session(new_home())
        await session.begin()
        for kind, a, b in steps:
            if kind == "reload":
                await session.reload()
            elif edit := session.step(kind, a, b):
                await session.commit(edit.changes)
            await session.check()
        await session.reload()
        await session.check()
        await session.store.close()

    asyncio.run(session())
