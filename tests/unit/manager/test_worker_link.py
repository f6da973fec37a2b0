"""The link to the worker: its states, and what the environment does with them."""

import asyncio
from itertools import product

import pytest

from bluesky_qs.errors import WorkerError, WorkerLost, WrongState
from bluesky_qs.ipc.commands import Attach, OpenEnvironment, StartupSpec, WorkerSnapshot
from bluesky_qs.ipc.reports import EnvironmentOpened
from bluesky_qs.ipc.states import EncodedLists, EnvironmentState, WorkerState
from bluesky_qs.ipc.supervision import WorkerEnded, WorkerProcess
from bluesky_qs.manager.loop.clock import SystemClock
from bluesky_qs.manager.worker.environment import Environment
from bluesky_qs.manager.worker.state import Lifecycle, ManagerEvent, ManagerState
from bluesky_qs.manager.worker.transitions import ImpossibleTransition
from bluesky_qs.manager.worker.worker_link import LINK_TRANSITIONS, LinkEvent, LinkLifecycle, LinkState

WAYS = {
    LinkState.ABSENT: [],
    LinkState.STARTING: [LinkEvent.PROCESS_REQUESTED],
    LinkState.ATTACHED: [LinkEvent.CONNECTED],
    LinkState.OPEN: [LinkEvent.CONNECTED, LinkEvent.OPENED],
    LinkState.ENDING: [LinkEvent.CONNECTED, LinkEvent.PROCESS_ENDED],
}


@pytest.mark.parametrize(("state", "event"), list(product(LinkState, LinkEvent)))
def test_each_pair_follows_the_table_or_is_an_error_that_names_both(state, event):
    link = LinkLifecycle()
    for step in WAYS[state]:
        link.fire(step)
    assert link.state is state
    if (state, event) in LINK_TRANSITIONS:
        link.fire(event)
        assert link.state is LINK_TRANSITIONS[state, event]
    else:
        with pytest.raises(ImpossibleTransition, match=f"{event.name} cannot happen in the state '{state.value}'"):
            link.fire(event)
        assert link.state is state


IDLE = WorkerState(EnvironmentState.IDLE, engine="idle")


class Link:
    """A link whose worker sends what the test says."""

    def __init__(self):
        self.sent = asyncio.Queue()
        self.attached = asyncio.Event()
        self.heard_out = asyncio.Event()

    async def request(self, command):
        if isinstance(command, Attach):
            self.attached.set()
            return WorkerSnapshot(WorkerState(EnvironmentState.INITIALIZING), None, [], {})
        return None

    async def reports(self):
        seq = 0
        while True:
            seq += 1
            yield seq, await self.sent.get()

    def acknowledge(self, seq):
        pass

    async def flush(self):
        pass

    async def drain(self):
        await self.heard_out.wait()

    def fail(self, error):
        assert isinstance(error, WorkerLost)

    def close(self):
        pass


class Supervisor:
    """A supervisor that has a worker, unless the test takes it away."""

    error = None

    async def request(self, command):
        if self.error:
            raise self.error
        return WorkerProcess(1, "address")


class Changes:
    """The changes that the environment and the manager's state report."""

    def __init__(self):
        self._changed = asyncio.Event()
        self.add = self._changed.set

    async def until(self, condition):
        while not condition():
            self._changed.clear()
            await self._changed.wait()


@pytest.fixture
def changes():
    return Changes()


@pytest.fixture
async def parts(changes):
    link, supervisor, lifecycle = Link(), Supervisor(), Lifecycle(changes.add)
    lifecycle.fire(ManagerEvent.FOUND_NOTHING_RUNNING)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        started = []
        environment = Environment(
            connect=lambda address: link,
            supervisor=supervisor,
            lifecycle=lifecycle,
            opening=lambda: OpenEnvironment(StartupSpec(), b"{}"),
            clock=SystemClock(),
            spawn=lambda work: started.append(tasks.create_task(work)),
            changed=changes.add,
        )
        yield environment, link, supervisor, lifecycle
        for task in [*started, *environment._followers]:
            task.cancel()


@pytest.fixture
def opened(parts, changes):
    """Opens the environment."""
    environment, link, _, _ = parts

    async def opened():
        environment.open()
        assert environment.exists
        assert not environment.is_open
        link.sent.put_nowait(EnvironmentOpened(EncodedLists(b"{}", b"{}"), IDLE, 0.1))
        await changes.until(lambda: environment.is_open)

    return opened


async def test_an_environment_is_not_opened_again_while_the_last_worker_is_ending(parts, opened, begin):
    environment, link, _, lifecycle = parts
    await opened()
    ending = await begin(environment.ended(WorkerEnded(1, 1, "exit code 1")))
    assert not environment.is_open
    assert lifecycle.state is ManagerState.IDLE
    with pytest.raises(WrongState, match="still ending"):
        environment.open()
    assert lifecycle.state is ManagerState.IDLE
    link.heard_out.set()
    await ending
    await opened()


async def test_an_opening_that_is_among_the_last_reports_does_not_open_the_environment(parts, changes):
    environment, link, _, lifecycle = parts
    environment.open()
    await link.attached.wait()
    ending = asyncio.create_task(environment.ended(WorkerEnded(1, 1, "exit code 1")))
    link.sent.put_nowait(EnvironmentOpened(EncodedLists(b"{}", b"{}"), IDLE, 0.1))
    await changes.until(lambda: lifecycle.state is ManagerState.IDLE)
    assert not environment.is_open
    link.heard_out.set()
    await ending
    assert not environment.exists


@pytest.mark.parametrize("destroyed", [False, True])
async def test_a_worker_that_cannot_be_started_leaves_the_manager_idle(parts, changes, destroyed):
    environment, _, supervisor, lifecycle = parts
    supervisor.error = WorkerError("There is no more memory")
    environment.open()
    if destroyed:
        await environment.destroy()
    await changes.until(lambda: lifecycle.state is ManagerState.IDLE)
    assert not environment.exists
    assert b"There is no more memory" in environment.report
