"""What the worker reports about a plan that waits by itself: for real devices, in a sleep, in its own code."""

import json

import pytest

from bluesky_qs.ipc.commands import ContinuePlan, KernelSpec, PausePlan
from bluesky_qs.ipc.reports import PlanEnded, Pulse, StateChanged

DEVICES = """
import threading
import time

import bluesky.plan_stubs as bps
from bluesky.plans import count
from ophyd import Device
from ophyd.sim import SynAxis
from ophyd.status import DeviceStatus

go = threading.Event()


class Motor(SynAxis):
    '''It stands half way until the test lets it go.'''

    def set(self, value):
        status = self._make_status(target=value)

        def move():
            while not go.wait(0.02):
                self._run_subs(sub_type=self.SUB_READBACK, value=value / 2, timestamp=time.time())
            self.sim_state["readback"] = value
            status.set_finished()

        threading.Thread(target=move, daemon=True).start()
        return status


class Detector(Device):
    def trigger(self):
        status = DeviceStatus(self)
        threading.Thread(target=lambda: (go.wait(), status.set_finished()), daemon=True).start()
        return status


m1, m2, det = Motor(name="m1"), Motor(name="m2"), Detector(name="det")


def let_go():
    go.set()


def move(*motors):
    yield from bps.mv(*[part for motor in motors for part in (motor, 8.0)])


def measure():
    yield from bps.trigger(det, wait=True)


def rest():
    yield from bps.sleep(60)


def block():
    yield from bps.checkpoint()
    go.wait()
    yield from bps.null()


def hold(seconds):
    import ctypes
    yield from bps.checkpoint()
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))  # which keeps the interpreter
    go.wait()
    yield from bps.null()
"""


@pytest.fixture(params=["plain", "kernel"])
async def waiting(request, worker):
    driver = worker(DEVICES)
    await driver.open(**({"kernel": KernelSpec()} if request.param == "kernel" else {}))
    return driver


async def wait_of(driver, kind):
    report = await driver.wait(StateChanged, lambda r: (r.state.plan_wait and r.state.plan_wait.kind) == kind)
    return report.state.plan_wait


async def let_go(driver):
    await driver.start_function("let_go", uid="let go", background=True)
    return await driver.wait(PlanEnded)


async def test_a_motor_is_reported_with_its_way_and_its_positions(waiting):
    await waiting.start("move", "m1")
    wait = await wait_of(waiting, "motor")
    assert (wait.devices, json.loads(wait.start), json.loads(wait.target), wait.unit) == (["m1"], 0, 8, "mm")
    pulse = await waiting.wait(Pulse, lambda p: b"0.5" in p.devices)
    (device,) = json.loads(pulse.devices)
    assert (device["name"], device["current"], device["fraction"]) == ("m1", 4, 0.5)
    assert device["time_remaining"] == pytest.approx(device["time_elapsed"])
    assert (await let_go(waiting)).state.plan_wait is None


async def test_several_motors_are_reported_together(waiting):
    await waiting.start("move", "m1", "m2")
    wait = await wait_of(waiting, "motor")
    assert (sorted(wait.devices), json.loads(wait.target)) == (["m1", "m2"], [8, 8])
    await let_go(waiting)


async def test_a_detector_is_reported_until_it_is_done(waiting):
    await waiting.start("measure")
    assert (await wait_of(waiting, "trigger")).devices == ["det"]
    assert (await let_go(waiting)).exit_status == "completed"


async def test_a_sleep_is_reported_and_a_pause_ends_it(waiting):
    await waiting.start("rest")
    assert json.loads((await wait_of(waiting, "sleep")).target) == 60
    await waiting.ask(PausePlan("immediate"))
    await waiting.wait_engine("paused")
    await wait_of(waiting, None)
    await waiting.ask(ContinuePlan("abort"))
    await waiting.wait(PlanEnded)


async def test_code_that_blocks_the_plan_is_reported_with_its_line(waiting):
    await waiting.start("block")
    wait = await wait_of(waiting, "user_code")
    (file,) = waiting.directory.iterdir()
    line = 1 + file.read_text().splitlines().index("    go.wait()")
    assert wait.place == f"{file.name}, line {line}"
    assert (await let_go(waiting)).state.plan_wait is None


async def test_pulses_come_again_after_code_has_held_the_interpreter(waiting):
    await waiting.start("hold", 1.0)
    pulse = await waiting.wait(Pulse)
    assert pulse.item_uid == (await let_go(waiting)).item_uid


async def test_a_pending_pause_has_its_time(waiting):
    await waiting.start("rest")
    await waiting.wait_engine("running")
    await waiting.ask(PausePlan("deferred"))
    assert (await waiting.wait(StateChanged, lambda r: r.state.pause_pending)).state.pause_requested
    await waiting.ask(PausePlan("immediate"))
    paused = await waiting.wait_engine("paused")
    assert paused.state.pause_requested is None
    await waiting.ask(ContinuePlan("abort"))
    await waiting.wait(PlanEnded)


ASYNC_MOTOR = """
import bluesky.plan_stubs as bps
from ophyd_async.core import init_devices
from ophyd_async.sim import SimMotor

with init_devices():
    stage = SimMotor(instant=False, initial_value=1.0)  # it moves at 1 mm/s


def move(motor, target):
    yield from bps.mv(motor, target)
"""


async def test_a_motor_of_ophyd_async_is_reported_with_the_part_that_is_done(worker):
    driver = worker(ASYNC_MOTOR)
    await driver.open()
    await driver.start("move", "stage", 101)
    wait = await wait_of(driver, "motor")
    assert (wait.devices, json.loads(wait.start), json.loads(wait.target), wait.unit) == (["stage"], 1, 101, "mm")
    pulse = await driver.wait(Pulse, lambda p: any(each["current"] > 1.1 for each in json.loads(p.devices)))
    (device,) = json.loads(pulse.devices)
    assert (device["name"], device["initial"], device["target"], device["done"]) == ("stage", 1, 101, False)
    assert device["fraction"] == pytest.approx((device["current"] - 1) / 100)
    assert 0 < device["fraction"] < 0.5
    await driver.ask(PausePlan("immediate"))
    await driver.wait_engine("paused")
    await driver.ask(ContinuePlan("abort"))
    assert (await driver.wait(PlanEnded)).exit_status == "aborted"


HOOKS = """
seen = []
RE.waiting_hook = lambda statuses: seen.append(statuses is not None)
def saw():
    return seen
"""


async def test_the_users_own_waiting_hook_is_called_too(worker):
    driver = worker(DEVICES + HOOKS)
    await driver.open()
    await driver.start("move", "m1")
    await wait_of(driver, "motor")
    assert (await let_go(driver)).exit_status == "completed"
    assert json.loads((await driver.function("saw", uid="f")).return_value) == [True, False]


async def test_a_waiting_hook_that_is_put_around_ours_is_called_once(worker):
    driver = worker(DEVICES + HOOKS)
    await driver.open()
    await driver.script("inner = RE.waiting_hook\nRE.waiting_hook = lambda statuses: (inner(statuses), seen.append(1))")
    await driver.start("move", "m1")
    await wait_of(driver, "motor")
    await let_go(driver)
    assert json.loads((await driver.function("saw", uid="f")).return_value) == [True, 1, False, 1]


async def test_a_device_that_cannot_be_watched_does_not_end_the_watching(worker):
    driver = worker(
        DEVICES + "\nclass Odd(DeviceStatus):\n    def watch(self, watcher):\n        raise OSError('no')\n"
        "def trigger():\n    status = Odd(det)\n    threading.Thread(target=lambda: (go.wait(), "
        "status.set_finished())).start()\n    return status\ndet.trigger = trigger\n"
    )
    await driver.open()
    await driver.start("measure")
    await wait_of(driver, "trigger")
    assert (await let_go(driver)).exit_status == "completed"
