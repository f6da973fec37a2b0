"""A service with everything that a chaos run needs beside it: a door, a small disk, a store that can be harmed."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from bluesky_qs.store.redis import RedisStore
from bluesky_qs.store.sqlite import SQLiteStore
from tests.chaos.clock import Clock
from tests.chaos.record import Ran, Record
from tests.conftest import LIGHT_STARTUP, PERMISSIONS, Service
from tests.e2e.conftest import RedisServer
from tests.ports import free_port

KEY = "k3yOfTheChaos"
_DISK = 400 << 20

STARTUP = (
    LIGHT_STARTUP
    + '''

def note(mark: str, runs: int = 1):
    """A run or several, each with a moment in it."""
    for _ in range(runs):
        yield from open_run()
        yield from null()
        yield from close_run()


def flood_console(lines: int):
    for number in range(lines):
        print(f"line {number} " + "x" * 200)


def eat_memory():
    eaten = []
    try:
        while True:
            eaten.append(bytearray(1 << 22))
    except MemoryError:
        return len(eaten)


def large_result(size: int):
    return "x" * size
'''
)


class World:
    """What faults and clients act on."""

    def __init__(self, folder: Path, redis: RedisServer | None, record: Record) -> None:
        startup = folder / "startup"
        startup.mkdir()
        (startup / "00-base.py").write_text(STARTUP)
        (startup / "user_group_permissions.yaml").write_text(PERMISSIONS)
        self.folder = folder
        self.redis = redis
        self.record = record
        self.small_disk = os.path.ismount(folder)
        self.http = f"http://127.0.0.1:{free_port()}"
        self.clock = Clock(folder)
        env = {"QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY": KEY, **self.clock.variables}
        args = ["--startup-dir", str(startup), "--http", self.http.removeprefix("http://"), "--console-output", "OFF"]
        args += ["--documents-size", "50", "--item-logs-size", "20"]  # the disk is small
        if redis is not None:
            args += ["--redis-addr", redis.address]
        self.service = Service(folder, *args, env=env, store=redis is None)

    @property
    def state_folder(self) -> Path:
        """Where the derived files are."""
        if self.redis is None:
            return self.folder / "queue.sqlite3.d"
        return next((self.folder / ".local" / "share" / "bluesky_qs").glob("redis-*.d"))

    def process(self, module: str) -> psutil.Process:
        """The process of the service that runs this module; waits for it while it is being replaced."""
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess, AssertionError):
                return self.service.find(module)
            assert time.monotonic() < end, f"no process of the service runs {module}"
            self.pause(0.1)

    @staticmethod
    def pause(seconds: float) -> None:
        """Let a fault last."""
        time.sleep(seconds)

    async def outcome(self) -> tuple[list[Ran], list[str]]:
        """What the store holds once all processes were killed: the history, oldest first, and marks of the queue."""
        path = self.folder / "queue.sqlite3"
        store = SQLiteStore(path) if self.redis is None else RedisStore(self.redis.address)
        await store.open()
        try:
            snapshot = await store.load()
            ran = []
            for _, data in await store.read_history(snapshot.history):
                item = msgspec.json.decode(data)
                ran.append(Ran(item["item_uid"], item["args"][0], item["result"]["exit_status"]))
            return ran, [msgspec.json.decode(item.data)["args"][0] for item in snapshot.items]
        finally:
            await store.close()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk in memory at this folder; whether that was possible (it needs root)."""
    options = ["-t", "tmpfs", "-o", f"size={_DISK}", "none", str(folder)]
    mounted = (
        os.geteuid() == 0 and subprocess.run(["mount", *options], check=False, capture_output=True).returncode == 0
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def new_world(kind: str, record: Record) -> Iterator[World]:
    """A running service with an open environment on a store of this kind: ``sqlite`` or ``redis``."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="qs-chaos-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(small_disk(folder))
        redis = None
        if kind == "redis":
            data = Path(tempfile.mkdtemp(prefix="qsr-chaos-"))
            stack.callback(shutil.rmtree, data, ignore_errors=True)
            redis = RedisServer(data)
            redis.start()
            stack.callback(redis.kill)
        world = World(folder, redis, record)
        stack.callback(world.service.close)
        world.service.start()
        world.service.open()
        yield world
