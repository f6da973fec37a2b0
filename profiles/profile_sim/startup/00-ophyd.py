"""Simulated devices: everything from `ophyd.sim.hw()`, bundles with subdevices, and a few other kinds."""

import tempfile as _tempfile
import time as ttime
import typing
from pathlib import Path as _Path

import bluesky
import ophyd
from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.sim import NullStatus, SynAxis, SynGauss, hw

# One folder for the images of all sessions, because by default each session creates two new folders and never removes them.
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
