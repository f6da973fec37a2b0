"""The devices of the beamline, and its RunEngine."""

from bluesky import RunEngine
from bluesky.callbacks.best_effort import BestEffortCallback
from ophyd.sim import det1, det2, motor

RE = RunEngine()
bec = BestEffortCallback()
bec.disable_plots()  # nobody would see them
RE.subscribe(bec)
