"""A whole manager in the event loop of the test, with a scripted worker."""

import pytest

from bluesky_qs.testing import AsyncManager, Wait


@pytest.fixture
async def manager():
    """A manager whose environment is closed."""
    async with AsyncManager() as manager:
        yield manager


@pytest.fixture
async def opened(manager):
    """A manager whose environment is open."""
    await manager.open()
    return manager


@pytest.fixture
def refused(manager):
    """The message of a request that is refused."""

    async def refused(method, **params):
        answer = await manager.ask(method, **params)
        assert not answer["success"], answer
        return answer["msg"]

    return refused


@pytest.fixture
def running(opened):
    """Starts the queue with plans that run until the test says how they end; the first runs when it returns."""

    async def running(*script, plans=1):
        opened.worker.on_plan("count", *(script or (Wait(),)))
        items = [await opened.add("count", ["det1"]) for _ in range(plans)]
        await opened.do("queue_start")
        await opened.until(lambda _: opened.worker.is_waiting)
        return items

    return running


@pytest.fixture
def results(manager):
    """The results in the history, oldest first."""

    async def results():
        return [item["result"] for item in (await manager.do("history_get"))["items"]]

    return results
