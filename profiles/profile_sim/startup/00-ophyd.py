"""Simulated devices: everything in `ophyd.sim.hw()`, bundles with subdevices, devices that take time, and others."""

import tempfile as _tempfile
import threading as _threading
import time as ttime
import typing
from pathlib import Path as _Path

import bluesky
import ophyd
from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.sim import NullStatus, SynAxis, SynGauss, hw
from ophyd.utils import LimitError

# One image folder for all sessions: by default, each session creates two new folders and never removes them.
_images = _Path(_tempfile.gettempdir(), "bluesky-qs-sim-images")
_images.mkdir(exist_ok=True)
globals().update(vars(hw(save_path=str(_images))))


class SimStage(Device):
    """Three motors."""

    x = Cpt(SynAxis, name="x", labels={"motors"})
    y = Cpt(SynAxis, name="y", labels={"motors"})
    z = Cpt(SynAxis, name="z", labels={"motors"})


class SimDetectors(Device):
    """Two detectors with peaks along the top-level motors."""

    det_A = Cpt(
        SynGauss, name="det_A", motor=motor, motor_field="motor", center=0, Imax=1, sigma=1, labels={"detectors"}
    )
    det_B = Cpt(
        SynGauss, name="det_B", motor=motor1, motor_field="motor1", center=0, Imax=5, sigma=0.5, labels={"detectors"}
    )


class SimBundle(Device):
    """A stage and its detectors."""

    mtrs = Cpt(SimStage)
    dets = Cpt(SimDetectors)


sim_bundle_A = SimBundle(name="sim_bundle_A")
sim_bundle_B = SimBundle(name="sim_bundle_B")



class SlowMotor(SynAxis):
    """A motor that moves at its ``velocity`` (mm/s) and then settles. A new move replaces the current one."""

    settle_time = Cpt(Signal, value=0.1, kind="config")

    #: Seconds between position updates during a move.
    _update_period = 0.05

    def __init__(self, *, velocity=1.0, limits=(-100, 100), **kwargs):
        super().__init__(**kwargs)
        self.velocity.put(velocity)
        self.limits = limits
        self._halt = _threading.Event()

    @property
    def low_limit(self):
        return self.limits[0]

    @property
    def high_limit(self):
        return self.limits[1]

    @property
    def moving(self):
        return not self._halt.is_set() and self.sim_state["readback"] != self.sim_state["setpoint"]

    def describe(self):
        """Describe the positions, with their unit."""
        return {key: {**each, "units": "mm"} for key, each in super().describe().items()}

    def check_value(self, value):
        """Raise `LimitError` if the position is outside the limits."""
        if not self.low_limit <= value <= self.high_limit:
            raise LimitError(f"{self.name}: {value} is outside the limits {self.limits}")

    def set(self, value):
        self.check_value(value)
        self.stop(success=True)  # ophyd stops a device whose status fails, which would be the next move
        self._halt = halt = _threading.Event()
        self.sim_state["setpoint"], self.sim_state["setpoint_ts"] = value, ttime.time()
        self.setpoint._run_subs(sub_type=self.setpoint.SUB_VALUE, value=value, timestamp=ttime.time())
        status = self._make_status(target=value)
        _threading.Thread(target=self._move, args=(value, status, halt), daemon=True).start()
        return status

    def stop(self, *, success=False):
        self._halt.success = success
        self._halt.set()

    def _move(self, target, status, halt):
        initial, began = self.position, ttime.monotonic()
        distance, speed = target - initial, max(abs(self.velocity.get()), 1e-6)
        while not halt.is_set() and (part := (ttime.monotonic() - began) * speed / (abs(distance) or 1e-12)) < 1:
            self._reach(initial + part * distance)
            halt.wait(self._update_period)
        if not halt.is_set():
            self._reach(target)
            halt.wait(self.settle_time.get())
        if halt.is_set() and not halt.success:
            status.set_exception(RuntimeError(f"{self.name} was stopped at {self.position:.3f}"))
        else:
            status.set_finished()

    def _reach(self, position):
        now = ttime.time()
        self.sim_state["readback"], self.sim_state["readback_ts"] = position, now
        self.readback._run_subs(sub_type=self.readback.SUB_VALUE, value=position, timestamp=now)
        self._run_subs(sub_type=self.SUB_READBACK, value=position, timestamp=now)


class SlowDetector(SynGauss):
    """A detector whose trigger takes ``exposure`` seconds."""

    exposure = Cpt(Signal, value=1.0, kind="config")

    def trigger(self):
        self.exposure_time = self.exposure.get()
        return super().trigger()


slow_motor1 = SlowMotor(name="slow_motor1", velocity=1.0, labels={"motors"})
slow_motor2 = SlowMotor(name="slow_motor2", velocity=0.5, labels={"motors"})
slow_det = SlowDetector("slow_det", slow_motor1, "slow_motor1", center=0, Imax=1000, sigma=1, labels={"detectors"})
slow_det.exposure.put(1.0)

custom_test_device = Device(name="custom_test_device")
custom_test_signal = Signal(name="custom_test_signal", value=0)


class CustomTestFlyer:
    """A flyer without ophyd: bluesky needs only these methods."""

    name = "custom_test_flyer"
    parent = None

    def kickoff(self):
        return NullStatus()

    def complete(self):
        return NullStatus()

    def describe_collect(self):
        data_key = {"source": self.name, "dtype": "number", "shape": []}
        return {self.name: {"custom_test_reading": data_key}}

    def collect(self):
        for value in range(3):
            now = ttime.time()
            yield {"data": {"custom_test_reading": value}, "timestamps": {"custom_test_reading": now}, "time": now}

    def stop(self, *, success=False):
        pass


custom_test_flyer = CustomTestFlyer()
