import numpy as np
from ophyd import Component as Cpt
from ophyd import Device, EpicsSignalRO, Signal
from ophyd.sim import SynAxis, SynGauss
from ophyd.status import SubscriptionStatus

from beamline.slits import Slits, same_shell, slits


class Shutter(Device):
    """Opens and closes; its defaults and helpers are as odd as they come."""

    OPEN, CLOSED = "Open", "Closed"
    state = Cpt(Signal, value="Closed")

    def set(self, value, *, settle=np.float64(0.0)):
        self.state.put(value)
        status = SubscriptionStatus(self.state, lambda *, value, **kw: True)
        return status


class Pump(Device):
    """Whoever looks at its pressure connects to what is not there."""

    pressure = Cpt(EpicsSignalRO, "P-I", lazy=True)


class Sample:
    """No device: it has a name and no methods of one."""

    name = "lysozyme"

    def __getattr__(self, attribute):
        raise AttributeError(attribute)


m1 = SynAxis(name="m1", labels={"motors"})
m2 = SynAxis(name="m2", labels={"motors"})
det = SynGauss("det", m1, "m1", center=0, Imax=1, sigma=1, labels={"detectors"})
shutter = Shutter(name="shutter")
ring_current = Signal(name="ring_current", value=400.0)
pump = Pump("XF:NOT-THERE{}", name="pump")
samples = {"a": Sample()}
sample = Sample()
all_motors = [m1, m2]
