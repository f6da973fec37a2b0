"""No dry run reaches hardware: a controller with a TCP socket and an EPICS IOC count what they receive."""

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from bluesky_qs.ipc.commands import RunPlan
from bluesky_qs.ipc.reports import PlanEnded
from tests.conftest import PATIENCE
from tests.ports import free_port
from tests.process.worker.dry_running import call, dry_runs, plan

HERE = Path(__file__).parent / "hardware"

STARTUP = """
import asyncio
import ctypes
import os
import socket
import struct
import subprocess
import sys
import threading

import aioca
import bluesky.plan_stubs as bps
import caproto.sync.client
import epics
from bluesky import RunEngine
from bluesky.plans import scan
from ophyd import Component, Device, EpicsSignal
from ophyd.status import Status
from ophyd_async.core import AsyncStatus, StandardReadable, init_devices
from ophyd_async.epics.core import epics_signal_rw

RE = RunEngine({})
ADDRESS = ("127.0.0.1", int(os.environ["CONTROLLER_PORT"]))
connection = socket.create_connection(ADDRESS)
stream = connection.makefile("rw")
lock = threading.Lock()


def ask(command):
    with lock:
        stream.write(f"{command}\\n")
        stream.flush()
        return float(stream.readline())


def ask_anew(command):
    with socket.create_connection(ADDRESS) as new:
        new.sendall(f"{command}\\n".encode())
        return float(new.makefile().readline())


def done():
    status = Status()
    status.set_finished()
    return status


class Plain:
    parent = None

    def __init__(self, name, ask):
        self.name, self._ask = name, ask

    def read(self):
        return {self.name: {"value": self._ask("read"), "timestamp": 0.0}}

    def describe(self):
        return {self.name: {"source": "tcp", "dtype": "number", "shape": []}}

    def read_configuration(self):
        return {}

    describe_configuration = read_configuration

    @property
    def position(self):
        return self._ask("read")

    def set(self, value):
        self._ask(f"write {value}")
        return done()

    def trigger(self):
        self._ask("trigger")
        return done()


class Epics(Device):
    axis = Component(EpicsSignal, "readback", write_pv="setpoint", kind="hinted")
    acquire = Component(EpicsSignal, "acquire", kind="omitted")

    @property
    def position(self):
        return self.axis.get()

    def set(self, value):
        return self.axis.set(value)

    def trigger(self):
        self.acquire.put(1)
        return done()


class Async(StandardReadable):
    def __init__(self, name=""):
        with self.add_children_as_readables():
            self.readback = epics_signal_rw(float, "dry:readback")
        self.setpoint = epics_signal_rw(float, "dry:setpoint")
        self.acquire = epics_signal_rw(int, "dry:acquire")
        super().__init__(name)

    @AsyncStatus.wrap
    async def set(self, value):
        await self.setpoint.set(value)

    @AsyncStatus.wrap
    async def trigger(self):
        await self.acquire.set(1)


plain_open, plain_anew = Plain("plain_open", ask), Plain("plain_anew", ask_anew)
ophyd_axis = Epics("dry:", name="ophyd_axis")
ophyd_axis.wait_for_connection(timeout=20)
pv = epics.PV("dry:setpoint")
pv.wait_for_connection(timeout=20)
with init_devices(timeout=20):
    async_axis = Async()


def in_loop(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, RE.loop).result(2)


async def awaited(status):
    await status


def in_thread(function, *args):
    thread = threading.Thread(target=function, args=args)
    thread.start()
    thread.join(2)


def by_libc():
    libc = ctypes.CDLL(None, use_errno=True)
    made = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    where = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(ADDRESS[1]), socket.inet_aton(ADDRESS[0]))
    if made >= 0 and libc.connect(made, where, len(where)) == 0:
        libc.send(made, b"write 5\\n", 8, 0)
        libc.close(made)


def by_new_context():
    epics.ca.create_context()
    channel = epics.ca.create_channel("dry:setpoint", connect=True)
    epics.ca.put(channel, 5, wait=True, timeout=2)


PUT = [sys.executable, "-c", "import caproto.sync.client as c; c.write('dry:setpoint', 5, repeater=False)"]
CALLS = {
    "open_connection": lambda: ask("write 5"),
    "new_connection": lambda: ask_anew("write 5"),
    "raw_descriptor": lambda: os.write(connection.fileno(), b"write 5\\n"),
    "sendall": lambda: connection.sendall(b"trigger\\n"),
    "plain_set": lambda: plain_open.set(5),
    "plain_trigger": lambda: plain_anew.trigger(),
    "plain_method": lambda: plain_anew._ask("write 5"),
    "ophyd_set": lambda: ophyd_axis.set(5),
    "ophyd_put": lambda: ophyd_axis.axis.put(5),
    "ophyd_trigger": lambda: ophyd_axis.trigger(),
    "pv_put": lambda: pv.put(5, wait=True, timeout=2),
    "caput": lambda: epics.caput("dry:setpoint", 5, wait=True, timeout=2),
    "new_context": by_new_context,
    "async_set": lambda: in_loop(awaited(async_axis.set(5))),
    "async_signal": lambda: in_loop(awaited(async_axis.setpoint.set(5))),
    "async_trigger": lambda: in_loop(awaited(async_axis.trigger())),
    "async_own_loop": lambda: asyncio.run(awaited(async_axis.setpoint.set(5))),
    "aioca": lambda: in_loop(aioca.caput("dry:setpoint", 5, timeout=2)),
    "aioca_own_loop": lambda: asyncio.run(aioca.caput("dry:setpoint", 5, timeout=2)),
    "caproto": lambda: caproto.sync.client.write("dry:setpoint", 5, repeater=False, timeout=2),
    "program": lambda: subprocess.run(PUT),
    "shell": lambda: os.system(" ".join(PUT)),
    "thread": lambda: in_thread(ask_anew, "write 5"),
    "thread_with_open_connection": lambda: in_thread(ask, "write 5"),
    "fork": lambda: os.fork() or ask_anew("write 5"),
    "libc": by_libc,
}


def directly(name: str):
    yield from bps.null()
    try:
        CALLS[name]()
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
    yield from bps.null()


def names():
    return list(CALLS)


def moves_and_measures(axis):
    yield from scan([axis], axis, -1, 1, 3)
"""
WITHOUT_GUARDS = """
from bluesky_qs.worker import guard, guard_connections, isolation, no_sockets

guard.refuse_calls = guard.block_devices = guard_connections.refuse_connections = lambda *_: None
isolation.replace_descriptors = no_sockets.refuse_sockets = lambda *_: None
"""
AXES = ("plain_open", "plain_anew", "ophyd_axis", "async_axis")


class Counter:
    """A program that writes a line for each command that it receives."""

    def __init__(self, log, *command):
        self._log = log
        self.process = subprocess.Popen([sys.executable, *map(str, command)], stderr=subprocess.DEVNULL)

    def lines(self):
        return self._log.read_text().split("\n") if self._log.exists() else []

    def received(self):
        """The numbers of writes and triggers."""
        lines = self.lines()
        return lines.count("write"), lines.count("trigger")

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, what
            time.sleep(0.02)  # it is another program, which only writes a file


@pytest.fixture
def hardware(tmp_path, monkeypatch):
    """The controller and the IOC, and the environment variables that lead to them."""
    port = free_port()
    monkeypatch.setenv("CONTROLLER_PORT", str(port))
    monkeypatch.setenv("EPICS_CA_SERVER_PORT", str(free_port()))
    monkeypatch.setenv("EPICS_CA_REPEATER_PORT", str(free_port()))
    monkeypatch.setenv("EPICS_CA_ADDR_LIST", "127.0.0.1")
    monkeypatch.setenv("EPICS_CA_AUTO_ADDR_LIST", "NO")
    logs = tmp_path / "controller.log", tmp_path / "ioc.log"
    counters = Counter(logs[0], HERE / "controller.py", port, logs[0]), Counter(logs[1], HERE / "ioc.py", logs[1])
    for counter in counters:
        counter.wait(lambda counter=counter: "ready" in counter.lines(), "the hardware does not start")
    yield counters
    for counter in counters:
        counter.process.kill()
        counter.process.wait()


async def run(driver, name, *args):
    uid = str(uuid.uuid4())
    await driver.ask(RunPlan(json.dumps(plan(name, *args) | {"item_uid": uid}).encode()))
    ended = await driver.wait(PlanEnded, lambda report: report.item_uid == uid)
    assert ended.exit_status == "completed", ended.traceback


async def test_no_dry_run_writes_or_triggers_and_real_runs_do(hardware, open_in_mode):
    controller, ioc = hardware
    driver = await open_in_mode(STARTUP)
    names = await call(driver, "names")
    scans = [plan("moves_and_measures", axis) for axis in AXES]
    direct = [plan("directly", name) for name in names]
    reports, _ = await dry_runs(driver, *scans, *direct, for_each=20.0)
    assert (controller.received(), ioc.received()) == ((0, 0), (0, 0))

    of_scans, of_direct = reports[: len(scans)], dict(zip(names, reports[len(scans) :], strict=True))
    for axis, report in zip(AXES, of_scans, strict=True):
        found = report["motors"][axis]
        assert (report["ok"], report["points"], found["min"], found["max"]) == (True, 3, -1.0, 1.0), report
    unseen = {"libc"}  # the kernel refuses it, and nobody can tell
    without_line = {
        name: report
        for name, report in of_direct.items()
        if name not in unseen
        and (report["ok"] is not None or not any("in directly" in each["traceback"] for each in report["blocked"]))
    }
    assert without_line == {}

    for axis in AXES:
        await run(driver, "moves_and_measures", axis)
    assert (controller.received(), ioc.received()) == ((6, 6), (6, 6))


async def test_the_counters_count_what_a_dry_run_without_its_guards_sends(hardware, open_in_mode):
    controller, ioc = hardware
    driver = await open_in_mode(STARTUP + WITHOUT_GUARDS)
    names = ("open_connection", "new_connection", "raw_descriptor", "plain_set", "thread", "libc", "caproto", "program")
    await dry_runs(driver, *(plan("directly", name) for name in names), for_each=20.0)
    assert (controller.received(), ioc.received()) == ((6, 0), (2, 0))
