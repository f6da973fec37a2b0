"""Reads real devices: their code runs in threads or in an event loop, and never in the caller's thread."""

import asyncio
import json
import queue
import threading

import numpy as np
import pytest
from ophyd import Component, Device, Signal, SoftPositioner
from ophyd.sim import SynAxis, SynGauss
from ophyd_async.core import Device as AsyncDevice
from ophyd_async.core import StandardReadable, soft_signal_rw
from ophyd_async.sim import SimMotor

from bluesky_qs.ipc.commands import ReadDevices
from bluesky_qs.worker.device_reader import MOST_THREADS, DeviceReader

PATIENCE = 30


class Reader:
    """A `DeviceReader` with a clock to move, and its replies."""

    def __init__(self, loop):
        self.time = 0.0
        self.loop = loop
        self.replies = queue.Queue()
        self.allowed = True
        self.reader = DeviceReader(
            loop=lambda: self.loop,
            is_allowed=lambda *_: self.allowed,
            send=lambda _, devices: self.replies.put(json.loads(devices)),
            now=lambda: self.time,
        )

    def begin(self, namespace, *, unlisted=(), max_age=0.0):
        names = [name for name in namespace if name not in unlisted]
        roots = {name.partition(".")[0]: value for name, value in namespace.items()}
        self.reader.ask(ReadDevices("uid", names, list(unlisted), "primary", max_age), roots)

    def read(self, **namespace):
        self.begin(namespace)
        return self.reply()

    def reply(self):
        return self.replies.get(timeout=PATIENCE)

    def later(self, seconds):
        self.time += seconds
        self.reader.check()


@pytest.fixture
def loop():
    """The loop of a RunEngine: it runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    asyncio.run_coroutine_threadsafe(end_tasks(), loop).result(PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE)
    loop.close()


async def end_tasks():
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def reader(loop):
    yield Reader(loop)
    for thread in reading_threads():
        thread.join(PATIENCE)


def reading_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("read ")]


def connected(loop, device, name):
    async def connect():
        await device.connect()

    device.set_name(name)
    asyncio.run_coroutine_threadsafe(connect(), loop).result(PATIENCE)
    return device


class Hangs(Signal):
    """Reads when it is allowed to."""

    def __init__(self, name):
        super().__init__(name=name, value=3)
        self.may_answer = threading.Event()
        self.is_read = threading.Event()
        self.reads = 0

    def read(self):
        self.reads += 1
        self.is_read.set()
        assert self.may_answer.wait(PATIENCE)
        return super().read()


def test_a_motor_has_its_position_and_its_setpoint_beside_it(reader):
    found = reader.read(motor=SynAxis(name="motor", value=2.5))["motor"]
    assert (found["value"], found["limits"], found["moving"]) == (2.5, None, None)
    assert found["timestamp"] > 1e9
    assert found["fields"]["motor_setpoint"]["value"] == 2.5


def test_a_positioner_has_units_limits_and_says_whether_it_moves(reader):
    class Slow(SoftPositioner):
        moving = True

        def read(self):
            return {self.name: {"value": self.position, "timestamp": 5.0}}

        def describe(self):
            return {self.name: {"source": "", "dtype": "number", "shape": [], "units": "mm"}}

    slow = Slow(name="slow", limits=(-1, 10), init_pos=4)
    assert reader.read(slow=slow) == {
        "slow": {"value": 4, "timestamp": 5.0, "units": "mm", "limits": [-1, 10], "moving": True}
    }


def test_limits_come_from_the_description_and_equal_limits_are_none(reader):
    class Described(Signal):
        limits_in_description = (0.0, 0.0)

        def describe(self):
            low, high = self.limits_in_description
            return {self.name: {**super().describe()[self.name], "lower_ctrl_limit": low, "upper_ctrl_limit": high}}

    class Limited(Described):
        limits_in_description = (-2, 2)

    found = reader.read(a=Described(name="a", value=1), b=Limited(name="b", value=1))
    assert (found["a"]["limits"], found["b"]["limits"]) == (None, [-2.0, 2.0])


def test_a_detector_is_not_triggered(reader):
    motor = SynAxis(name="motor")
    detector = SynGauss("det", motor, "motor", center=0, Imax=1, sigma=1)
    before = detector.read()
    assert reader.read(det=detector)["det"]["value"] == before["det"]["value"]
    assert detector.read() == before


def test_a_subdevice_is_read_by_its_dotted_name(reader):
    class Stage(Device):
        x = Component(Signal, value=7)

    assert reader.read(**{"stage.x": Stage(name="stage")})["stage.x"]["value"] == 7


def test_a_large_array_has_its_shape_and_no_values(reader):
    found = reader.read(image=Signal(name="image", value=np.zeros((30, 40))))["image"]
    assert (found["value"], found["shape"]) == (None, [30, 40])


def test_values_that_json_does_not_have_are_shown_as_text(reader):
    found = reader.read(a=Signal(name="a", value=np.float64("nan")), b=Signal(name="b", value=1 + 2j))
    assert found["a"]["value"] != found["a"]["value"]
    assert found["b"]["value"] == "(1+2j)"


def test_an_error_of_the_device_is_its_answer_with_the_last_reading(reader):
    class Fails(Signal):
        broken = False

        def read(self):
            if self.broken:
                raise SystemExit("no link to the crate")
            return super().read()

    device = Fails(name="device", value=9)
    reader.read(device=device)
    device.broken = True
    found = reader.read(device=device, motor=SynAxis(name="motor"))
    assert "no link to the crate" in found["device"]["error"]
    assert found["device"]["last"]["value"] == 9
    assert "value" in found["motor"]


def test_a_device_whose_description_fails_still_has_its_value(reader):
    class NoDescription(Signal):
        def describe(self):
            raise RuntimeError("no")

    found = reader.read(device=NoDescription(name="device", value=3))["device"]
    assert (found["value"], found["units"]) == (3, None)


def test_a_device_is_described_once_a_minute(reader):
    class Counts(Signal):
        described = 0

        def describe(self):
            self.described += 1
            return super().describe()

    device = Counts(name="device", value=3)
    reader.read(device=device)
    reader.read(device=device)
    assert device.described == 1
    reader.time += 61
    reader.read(device=device)
    assert device.described == 2


def test_a_device_that_hangs_delays_no_other_and_leaves_no_thread_when_it_has_answered(reader):
    hangs, motor = Hangs("hangs"), SynAxis(name="motor", value=1)
    reader.begin({"hangs": hangs, "motor": motor})
    assert hangs.is_read.wait(PATIENCE)
    assert reader.read(motor=motor)["motor"]["value"] == 1
    reader.later(1)
    found = reader.reply()
    assert (found["hangs"]["error"], found["motor"]["value"]) == ("no answer after 1 s", 1)
    assert hangs.reads == 1
    (thread,) = reading_threads()
    hangs.may_answer.set()
    thread.join(PATIENCE)
    assert reading_threads() == []
    assert reader.read(hangs=hangs)["hangs"]["value"] == 3


def test_at_most_eight_devices_are_read_in_threads_at_once(reader):
    hanging = {f"hangs{n}": Hangs(f"hangs{n}") for n in range(MOST_THREADS)}
    reader.begin(hanging)
    assert all(device.is_read.wait(PATIENCE) for device in hanging.values())
    reader.begin({"motor": SynAxis(name="motor", value=1)})
    assert len(reading_threads()) == MOST_THREADS
    hanging["hangs3"].may_answer.set()
    assert reader.reply()["motor"]["value"] == 1
    for device in hanging.values():
        device.may_answer.set()
    assert set(reader.reply()) == set(hanging)


def test_a_device_with_a_lock_of_its_own_is_read_when_its_plan_lets_it_go(reader):
    class Locked(Signal):
        lock = threading.Lock()

        def read(self):
            with self.lock:
                return super().read()

    device = Locked(name="device", value=2)
    with device.lock:
        reader.begin({"device": device})
        reader.time += 1
        reader.reader.check()
        assert "error" in reader.reply()["device"]
    for thread in reading_threads():
        thread.join(PATIENCE)
    assert reader.read(device=device)["device"]["value"] == 2


def test_an_ophyd_async_motor_is_read_in_the_loop(reader, loop):
    motor = connected(loop, SimMotor(instant=True), "motor")
    found = reader.read(motor=motor)["motor"]
    assert (found["value"], found["units"]) == (0.0, "mm")
    assert reading_threads() == []


def test_an_ophyd_async_subdevice_is_read_by_its_dotted_name(reader, loop):
    class Stage(StandardReadable):
        def __init__(self):
            self.x = soft_signal_rw(float, 1.25, units="mm")
            super().__init__()

    stage = connected(loop, Stage(), "stage")
    found = reader.read(**{"stage.x": stage})["stage.x"]
    assert (found["value"], found["units"]) == (1.25, "mm")


def test_an_ophyd_async_device_that_hangs_is_canceled(reader, loop):
    class HangsAsync(StandardReadable):
        canceled = threading.Event()

        async def read(self):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.canceled.set()
                raise

    device = connected(loop, HangsAsync(), "device")
    reader.begin({"device": device, "x": connected(loop, soft_signal_rw(int, 4), "x")})
    found = reader.reply()
    assert (found["device"]["error"], found["x"]["value"]) == ("no answer after 1 s", 4)
    assert device.canceled.wait(PATIENCE)


def test_a_loop_that_the_plan_blocks_gives_no_answer(reader, loop):
    device = connected(loop, soft_signal_rw(int, 4), "x")
    blocked, go_on = threading.Event(), threading.Event()
    loop.call_soon_threadsafe(lambda: (blocked.set(), go_on.wait(PATIENCE)))
    assert blocked.wait(PATIENCE)
    reader.begin({"x": device})
    reader.later(1)
    assert "error" in reader.reply()["x"]
    go_on.set()


def test_an_ophyd_async_device_without_a_run_engine_is_an_error(reader, loop):
    device = connected(loop, soft_signal_rw(int, 4), "x")
    reader.loop = None
    assert "no RunEngine 'RE'" in reader.read(x=device)["x"]["error"]


def test_a_group_of_devices_that_is_no_device_itself_cannot_be_read(reader):
    assert "has no method 'read'" in reader.read(group=AsyncDevice())["group"]["error"]


def test_a_coroutine_of_another_device_runs_in_the_loop(reader, loop):
    class Both:
        name = "both"

        async def read(self):
            assert asyncio.get_running_loop() is loop
            return {"both": {"value": 5, "timestamp": 1.0}}

        async def describe(self):
            raise RuntimeError("no")

    assert reader.read(both=Both())["both"]["value"] == 5


def test_a_device_below_the_lists_is_read_only_for_a_group_that_may_use_it(reader):
    class Deep(Device):
        part = Component(Signal, value=7)

    device = Deep(name="deep")
    reader.begin({"deep.part": device}, unlisted=["deep.part"])
    assert reader.reply()["deep.part"]["value"] == 7
    reader.allowed = False
    reader.begin({"deep.part": device}, unlisted=["deep.part"])
    assert (
        "there is no such device, or you may not use it (your user group is 'primary')"
        in reader.reply()["deep.part"]["error"]
    )
    reader.begin({"deep.nothing": device}, unlisted=["deep.nothing"])
    assert "nothing" in reader.reply()["deep.nothing"]["error"]
