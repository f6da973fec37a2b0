from beamline.names import *
import functools
from typing import Callable, List, Optional

POSITIONS = np.linspace(0, 1, 5)


def scan_sample(
    detectors=[det],
    motor=m1,
    positions=POSITIONS,
    per_step=None,
    reduce=np.mean,
    shutter_class=Shutter,
    wait=lambda: None,
    *,
    kind: "no such type" = functools.partial(max, 0),
    md=None,
):
    """A plan whose defaults are devices, functions, arrays and classes.

    Parameters
    ----------
    motor : ophyd.Device
        moved by the plan
    """
    assert callable(reduce) and motor.name and len(positions) == 5
    yield from list_scan(detectors, motor, list(positions), md=md)


def _inner(a, /, b=m1, *rest, c: "nothing known" = {}, **others) -> "also unknown":
    yield from ()


def __dunder_like(*args):
    yield from ()


def energy_scan(
    detectors: List["Device"], start: float = edge_energy, *args, steps: Optional[int] = 3, after: Callable = None
):
    """Ask for a device class by a name that is in the namespace."""
    yield from scan(detectors, m2, 0, 1, steps)


energy_scan_short = functools.partial(energy_scan, steps=2)


class Alignment:
    def __init__(self, motor):
        self.motor = motor

    def rock(self, width=1.0, num=3):
        """A plan that is a method."""
        yield from rel_scan([det], self.motor, -width, width, num)


rock = Alignment(m2).rock


@bpp.stage_decorator([det, m2])
@bpp.run_decorator(md={"plan_name": "decorated"})
def decorated_scan(num: int = 2):
    for _ in range(num):
        yield from trigger_and_read([det, m2])


def with_shutter():
    yield from bps.abs_set(shutter, Shutter.OPEN, wait=True)
    yield from count([det])
    yield from mv(shutter, Shutter.CLOSED)
