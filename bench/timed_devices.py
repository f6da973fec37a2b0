"""Startup code for the measurement of estimates: devices that take time, and 12 kinds of plans."""

TIMED_DIR = '''
import threading as _threading
import time as _time

import bluesky.plan_stubs as _bps
from bluesky import RunEngine
from bluesky.plans import count, grid_scan, list_scan, rel_scan, scan, spiral
from ophyd import Component as _Cpt, Device as _Device, DeviceStatus as _DeviceStatus, Signal as _Signal

RE = RunEngine({})


def _later(seconds, call):
    timer = _threading.Timer(max(seconds, 0.0), call)
    timer.daemon = True
    timer.start()


class Motor(_Device):
    """Moves with its velocity, and settles."""

    readback = _Cpt(_Signal, value=0.0, kind="hinted")
    velocity = _Cpt(_Signal, value=20.0, kind="config")

    def __init__(self, *args, settle=0.03, **kwargs):
        super().__init__(*args, **kwargs)
        self.readback.name = self.name
        self._settle = settle

    @property
    def position(self):
        return self.readback.get()

    def set(self, value):
        status = _DeviceStatus(self)
        seconds = abs(value - self.position) / self.velocity.get() + self._settle

        def arrived():
            self.readback.put(float(value))
            status.set_finished()

        _later(seconds, arrived)
        return status


class Camera(_Device):
    """Exposes, and reads out."""

    exposure = _Cpt(_Signal, value=0.05, kind="config")
    total = _Cpt(_Signal, value=1.0, kind="hinted")

    def __init__(self, *args, readout=0.02, **kwargs):
        super().__init__(*args, **kwargs)
        self._readout = readout

    def trigger(self):
        status = _DeviceStatus(self)
        _later(self.exposure.get() + self._readout, status.set_finished)
        return status


x = Motor(name="x")
y = Motor(name="y", settle=0.05)
camera = Camera(name="camera")
slow_camera = Camera(name="slow_camera", readout=0.06)


def exposed(exposure: float, num: int):
    yield from _bps.mv(camera.exposure, exposure)
    yield from count([camera], num=num)


def with_velocity(velocity: float, stop: float, num: int):
    yield from _bps.mv(x.velocity, velocity)
    yield from scan([camera], x, 0, stop, num)


def two_cameras(one: float, other: float, num: int):
    yield from _bps.mv(camera.exposure, one, slow_camera.exposure, other)
    yield from count([camera, slow_camera], num=num)


def night(first: float, second: float, num: int, pause: float):
    """Several runs, with moves and sleeps between them."""
    for place in (first, second):
        yield from _bps.mv(x, place, y, place / 2)
        yield from count([camera], num=num)
        yield from _bps.sleep(pause)


def repeated(stop: float, num: int, shots: int):
    """Triggers several times at each point."""

    def per_step(detectors, step, pos_cache):
        yield from _bps.move_per_step(step, pos_cache)
        for _ in range(shots):
            yield from _bps.trigger_and_read([*detectors, *step])

    yield from scan([camera], y, 0, stop, num, per_step=per_step)


def back_and_forth(places: list[float]):
    for place in places:
        yield from _bps.mv(x, place)
'''
