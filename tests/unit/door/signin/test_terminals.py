"""Terminals that wait for the end of a sign-in."""

import asyncio

import pytest

from bluesky_qs.door.signin import terminals
from bluesky_qs.door.signin.terminals import WaitingTerminals

_FOREVER = 1e6


@pytest.fixture
def closing():
    return asyncio.Event()


@pytest.fixture
def waiting(closing):
    return WaitingTerminals(closing)


async def waits(waiting, *devices):
    """Let these devices wait; their tasks."""
    tasks = [asyncio.create_task(waiting.wait(device, _FOREVER)) for device in devices]
    await asyncio.sleep(0)
    return tasks


async def test_all_requests_of_a_device_are_answered_when_its_sign_in_has_ended(waiting):
    first, second, other = await waits(waiting, "a", "a", "b")
    waiting.ended("a")
    await first
    await second
    assert not other.done()
    waiting.ended("b")
    await other


async def test_nobody_waits_when_the_door_closes(waiting, closing):
    (task,) = await waits(waiting, "a")
    closing.set()
    await task
    await waiting.wait("b", _FOREVER)


async def test_the_wait_has_a_limit(waiting):
    await waiting.wait("a", 0.001)


async def test_only_so_many_may_wait(waiting, monkeypatch):
    monkeypatch.setattr(terminals, "MOST_WAITING", 1)
    (task,) = await waits(waiting, "a")
    await waiting.wait("b", _FOREVER)
    waiting.ended("a")
    await task
    (task,) = await waits(waiting, "b")
    assert not task.done()
    waiting.ended("b")
    await task
