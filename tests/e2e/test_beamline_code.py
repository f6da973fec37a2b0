"""What real startup code contains and simulated code does not, through the whole service."""

import pytest

WHO = {"user": "tester", "user_group": "primary"}
STARTUP = """
import functools
import typing
from collections.abc import Mapping, Sequence

import bluesky.plan_stubs as bps
from bluesky import RunEngine
from bluesky.plan_stubs import abs_set, mv
from bluesky.plans import list_scan
from bluesky.protocols import NamedMovable, Readable
from bluesky.suspenders import SuspendCeil
from ophyd import Component, Device, Signal
from ophyd.sim import SynAxis, SynSignal
from ophyd_async.core import Device as AsyncDevice, DeviceVector, init_devices, soft_signal_rw

RE = RunEngine({})
Tree = typing.Union[tuple["Tree", ...], dict[str, "Tree"], float]


class Blades(AsyncDevice):
    def __init__(self, name=""):
        self.each = DeviceVector({number: soft_signal_rw(float, 0.0) for number in (0, 7)})
        super().__init__(name=name)


class Undulator(AsyncDevice):
    def __init__(self, name=""):
        self.gap = soft_signal_rw(float, 10.0)
        self.blades = Blades()
        super().__init__(name=name)


class Table(Device):
    height = Component(SynAxis)


with init_devices():
    undulator = Undulator()
table = Table(name="table")
slit = SynAxis(name="slit")
diode = SynSignal(name="diode")
globals()["slit 2"] = SynAxis(name="slit 2")
pressure = Signal(name="pressure", value=0)
RE.install_suspender(SuspendCeil(pressure, 5))


def sort(tree: Tree = None, depth: int = 1):
    yield from bps.null()


def see(anything: object, some: Sequence = (), either: "typing.Any | Readable" = None, text: str = ""):
    print("SEEN", [type(each).__name__ for each in (anything, *some, either, text)])
    yield from bps.null()


def settle(targets: Mapping[NamedMovable, float]):
    for device, target in targets.items():
        yield from bps.mv(device, target)


def counted(plan):
    @functools.wraps(plan)
    def inner(*args, **kwargs):
        return plan(*args, **kwargs)

    return inner


@counted
def twice(times: int = 2):
    yield from bps.repeat(bps.null, times)


def steps():
    for _ in range(1000):
        yield from bps.checkpoint()
        yield from bps.sleep(0.05)
"""
REGISTERING = "from bluesky_qs import register_plan\nregister_plan('twice')"


@pytest.fixture
def beamline(new_service, tmp_path):
    (tmp_path / "10-beamline.py").write_text(STARTUP)
    service = new_service("--startup-dir", str(tmp_path), "--warm-worker", "OFF").start()
    service.open()
    return service


def added(service, name, *args, **kwargs):
    """The warnings for a plan that is put into the queue."""
    item = {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}
    return service.do("queue_item_add", item=item, **WHO).get("warnings", [])


def ran(service):
    """Run the queue; the results of the plans, as exit status and message."""
    service.do("queue_start")
    service.wait_idle()
    return [(item["result"]["exit_status"], item["result"]["msg"]) for item in service.history()]


def test_groups_of_devices_and_their_parts_can_be_used(beamline):
    assert set(beamline.do("devices_allowed", user_group="primary")["devices_allowed"]) == {
        *("undulator", "table", "slit", "diode", "pressure")
    }
    assert added(beamline, "mv", "undulator.gap", 12, "undulator.blades.each.7", 0.5) == []
    assert added(beamline, "settle", {"table.height": 1, "undulator.blades.each.0": 2.0}) == []
    assert ran(beamline) == [("completed", "")] * 2


def test_types_that_cannot_be_read_and_places_where_anything_fits_get_what_is_meant(beamline):
    assert added(beamline, "sort", {"a": [1, {"b": 2}]}, 3) == []
    assert added(beamline, "see", "slit", ["diode", "table.height"], "diode", "slit") == []
    assert ran(beamline) == [("completed", "")] * 2
    beamline.wait(
        lambda _: "SEEN ['SynAxis', 'SynSignal', 'SynAxis', 'SynSignal', 'str']" in beamline.output(), "the output"
    )
    beamline.wait_shown("Parameter 'tree' of plan sort is not checked, because its type refers to itself")


def test_names_that_are_probably_wrong_are_queued_with_a_warning(beamline):
    (unknown,) = added(beamline, "settle", {"slot": 1.0})
    assert unknown.startswith("Parameter 'targets'['slot'] (key): 'slot' is not the name of a device")
    (similar,) = added(beamline, "list_scan", ["diode"], "slitt", [1, 2])
    assert similar.startswith("Parameter 'args'[0]: 'slitt' is not the name of a device")
    assert "did you mean 'slit'" in similar
    (kind,) = added(beamline, "abs_set", "undulator", 3)
    assert kind.startswith("Parameter 'obj': 'undulator' is a device that cannot be moved")


def test_what_is_left_out_is_in_the_report_with_what_to_do(beamline):
    left_out = {each["name"]: each["reason"] for each in beamline.do("environment_report")["report"]["left_out"]}
    assert set(left_out) == {"slit 2", "twice"}
    assert left_out["twice"].endswith("to list it: register_plan('twice')")
    beamline.do("script_upload", script=REGISTERING)
    beamline.wait(lambda s: s["manager_state"] == "idle" and s["task_results_uid"], "the script")
    assert added(beamline, "twice", 3) == []
    assert ran(beamline) == [("completed", "")]


@pytest.mark.in_both_modes
@pytest.mark.parametrize("when", ["before the plan", "while the plan runs"])
def test_a_suspended_plan_can_be_ended_and_the_environment_closed(beamline, when):
    trip = {"script": "pressure.put(9)", "run_in_background": True}
    if when == "before the plan":
        task = beamline.do("script_upload", **trip)["task_uid"]
        beamline.wait(lambda _: beamline.ask("task_status", task_uid=task)["status"] == "completed", "the script")
    beamline.add("steps")
    beamline.do("queue_start")
    beamline.wait(lambda s: s["re_state"] == "running", "the plan runs")
    if when == "while the plan runs":
        beamline.do("script_upload", **trip)
    beamline.wait(lambda _: "Suspending" in beamline.output(), "the suspension")
    beamline.do("re_pause", option="immediate")
    beamline.wait(lambda s: s["manager_state"] == "paused", "the pause")
    beamline.do("re_abort")
    beamline.wait_idle()
    assert [item["result"]["exit_status"] for item in beamline.history()] == ["aborted"]
    beamline.do("environment_close")
    beamline.wait(lambda s: not s["worker_environment_exists"], "the environment is closed")
    assert beamline.stop() == 0
