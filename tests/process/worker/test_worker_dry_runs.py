"""Dry runs in a real worker, in both modes: what they report, what they cannot do, and that they leave no trace."""

import asyncio
import json
import os
import re
import signal
import uuid

import psutil
import pytest

from bluesky_qs.ipc.commands import RunPlan
from bluesky_qs.ipc.reports import DocumentReport, PlanEnded, StateChanged
from tests.process.worker.dry_running import call, dry_run, dry_runs, plan

STARTUP = """
import os
import re
import signal
import socket
import subprocess
import threading
import time

import bluesky.plan_stubs as bps
from bluesky import RunEngine
from bluesky.plans import adaptive_scan, count, grid_scan, list_scan, rel_scan, scan, spiral, tune_centroid
from ophyd import SoftPositioner
from ophyd.sim import det1, motor, motor1, motor2
from ophyd_async.core import init_devices
from ophyd_async.sim import SimMotor

RE = RunEngine({})
documents = []
RE.subscribe(lambda name, document: documents.append(name))
counter = 0
motor.delay = 0
with init_devices():
    stage = SimMotor(instant=True)
slow = SoftPositioner(name="slow", limits=(-10, 10), egu="mm", init_pos=1)
proceed = threading.Event()
folder = os.getcwd()

def go_outside():
    yield from bps.mv(motor, 3)
    yield from bps.mv(slow, 99)

def leaves_traces():
    global counter
    counter += 1
    print("hello from the plan")
    RE.md["left"] = True
    os.environ["left"] = "yes"
    os.chdir("/")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    documents.append("left")
    yield from count([det1], num=2)

def writes():
    yield from bps.null()
    try:
        open(os.path.join(folder, "written.txt"), "w")
    except Exception:
        pass
    try:
        socket.create_connection(("localhost", 9))
    except Exception:
        pass
    try:
        subprocess.run(["true"])
    except Exception:
        pass
    try:
        motor.set(77)
    except Exception:
        pass
    yield from bps.null()

def forgets_yield_from():
    yield from bps.null()
    bps.mv(motor, 1)

def eats_memory():
    yield from bps.null()
    eaten = []
    while True:
        eaten.append(bytearray(50_000_000))

def never_ends():
    while True:
        yield from bps.sleep(1)

def spins():
    yield from bps.null()
    while True:
        pass

def dies():
    yield from bps.null()
    os._exit(3)

def hangs():
    yield from bps.null()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    proceed.wait()

def asks():
    yield from bps.null()
    input("Ready? ")

def fails():
    yield from count([det1], num=2)
    raise ValueError("no beam")

def looks_at_the_clock():
    start, monotonic = time.time(), time.monotonic()
    yield from bps.sleep(3600)
    time.sleep(100)
    assert 3700 <= time.time() - start < 3800 and time.monotonic() - monotonic >= 3700

def waits():
    yield from bps.null()
    proceed.wait()
    yield from bps.null()

def reads_back():
    yield from bps.mv(motor, 4)
    assert motor.position == 4 and motor.readback.get() == 4, (motor.position, motor.readback.get())
    assert (yield from bps.rd(motor)) == 4
    yield from bps.mvr(motor, 1)

def file_of(descriptor):
    return f"/proc/self/fd/{descriptor}"

def kind(name):
    return re.sub("[0-9]+]", "]", name)

def state():
    return {
        "counter": counter, "documents": len(documents), "md": dict(RE.md), "motor": motor.position,
        "threads": threading.active_count(), "descriptors": len(os.listdir("/proc/self/fd")),
        "written": os.path.exists(os.path.join(folder, "written.txt")), "cwd": os.getcwd(),
        "globals": {name: id(value) for name, value in globals().items()}, "environ": dict(os.environ),
        "files": sorted(kind(os.readlink(each)) for each in map(file_of, range(200)) if os.path.islink(each)),
        "signals": [str(signal.getsignal(each)) for each in (signal.SIGINT, signal.SIGALRM, signal.SIGTERM)],
    }

def shadows():
    found = []
    for name in os.listdir("/proc"):
        try:
            fields = open(f"/proc/{name}/stat").read().rpartition(")")[2].split()
        except OSError:
            continue
        if name.isdigit() and int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.append(int(name))
    return found

def change():
    global counter
    counter = 10

def shows_counter():
    yield from bps.mv(motor, counter)
"""

BOTH_MODES = pytest.mark.parametrize("mode", ["plain", "kernel"])


@pytest.fixture
async def driver(open_in_mode):
    return await open_in_mode(STARTUP)


def shadows_of(driver):
    """Processes that the worker has forked."""
    return [child.pid for child in psutil.Process(driver.process.pid).children() if child.status() != "zombie"]


async def run(driver, name, *args, **kwargs):
    uid = str(uuid.uuid4())
    item = {
        "item_type": "plan",
        "name": name,
        "args": list(args),
        "kwargs": kwargs,
        "item_uid": uid,
        "user_group": "admin",
    }
    await driver.ask(RunPlan(json.dumps(item).encode()))
    return uid


@BOTH_MODES
async def test_a_scan_is_walked_from_the_present_position(driver):
    await run(driver, "scan", ["det1"], "motor", 0, 2, 3)
    await driver.wait(PlanEnded)
    report = await dry_run(driver, "rel_scan", ["det1"], "motor", -1, 1, 5)
    assert (report["ok"], report["complete"], report["exact"]) == (True, True, True), report
    assert report["motors"]["motor"] == {"start": 2, "min": 1.0, "max": 3.0, "end": 2, "units": None}
    assert (report["points"], report["runs"], report["stream_points"]) == (5, 1, {"primary": 5})
    assert report["triggers"] == {"det1": 5, "motor": 5}  # as a real run: simulated motors have a trigger
    assert report["estimate"]["seconds"] is None
    assert report["as_of"] > 0


@BOTH_MODES
async def test_a_dry_run_leaves_no_trace(driver):
    before = await call(driver, "state")
    printed = driver.text()
    report = await dry_run(driver, "leaves_traces")
    assert report["output"] == "hello from the plan\n"
    assert report["points"] == 2
    others = ("writes", "fails", "dies", "spins", "asks", "reads_back", "go_outside")
    await dry_runs(driver, *map(plan, ("leaves_traces", *others)), for_each=2.0)
    assert driver.text() == printed
    assert await call(driver, "state") == before | {"threads": before["threads"] + 1}  # that of dry runs
    assert not [each for each in driver.received if isinstance(each, DocumentReport)]
    await run(driver, "count", ["det1"])
    assert (await driver.wait(PlanEnded)).scan_ids == [1]


@BOTH_MODES
async def test_calls_that_touch_the_world_are_blocked_with_their_line(driver):
    report = await dry_run(driver, "writes")
    calls = [each["call"] for each in report["blocked"]]
    for expected in ("written.txt", "socket", "subprocess.Popen", "motor.set(77)"):
        assert any(expected in each for each in calls), calls
    assert all("in writes" in each["traceback"] for each in report["blocked"])
    assert report["ok"] is None


async def test_errors_have_the_line_of_the_plan(driver):
    report = await dry_run(driver, "go_outside")
    assert report["ok"] is False
    (error,) = report["errors"]
    assert "LimitError" in error["msg"]
    assert "bps.mv(slow, 99)" in error["traceback"]
    (error,) = (await dry_run(driver, "fails"))["errors"]
    assert (error["msg"], error["step"]) == ("ValueError: no beam", 3)
    assert 'raise ValueError("no beam")' in error["traceback"]
    assert "foresight" not in error["traceback"]


async def test_the_plan_sees_walked_positions_and_the_virtual_clock(driver):
    report = await dry_run(driver, "reads_back")
    assert report["errors"] == []
    assert report["motors"]["motor"]["end"] == 5
    assert (await dry_run(driver, "looks_at_the_clock"))["errors"] == []


@pytest.mark.parametrize(
    ("plan", "reason"),
    [("never_ends", "time limit of the dry run"), ("spins", "in spins"), ("asks", "asks for input: 'Ready?'")],
)
async def test_a_plan_without_end_is_cut_off(driver, plan, reason):
    report = await dry_run(driver, plan, seconds=2.0)
    assert (report["ok"], report["complete"]) == (None, False)
    assert re.search(
        rf"{re.escape(reason)}|was not complete after [12]\S* s \(at |did not end after [12]", report["reason"]
    )


@pytest.mark.parametrize("plan", ["eats_memory", "dies"])
async def test_a_plan_that_dies_costs_only_its_dry_run(driver, plan):
    report = await dry_run(driver, plan)
    assert (report["ok"], report["complete"]) == (None, False)
    assert report["reason"]
    assert (await dry_run(driver, "count", ["det1"], num=3))["points"] == 3


async def test_a_shadow_that_was_killed_is_replaced(driver):
    await dry_run(driver, "count", ["det1"])
    (shadow,) = await call(driver, "shadows")
    os.kill(shadow, signal.SIGKILL)
    report = await dry_run(driver, "count", ["det1"], num=3)
    assert report["points"] == 3
    (new,) = await call(driver, "shadows")
    assert new != shadow


async def test_a_new_shadow_sees_what_a_function_has_changed(driver):
    assert (await dry_run(driver, "shows_counter"))["motors"]["motor"]["end"] == 0
    await call(driver, "change")
    assert (await dry_run(driver, "shows_counter"))["motors"]["motor"]["end"] == 10


async def test_a_dry_run_is_made_while_a_plan_runs(driver):
    await dry_run(driver, "count", ["det1"])  # the shadow is there, which is made only between plans
    await run(driver, "waits")
    await driver.wait(StateChanged, lambda report: report.state.environment.value == "executing_plan")
    assert (await dry_run(driver, "count", ["det1"], num=3))["points"] == 3


async def test_ophyd_async_motors_start_where_they_are(driver):
    report = await dry_run(driver, "rel_scan", ["det1"], "stage", 0, 1, 2)
    assert report["errors"] == []
    assert report["motors"]["stage"]["max"] == 1


async def test_a_detector_that_a_plan_depends_on_is_listed(driver):
    report = await dry_run(driver, "adaptive_scan", ["det1"], "det1", "motor", 0, 5, 0.1, 1, 0.5, True)
    assert (report["exact"], report["errors"]) == (False, [])
    assert [each["device"] for each in report["assumed"]] == ["det1"]


async def test_many_dry_runs_leave_the_same_descriptors_and_threads(driver):
    await dry_run(driver, "count", ["det1"])
    before = await call(driver, "state")
    for _ in range(30):
        await dry_run(driver, "count", ["det1"])
    assert await call(driver, "state") == before
    assert len(await call(driver, "shadows")) == 1


async def test_a_plan_that_is_never_iterated_is_named_with_its_line_only(driver):
    report = await dry_run(driver, "forgets_yield_from")
    assert "plan `mv` was never iterated" in report["output"]
    assert "in forgets_yield_from" in report["output"]
    assert report["output"].count("File ") == 1, "the whole stack would take most of the time of a dry run"


async def test_positions_carry_on_from_plan_to_plan(driver):
    moves, rel = plan("list_scan", ["det1"], "motor", [3, 4]), plan("rel_scan", ["det1"], "motor", -1, 1, 3)
    reports, carried = await dry_runs(
        driver, moves, rel, plan("reads_back"), plan("rel_scan", ["det1"], "slow", 0, 1, 2)
    )
    ranges = [{**report["motors"].get("motor", {}), **report["motors"].get("slow", {})} for report in reports]
    assert [(each["start"], each["min"], each["max"], each["end"]) for each in ranges] == [
        (0, 0.0, 4.0, 4),
        (4, 3.0, 5.0, 4.0),
        (4.0, 4.0, 5.0, 5),
        (1, 1.0, 2.0, 1),
    ]
    assert all(report["exact"] and report["ok"] for report in reports), reports
    (again,), _ = await dry_runs(driver, rel, carried=carried)
    assert (again["motors"]["motor"]["start"], again["motors"]["motor"]["max"]) == (5, 6.0)
    assert (await dry_run(driver, "rel_scan", ["det1"], "motor", -1, 1, 3))["motors"]["motor"]["start"] == 0


async def test_what_a_plan_changes_in_the_namespace_is_seen_by_the_next_one(driver):
    before = await call(driver, "state")
    reports, _ = await dry_runs(driver, plan("leaves_traces"), plan("shows_counter"), plan("leaves_traces"))
    assert reports[1]["motors"]["motor"]["end"] == 1
    assert [report["output"] for report in reports] == ["hello from the plan\n", "", "hello from the plan\n"]
    assert (await call(driver, "state"))["counter"] == before["counter"] == 0


async def test_a_plan_that_is_cut_off_does_not_keep_the_others_from_being_walked(driver):
    move, rel = plan("list_scan", ["det1"], "motor", [3, 4]), plan("rel_scan", ["det1"], "motor", -1, 1, 3)
    for bad in ("dies", "eats_memory", "spins", "asks", "hangs"):
        reports, _ = await dry_runs(driver, move, plan(bad), rel, plan("count", ["det1"]), for_each=2.0)
        assert [report["complete"] for report in reports] == [True, False, True, True], bad
        assert reports[2]["motors"]["motor"]["start"] == 4
        assert reports[2]["exact"] is False
        assert "not walked to its end" in reports[2]["warnings"][0]
        assert reports[3]["exact"] is True  # it moves nothing


async def test_a_plan_after_one_that_depends_on_readings_is_not_exact(driver):
    adaptive = plan("adaptive_scan", ["det1"], "det1", "motor", 0, 5, 0.1, 1, 0.5, True)
    rel = [plan("rel_scan", ["det1"], name, -1, 1, 3) for name in ("motor", "motor1")]
    reports, _ = await dry_runs(driver, adaptive, *rel)
    assert [report["exact"] for report in reports] == [False, False, True]
    assert "motor may start elsewhere" in reports[1]["warnings"][0]


async def test_when_the_time_is_up_the_reports_so_far_come_back(driver):
    reports, _ = await dry_runs(driver, plan("count", ["det1"]), plan("spins"), plan("count", ["det1"]), seconds=2.0)
    assert [report["complete"] for report in reports] == [True, False, False]
    assert "reached before this plan" in reports[2]["reason"]


async def test_a_shadow_that_was_killed_between_two_dry_runs_costs_nothing(driver):
    await run(driver, "count", ["det1"])
    await driver.wait(PlanEnded)
    await dry_run(driver, "count", ["det1"])
    (shadow,) = shadows_of(driver)
    os.kill(shadow, signal.SIGKILL)
    assert (await dry_run(driver, "count", ["det1"], num=3))["points"] == 3


async def test_a_shadow_that_is_killed_at_any_moment_costs_only_the_dry_run(driver):
    await run(driver, "count", ["det1"])
    await driver.wait(PlanEnded)
    moments = [0.0, *(0.002 * 1.8**n for n in range(9))]
    items = [plan("rel_scan", ["det1"], "motor", -1, 1, 200)] * 3
    killed = []
    for moment in moments:
        await dry_run(driver, "count", ["det1"])
        (shadow,) = shadows_of(driver)
        walking = asyncio.create_task(dry_runs(driver, *items))
        await asyncio.sleep(moment)  # anything may happen meanwhile
        os.kill(shadow, signal.SIGKILL)
        reports, _ = await walking
        assert all(report["complete"] or report["reason"] for report in reports)
        killed.append(not all(report["complete"] for report in reports))
    assert any(killed)
    assert (await dry_run(driver, "count", ["det1"], num=3))["points"] == 3
    assert len(shadows_of(driver)) == 1
