"""What can be expected of a dry run, for every plan that can be queued: the table A to D.

A dry run of a plan that does not depend on measured values equals the real run.
"""

import json
import shutil
import uuid
from pathlib import Path

import pytest

from bluesky_qs.ipc.commands import RunPlan
from bluesky_qs.ipc.reports import PlanEnded
from bluesky_qs.startup.find import shipped_profiles
from tests.process.worker.dry_running import call, dry_run, plan

BEAMLINE = Path(__file__).parent / "beamline"
D, M1, M2 = ["det1", "det2"], "motor1", "motor2"
#: Plans that do not depend on readings, with their arguments. Some fail, in a dry run as in a real one.
A = {
    "count": [D, 3],
    "scan": [D, "motor", -1, 1, 5],
    "rel_scan": [D, "motor", -1, 1, 5],
    "list_scan": [D, "motor", [1, 5, -3]],
    "rel_list_scan": [D, "motor", [1, 5, -3]],
    "log_scan": [D, "motor", 1, 2, 3],
    "rel_log_scan": [D, "motor", 1, 2, 3],
    "inner_product_scan": [D, 3, M1, 0, 1, M2, 0, 2],
    "relative_inner_product_scan": [D, 3, M1, 0, 1, M2, 0, 2],
    "grid_scan": [D, M1, 0, 1, 3, M2, 0, 2, 2, True],
    "rel_grid_scan": [D, M1, 0, 1, 3, M2, 0, 2, 2, True],
    "list_grid_scan": [D, M1, [1, 2], M2, [3, 5]],
    "rel_list_grid_scan": [D, M1, [1, 2], M2, [3, 5]],
    "spiral": [D, M1, M2, 0, 0, 1, 1, 0.5, 4],
    "rel_spiral": [D, M1, M2, 1, 1, 0.5, 4],
    "spiral_fermat": [D, M1, M2, 0, 0, 1, 1, 0.5, 4],
    "rel_spiral_fermat": [D, M1, M2, 1, 1, 0.5, 4],
    "spiral_square": [D, M1, M2, 0, 0, 1, 1, 3, 3],
    "rel_spiral_square": [D, M1, M2, 1, 1, 3, 3],
    "x2x_scan": [D, M1, M2, -1, 1, 3],
    "mv": ["motor", 2, M1, -1],
    "mov": ["motor", 1],
    "mvr": ["motor", 1, M1, -1],
    "movr": ["motor", -1],
    "abs_set": ["motor", 3],
    "rel_set": ["motor", 1],
    "null": [],
    "sleep": [0.01],
    "checkpoint": [],
    "clear_checkpoint": [],
    "wait": [],
    "trigger": ["det1"],
    "read": ["motor"],
    "stage": ["det1"],
    "unstage": ["det1"],
    "stage_all": ["det1", "det2"],
    "unstage_all": ["det1", "det2"],
    "stop": ["motor"],
    "open_run": [],
    "close_run": [],
    "create": [],
    "save": [],
    "drop": [],
    "locate": ["motor"],
    "prepare": ["motor", 1],
    "complete": ["det1"],
    "kickoff": ["flyer1"],
    "kickoff_all": ["flyer1"],
    "collect": ["flyer1"],
    "monitor": ["signal"],
    "unmonitor": ["signal"],
    "trigger_and_read": [D],
    "one_shot": [D],
    "one_1d_step": [D, "motor", 1],
    "declare_stream": ["det1"],
    "collect_while_completing": [["flyer1"], ["det1"]],
    "broadcast_msg": ["trigger", ["det1"]],
    "plan_test_progress_bars": [1],
    "configure": ["det_with_conf", {}],
    "move_then_count": [["motor"], ["det1"], [2.5]],
    "count_bundle_test": [D, 2],
    "marked_up_count": [["det1"], 2],
    "sim_multirun_plan_nested": [2, 0.0],
    "map_lines": [],
    "there_and_back": [],
    "behind_the_shutter": [],
    "exposures": [],
    "own_step": [],
    "own_shot": [],
    "puts_back": [],
    "one_run": [],
    "dropped_points": [],
    "with_suspender": [],
    "chained": [],
    "mutated": [],
    "bare_messages": [],
    "energies": [],
    "fails_in_the_middle": [],
    "typo": [],
}
#: Plans that depend on readings, with the devices whose readings they use.
B = {
    "adaptive_scan": ([["det1"], "det1", "motor", 0, 5, 0.1, 1, 0.5, True], {"det1"}),
    "rel_adaptive_scan": ([["det1"], "det1", "motor", 0, 5, 0.1, 1, 0.5, True], {"det1"}),
    "tune_centroid": ([["det1"], "det1", "motor", -1, 1, 0.1, 5], {"det1"}),
    "fly": ([["flyer1"]], set()),
    "rd": (["det1"], {"det1"}),
    "wait_for": ([[]], set()),
    "complete_all": (["flyer1"], set()),  # without a kickoff, which only the device can refuse
    "unsubscribe": ([0], set()),  # of a subscription that is not the plan's own
    "follows_the_signal": ([], {"det1"}),
    "monitors": ([], set()),
    "aligns": ([], {"det1"}),
    "counts_until_enough": ([], {"det2"}),
}
#: Plans that are cut off, and why.
C = {
    "tweak": (["det1", "det1", "motor", 0.1], "asks for input"),
    "input_plan": (["Go? "], "asks for input: 'Go?'"),
    "waits_for_beam": ([], ""),
    "forever": ([], ""),
    "asks_first": ([], "asks for input: 'Sample in place?'"),
    "asks_by_message": ([], "asks for input: 'Sample in place?'"),
}
#: Plans that do something outside of messages, with a part of the call.
OUTSIDE = {
    "moves_directly": "motor.set(3)",
    "writes_a_log": "beamline.log",
    "tells_the_world": "socket",
    "runs_a_program": "subprocess.Popen",
}
#: Plans that pause: the walk goes on, and says so.
PAUSES = ("pause", "deferred_pause")
#: Plans that no queue can hold, because they need functions, generators, suspenders, or dictionaries of motors.
NOT_QUEUED = {
    *("repeater", "caching_repeater", "repeat", "subscribe", "ramp_plan"),
    *("install_suspender", "remove_suspender", "move_per_step", "one_nd_step", "scan_nd"),
}


async def run(driver, name, args):
    uid = str(uuid.uuid4())
    await driver.ask(RunPlan(json.dumps(plan(name, *args) | {"item_uid": uid}).encode()))
    return await driver.wait(PlanEnded, lambda report: report.item_uid == uid)


def as_observed(report):
    """A report in the form of what is observed of a real run."""
    motors = {
        name.replace(".", "_"): [found["min"], found["max"], found["end"]]
        for name, found in report["motors"].items()
        if found["min"] is not None
    }
    points = {stream: number for stream, number in report["stream_points"].items() if number}
    return {"runs": report["runs"], "points": points, "motors": motors}


def rounded(found):
    motors = {name: [round(each, 6) for each in values] for name, values in found["motors"].items()}
    return found | {"motors": motors}


@pytest.fixture
async def beamline(worker, startup):
    """An environment with the `sim` profile and the plans of a beamline, and the names of all its plans."""
    folder = startup("", engine=False)
    for file in [*(shipped_profiles() / "profile_sim" / "startup").iterdir(), *BEAMLINE.iterdir()]:
        if file.is_file():
            shutil.copy(file, folder)
    driver = worker("", engine=False)
    opened = await driver.open()
    return driver, set(json.loads(opened.lists.plans))


async def test_the_table_holds_for_every_plan_that_can_be_queued(beamline):
    driver, plans = beamline
    assert plans == {*A, *B, *C, *OUTSIDE, *PAUSES} | NOT_QUEUED
    wrong = {}
    for name, args in A.items():
        report = await dry_run(driver, name, *args)
        await call(driver, "forget")
        ended = await run(driver, name, args)
        expected = (ended.exit_status == "completed", True, rounded(await call(driver, "observed")))
        found = (report["ok"], report["exact"] or not report["ok"], rounded(as_observed(report)))
        if not report["ok"]:  # the move that fails is observed, though it does not begin
            found[2]["motors"] = expected[2]["motors"]
        if found != expected:
            wrong[name] = (found, expected, report, ended.message)
    for name, (args, devices) in B.items():
        report = await dry_run(driver, name, *args)
        assumed = {each["device"] for each in report["assumed"]}
        if (report["complete"], report["exact"], report["errors"]) != (True, False, []) or not assumed >= devices:
            wrong[name] = report
    for name, (args, reason) in C.items():
        report = await dry_run(driver, name, *args, seconds=2.0)
        if (report["ok"], report["complete"]) != (None, False) or reason not in report["reason"]:
            wrong[name] = report
    for name, part in OUTSIDE.items():
        report = await dry_run(driver, name)
        named = [each for each in report["blocked"] if part in each["call"] and f"in {name}" in each["traceback"]]
        if report["ok"] is not None or not named:
            wrong[name] = report
    for name in PAUSES:
        report = await dry_run(driver, name)
        if not report["ok"] or not any("pauses" in warning for warning in report["warnings"]):
            wrong[name] = report
    assert wrong == {}
