"""A real worker process, driven over its link as the manager drives it."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
import zmq.asyncio

from bluesky_qs.ipc.commands import (
    Attach,
    CloseEnvironment,
    KernelSpec,
    OpenEnvironment,
    RunFunction,
    RunPlan,
    RunScript,
    StartupSpec,
)
from bluesky_qs.ipc.link import ClientEnd
from bluesky_qs.ipc.reports import (
    EnvironmentFailed,
    EnvironmentOpened,
    PlanEnded,
    StateChanged,
    TaskEnded,
    WorkerReport,
)
from tests.light_engine import LIGHT_ENGINE

PERMISSIONS = {
    "user_groups": {
        "root": {
            "allowed_plans": [None],
            "forbidden_plans": [],
            "allowed_devices": [None],
            "forbidden_devices": [],
            "allowed_functions": [None],
            "forbidden_functions": [],
        },
        "admin": {
            "allowed_plans": [None],
            "forbidden_plans": [],
            "allowed_devices": [None],
            "forbidden_devices": [],
            "allowed_functions": [None],
            "forbidden_functions": [],
        },
    }
}

PATIENCE = 60.0


class Driver:
    """A worker process and the manager's end of its link."""

    def __init__(self, directory, *options, pass_fds=()):
        self._runtime = tempfile.mkdtemp(prefix="qsw")
        self.address = f"ipc://{self._runtime}/w"
        self.output_path = Path(self._runtime) / "output"
        self.output = self.output_path.open("wb")
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bluesky_qs.worker", self.address, *options],
            stdout=self.output,
            stderr=self.output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        self.context = zmq.asyncio.Context()
        self.received = []
        self._given_out = 0
        self._news = asyncio.Condition()
        self.attach_link()

    def attach_link(self):
        """A new peer of the worker, as a restarted manager is."""
        self.link = ClientEnd(self.context, self.address, WorkerReport)
        self._reader = asyncio.create_task(self._read(self.link))

    async def _read(self, link):
        async for seq, report in link.reports():
            link.acknowledge(seq)
            async with self._news:
                self.received.append(report)
                self._news.notify_all()

    async def drop_link(self):
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        self.link.close()

    async def ask(self, command):
        return await asyncio.wait_for(self.link.request(command), PATIENCE)

    async def wait(self, kind, matches=lambda _: True):
        """The next report of that kind after the one that was waited for last; those between are passed over."""

        def found():
            for n in range(self._given_out, len(self.received)):
                report = self.received[n]
                if isinstance(report, kind) and matches(report):
                    self._given_out = n + 1
                    return report
            return None

        async def until_found():
            async with self._news:
                while (report := found()) is None:
                    await self._news.wait()
                return report

        try:
            return await asyncio.wait_for(until_found(), PATIENCE)
        except TimeoutError:
            pytest.fail(f"No {kind} in {self.received[self._given_out :]}; output:\n{self.text()}")

    async def wait_engine(self, state):
        return await self.wait(StateChanged, lambda r: r.state.engine == state)

    async def attach(self):
        return await self.ask(Attach())

    async def open(self, **options):
        """Open the environment on the directory of startup files."""
        await self.attach()
        await self.ask(
            OpenEnvironment(StartupSpec(directory=str(self.directory)), json.dumps(PERMISSIONS).encode(), **options)
        )
        report = await self.wait((EnvironmentOpened, EnvironmentFailed))
        if isinstance(report, EnvironmentFailed):
            pytest.fail(f"The environment did not open: {report.traceback}")
        return report

    async def start(self, name, *args, uid="item-1", meta=None, **kwargs):
        item = {
            "item_type": "plan",
            "name": name,
            "args": list(args),
            "kwargs": kwargs,
            "item_uid": uid,
            "user": "Ada",
            "user_group": "admin",
        }
        if meta is not None:
            item["meta"] = meta
        await self.ask(RunPlan(json.dumps(item).encode()))

    async def run(self, name, *args, **options):
        await self.start(name, *args, **options)
        return await self.wait(PlanEnded)

    async def script(self, source, *, uid="task-1", update_lists=True, update_re=False, background=False):
        await self.ask(RunScript(uid, textwrap.dedent(source), update_lists, update_re, background))
        return await self.wait(TaskEnded, lambda r: r.task_uid == uid)

    async def start_function(self, name, *args, uid="task-1", background=False, **kwargs):
        item = {
            "item_type": "function",
            "name": name,
            "args": list(args),
            "kwargs": kwargs,
            "item_uid": uid,
            "user": "Ada",
            "user_group": "admin",
        }
        await self.ask(RunFunction(uid, json.dumps(item).encode(), background))

    async def function(self, name, *args, uid="task-1", **options):
        await self.start_function(name, *args, uid=uid, **options)
        return await self.wait(TaskEnded, lambda r: r.task_uid == uid)

    async def close(self):
        await self.ask(CloseEnvironment())

    async def exit_code(self):
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), PATIENCE)

    def text(self):
        return self.output_path.read_text(errors="replace")

    async def end(self):
        await self.drop_link()
        self.context.destroy(linger=0)
        if self.process.poll() is None:
            os.kill(self.process.pid, 9)
        self.process.wait()
        self.output.close()
        shutil.rmtree(self._runtime)


@pytest.fixture
def startup(tmp_path):
    """Writes startup files: ``startup(code)``; with a RunEngine by default."""
    folder = tmp_path / "startup"
    folder.mkdir()

    def write(code="", *, engine=True):
        (folder / "startup.py").write_text((LIGHT_ENGINE if engine else "") + textwrap.dedent(code))
        return folder

    return write


@pytest.fixture
async def worker(startup):
    """Starts workers: ``driver = worker(code)``; ended with the test."""
    drivers = []

    def start(code="", *options, engine=True, pass_fds=()):
        driver = Driver(startup(code, engine=engine), *options, pass_fds=pass_fds)
        drivers.append(driver)
        return driver

    yield start
    for driver in drivers:
        await driver.end()


@pytest.fixture
def mode():
    """The mode of the worker; parametrize it for both."""
    return "plain"


@pytest.fixture
def open_in_mode(worker, mode, tmp_path):
    """Opens an environment with this startup code: ``driver = await open_in_mode(code)``."""

    async def opened(code):
        kernel = KernelSpec(connection_dir=str(tmp_path / "runtime"), ipython_dir=str(tmp_path))
        driver = worker(code)
        await driver.open(kernel=kernel if mode == "kernel" else None)
        return driver

    return opened
