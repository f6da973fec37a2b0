"""Commits are made in their order, together where they wait together, and fail with what they stand on."""

import asyncio

import pytest

from bluesky_qs.errors import StoreError
from bluesky_qs.plan_queue.changes import SetFact
from bluesky_qs.store.commits import Commits


class Disk:
    """Writes when it is told to; what it refuses is not written."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.written: list[str] = []
        self.refused: set[str] = set()
        self.go = asyncio.Semaphore(0)

    async def write(self, commits):
        names = [changes[0].name for changes in commits]
        self.batches.append(names)
        await self.go.acquire()
        good = next((n for n, name in enumerate(names) if name in self.refused), len(names))
        self.written += names[:good]
        return good, None if good == len(names) else StoreError("full")


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def commits(disk):
    return Commits(disk.write)


@pytest.fixture
async def ask(commits):
    """Asks for commits; the tasks that wait for them."""

    async def ask(*names, told=None):
        async def one(name):
            try:
                await commits.commit([SetFact(name, b"1")])
            except StoreError:
                if told is not None:
                    told.append(name)
                raise

        tasks = [asyncio.create_task(one(name)) for name in names]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return tasks

    return ask


async def test_commits_that_come_while_one_is_written_are_written_together_next(disk, ask):
    tasks = await ask("a")
    tasks += await ask("b", "c")
    disk.go.release()
    disk.go.release()
    await asyncio.gather(*tasks)
    assert disk.batches == [["a"], ["b", "c"]]


async def test_an_empty_commit_waits_for_nobody(commits):
    await commits.commit([])


async def test_what_came_after_a_commit_that_failed_fails_with_it_and_is_told_first(disk, ask):
    told = []
    disk.refused = {"b"}
    tasks = await ask("a", "b", "c")
    tasks += await ask("d", told=told)
    told_first = await ask("e", told=told)
    disk.go.release()
    outcomes = await asyncio.gather(*tasks, *told_first, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), *[StoreError] * 4]
    assert disk.written == ["a"]
    assert told == ["e", "d"]


async def test_a_commit_made_while_others_are_told_of_a_failure_is_refused_with_them(disk, commits, ask):
    disk.refused = {"a"}

    async def insist():
        for name in ("a", "b"):
            with pytest.raises(StoreError):
                await commits.commit([SetFact(name, b"1")])

    insisting = asyncio.create_task(insist())
    disk.go.release()
    await insisting
    (later,) = await ask("c")
    disk.go.release()
    await later
    assert disk.written == ["c"]


async def test_nobody_waits_for_ever_if_writing_breaks():
    class Broken(Exception):
        pass

    async def broken(commits):
        raise Broken

    commits = Commits(broken)
    with pytest.raises(StoreError, match="stopped working"):
        await commits.commit([SetFact("a", b"1")])


async def test_drain_returns_when_everything_is_written(disk, commits, ask):
    tasks = await ask("a")
    tasks += await ask("b")
    disk.go.release()
    disk.go.release()
    await commits.drain()
    assert disk.written == ["a", "b"]
    await asyncio.gather(*tasks)
