"""Plans as beamlines write them, all plan stubs, and what shows what a real run has done; after the `sim` profile."""

import os
import socket
import subprocess
import tempfile

from bluesky.plan_stubs import *  # noqa: F403
from bluesky.suspenders import SuspendFloor
from bluesky.utils import Msg

shutter = Signal(name="shutter", value="closed")
exposure = Signal(name="exposure", value=0.1)
beam = Signal(name="beam", value=100.0)
supplemental = bpp.SupplementalData(baseline=[motor3])
RE.preprocessors.append(supplemental)

seen = {}


def forget():
    """Forget what the last plan has done."""
    seen.update(runs=0, points={}, streams={}, motors={})


def _position(device):
    return getattr(device, "position", None) if hasattr(device, "position") else device.get()


def _message(message):
    if message.command == "set":
        device = message.obj
        seen["motors"].setdefault(device.name, (device, [_position(device)]))[1].append(message.args[0])


def _document(name, document):
    if name == "start":
        seen["runs"] += 1
    elif name == "descriptor":
        seen["streams"][document["uid"]] = document["name"]
    elif name == "event":
        stream = seen["streams"][document["descriptor"]]
        seen["points"][stream] = seen["points"].get(stream, 0) + 1


def observed():
    """What the plans since `forget` have done."""
    motors = {
        name: [min(values), max(values), _position(device)]
        for name, (device, values) in seen["motors"].items()
        if all(isinstance(value, (int, float)) for value in values)
    }
    return {"runs": seen["runs"], "points": seen["points"], "motors": motors}


forget()
RE.subscribe(_document)
RE.msg_hook = _message


# ------------------------------------------------------------------------- A: plans that do not depend on readings
def map_lines():
    """Lines of a map, one run each."""
    for y in (0.5, 1.5, 2.5):
        yield from bps.mv(motor2, y)
        yield from rel_scan([det1, det2], motor1, -1, 1, 3, md={"line": y})


def there_and_back():
    """Moves from where it is, and returns."""
    start = yield from bps.rd(motor)
    yield from bps.mvr(motor, 2)
    yield from count([det1], num=2)
    yield from bps.mv(motor, start)


def behind_the_shutter():
    """Opens the shutter, and closes it in any case."""

    def inside():
        yield from bps.mv(shutter, "open")
        yield from count([det1], num=2)

    yield from bpp.finalize_wrapper(inside(), bps.mv(shutter, "closed"))


def exposures():
    """One run for each exposure time."""
    for seconds in (0.1, 0.2, 0.4):
        yield from bps.abs_set(exposure, seconds, wait=True)
        yield from count([det1, exposure], md={"exposure": seconds})


def own_step():
    """A scan with a step of its own: a dark reading before each point."""

    def step(detectors, axis, position):
        yield from bps.mv(shutter, "closed")
        yield from bps.trigger_and_read(detectors, name="dark")
        yield from bps.mv(shutter, "open", axis, position)
        yield from bps.trigger_and_read([*detectors, axis])

    yield from scan([det1], motor, -1, 1, 3, per_step=step)


def own_shot():
    """A count with a step of its own."""

    def shot(detectors):
        for _ in range(3):
            yield from bps.one_shot(detectors)

    yield from count([det1], num=2, per_shot=shot)


@bpp.reset_positions_decorator([motor1, motor2])
def puts_back():
    """Motors return to where they were."""
    yield from grid_scan([det1], motor1, 0, 1, 2, motor2, 0, 2, 3, True)


@bpp.baseline_decorator([motor2, exposure])
@bpp.stage_decorator([det1])
@bpp.run_decorator(md={"purpose": "flat field"})
def one_run():
    """A run with a baseline of its own, and two streams."""
    for x in (0, 1, 2):
        yield from bps.mv(motor1, x)
        yield from bps.create("flat")
        yield from bps.read(det1)
        yield from bps.save()
    yield from bps.trigger_and_read([det2])


def dropped_points():
    """Some points are dropped."""
    yield from bps.open_run()
    for number in range(4):
        yield from bps.create()
        yield from bps.read(det1)
        yield from (bps.drop() if number % 2 else bps.save())
    yield from bps.close_run()


def with_suspender():
    """Waits for beam, of which there is enough."""
    yield from bpp.suspend_wrapper(scan([det1], motor, 0, 1, 3), SuspendFloor(beam, 50))


def chained():
    """Plans one after the other, and repeated."""
    yield from bpp.pchain(count([det1]), bps.mv(motor, 1), count([det2], num=2))
    yield from bps.repeat(bps.checkpoint, num=3)


def mutated():
    """Each move is followed by a pause, added by a preprocessor."""

    def slower(message):
        return (None, bps.sleep(0)) if message.command == "set" else (None, None)

    yield from bpp.plan_mutator(list_scan([det1], motor, [3, 1, 2]), slower)


def bare_messages():
    """Messages without stubs."""
    yield Msg("open_run")
    yield Msg("set", motor, 2.5, group="a")
    yield Msg("wait", None, group="a")
    yield Msg("create", name="primary")
    yield Msg("read", motor)
    yield Msg("save")
    yield Msg("close_run")


def energies():
    """An outer loop over positions with an inner relative grid."""
    for position in (-2, 0, 2):
        yield from bps.mv(motor, position)
        yield from rel_grid_scan([det1], motor1, -0.5, 0.5, 2, motor2, -0.5, 0.5, 2)


def fails_in_the_middle():
    """A mistake that only shows after the first run."""
    yield from count([det1], num=2)
    yield from bps.mv(slow_motor1, 1000)


def typo():
    """A name that does not exist."""
    yield from bps.mv(motor, 1)
    yield from count([det_1])  # noqa: F405


# -------------------------------------------------------------------------------- B: plans that depend on readings
def follows_the_signal():
    """Goes to the side with more signal."""
    value = yield from bps.rd(det1)
    yield from bps.mv(motor, 1 if value > 0.5 else -1)
    yield from count([det1])


def monitors():
    """Monitors a signal during a scan."""
    yield from bpp.monitor_during_wrapper(scan([det1], motor, 0, 1, 3), [beam])


def aligns():
    """Aligns, then measures around the peak."""
    yield from tune_centroid([det1], "det1", motor, -1, 1, 0.1, 5)
    yield from rel_scan([det1], motor, -1, 1, 3)


def counts_until_enough():
    """Counts until there is enough signal, ten times at most."""
    total = 0
    for _ in range(10):
        reading = yield from bps.read(det2)
        total += reading["det2"]["value"]
        yield from count([det2])
        if total > 1e6:
            break


# ------------------------------------------------------------------------ C: plans that wait for people or never end
def waits_for_beam():
    """Waits until there is beam, which a dry run never sees."""
    while (yield from bps.rd(beam)) < 200:
        yield from bps.sleep(1)
    yield from count([det1])


def forever():
    """Measures until it is stopped."""
    while True:
        yield from count([det1])


def asks_first():
    """Asks before it moves."""
    yield from count([det1])
    if input("Sample in place? ") == "yes":
        yield from bps.mv(motor, 1)


def asks_by_message():
    """Asks with a message."""
    answer = yield from bps.input_plan("Sample in place? ")
    yield from bps.mv(motor, float(answer))


# ------------------------------------------------------------------------ D: hardware, network or files outside messages
def moves_directly():
    """Forgets the message."""
    yield from bps.null()
    motor.set(3)


def writes_a_log():
    """Writes a file of its own."""
    yield from count([det1])
    with open(os.path.join(tempfile.gettempdir(), "beamline.log"), "a") as log:
        log.write("counted\n")


def tells_the_world():
    """Sends a message over the network."""
    yield from count([det1])
    try:
        with socket.create_connection(("localhost", 9), timeout=1) as connection:
            connection.sendall(b"done")
    except OSError:
        print("nobody listens")


def runs_a_program():
    """Starts an analysis."""
    yield from count([det1])
    subprocess.Popen(["true"])
