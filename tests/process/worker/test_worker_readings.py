"""Clients read devices in a real worker: idle, while a plan moves them, and while it is paused; in both modes."""

import asyncio
import json

import pytest

from bluesky_qs.ipc.commands import ContinuePlan, PausePlan, ReadDevices
from bluesky_qs.ipc.reports import DevicesRead, PlanEnded

DEVICES = """
import threading
import time

import bluesky.plan_stubs as bps
from ophyd import Signal, SoftPositioner
from ophyd.sim import motor
from ophyd_async.core import init_devices
from ophyd_async.sim import SimMotor

with init_devices():
    stage = SimMotor(instant=False)

class Positioner(SoftPositioner):
    '''Moves until `arrive` is set.'''

    arrive = threading.Event()

    def _setup_move(self, position, status):
        self._moving = True
        def move():
            self.arrive.wait()
            self._set_position(position)
            self._moving = False
            self._done_moving()
        threading.Thread(target=move, daemon=True).start()

    def read(self):
        return {self.name: {"value": self.position, "timestamp": time.time()}}

class Locked(Signal):
    '''Holds its lock while it is set, until `arrive` is set.'''

    lock = threading.RLock()
    arrive = threading.Event()

    def set(self, value):
        with self.lock:
            self.arrive.wait()
            return super().set(value)

    def read(self):
        with self.lock:
            return super().read()

slow = Positioner(name="slow", limits=(-10, 10), egu="mm")
slow._set_position(1)
locked = Locked(name="locked", value=1)

def arrive():
    slow.arrive.set()
    locked.arrive.set()

def move(device, target):
    yield from bps.checkpoint()
    yield from bps.mv(device, target)

def blocks():
    yield from bps.null()
    slow.arrive.wait()
    yield from bps.null()

def threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("read ")]
"""


BOTH_MODES = pytest.mark.parametrize("mode", ["plain", "kernel"])


@pytest.fixture
async def driver(open_in_mode):
    return await open_in_mode(DEVICES)


async def read(driver, *names, max_age=0.0):
    uid = f"read {len(driver.received)} {names}"
    await driver.ask(ReadDevices(uid, list(names), [], "admin", max_age))
    return json.loads((await driver.wait(DevicesRead, lambda report: report.uid == uid)).devices)


async def reading_until(driver, name, condition):
    async with asyncio.timeout(60):
        while not condition(found := (await read(driver, name))[name]):
            pass
        return found


@BOTH_MODES
async def test_devices_of_ophyd_and_ophyd_async_are_read_while_nothing_runs(driver):
    found = await read(driver, "motor", "slow", "stage", "stage.velocity")
    assert found["motor"]["value"] == 0
    assert (found["slow"]["value"], found["slow"]["limits"], found["slow"]["moving"]) == (1, [-10, 10], False)
    assert (found["stage"]["value"], found["stage"]["units"]) == (0.0, "mm")
    assert found["stage.velocity"]["value"] > 0


@BOTH_MODES
async def test_a_motor_is_read_while_the_plan_moves_it(driver):
    await driver.start("move", "slow", 5)
    found = await reading_until(driver, "slow", lambda found: found["moving"])
    assert found["value"] == 1
    await driver.start_function("arrive", background=True)
    assert (await driver.wait(PlanEnded)).exit_status == "completed"
    found = await read(driver, "slow")
    assert (found["slow"]["value"], found["slow"]["moving"]) == (5, False)


async def test_an_ophyd_async_motor_is_read_while_the_plan_moves_it(driver):
    await driver.start("move", "stage", 1)
    await reading_until(driver, "stage", lambda found: 0 < found["value"] < 1)
    assert (await driver.wait(PlanEnded)).exit_status == "completed"
    assert (await read(driver, "stage"))["stage"]["value"] == pytest.approx(1)


async def test_a_device_that_locks_itself_while_it_moves_gives_its_last_value_and_the_plan_goes_on(driver):
    await read(driver, "locked")
    await driver.start("move", "locked", 5)
    found = await reading_until(driver, "locked", lambda found: "error" in found)
    assert found["error"].startswith("no answer after 1 s")
    assert found["last"]["value"] == 1
    found = await read(driver, "locked", "slow")
    assert ("error" in found["locked"], found["slow"]["value"]) == (True, 1)
    await driver.start_function("arrive", background=True)
    assert (await driver.wait(PlanEnded)).exit_status == "completed"
    await reading_until(driver, "locked", lambda found: found.get("value") == 5)
    ended = await driver.function("threads", uid="task-2")
    assert json.loads(ended.return_value) == []


async def test_devices_are_read_while_a_plan_is_paused(driver):
    await driver.start("move", "slow", 5)
    await reading_until(driver, "slow", lambda found: found["moving"])
    await driver.ask(PausePlan("immediate"))
    await driver.wait_engine("paused")
    found = await read(driver, "slow", "stage")
    assert (found["slow"]["value"], found["stage"]["value"]) == (1, 0.0)
    await driver.ask(ContinuePlan("abort"))
    await driver.wait(PlanEnded)


async def test_a_plan_that_blocks_the_run_engine_delays_only_devices_that_need_its_loop(driver):
    await driver.start("blocks")
    await driver.wait_engine("running")
    found = await reading_until(driver, "stage", lambda found: "error" in found)
    assert found["error"].startswith("no answer after")
    assert (await read(driver, "motor"))["motor"]["value"] == 0
    await driver.start_function("arrive", background=True)
    assert (await driver.wait(PlanEnded)).exit_status == "completed"
    await reading_until(driver, "stage", lambda found: found.get("value") == 0.0)
