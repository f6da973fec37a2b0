"""Startup code as beamlines have it, through the whole service, in plain Python and in an IPython kernel."""

import shutil
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[1] / "corpus"

pytestmark = pytest.mark.in_both_modes


@pytest.fixture
def bench(new_service, tmp_path):
    """A service with the profile of a whole beamline, which has most of the habits; the environment is open."""
    shutil.copytree(CORPUS, tmp_path / "ipython")
    profile = ["--startup-profile", "bench", "--ipython-dir", str(tmp_path / "ipython")]
    service = new_service(*profile, "--warm-worker", "OFF").start()
    service.open()
    return service


def call(service, name, *args):
    """What a function of the environment returns."""
    item = {"name": name, "args": list(args)}
    uid = service.do("function_execute", item=item, user="tester", user_group="primary")["task_uid"]
    service.wait(lambda s: s["manager_state"] == "idle", "the function has ended")
    result = service.do("task_result", task_uid=uid)["result"]
    assert result["success"], result["traceback"]
    return result["return_value"]


def run(service, *plans):
    """Run plans (name, arguments…) through the queue; their items in the history."""
    for name, *args in plans:
        service.add(name, *args)
    service.do("queue_start")
    service.wait_idle()
    return service.history()


def short(path):
    return path.rpartition("/")[2]


def test_the_profile_of_a_whole_beamline_runs_its_plans(bench):
    assert call(bench, "facts") == {
        "md": {"beamline_id": "BENCH", "openings": 1, "suspenders": ["SuspendFloor"]},
        "baseline": ["slits"],
        "same_shell": True,
        "stopped_early": True,
        "macro_ran": True,
        "staff": ["ada", "grace"],
        "greeted": 2,
        "started": "yes",
        "edge": 7112.0,
        "prompt": "[none] ",
        "hidden": False,
        "file": False,
    }
    plans = [[name] for name in ("scan_sample", "rock", "decorated_scan", "align_macro", "with_shutter")]
    plans += [["energy_scan_short", ["det"]], ["count", ["det", "slits.gap"], 2]]
    ended = run(bench, *plans)
    assert [(item["name"], item["result"]["exit_status"]) for item in ended] == [(p[0], "completed") for p in plans]
    assert [len(item["result"]["run_uids"]) for item in ended] == [1] * 7


def test_the_defaults_of_the_plans_of_the_profile_are_described_as_text(bench):
    plans = bench.do("plans_existing")["plans_existing"]
    defaults = {p["name"]: p.get("default") for p in plans["scan_sample"]["parameters"]}
    assert defaults == {
        "detectors": "['det']",
        "motor": "'m1'",
        "positions": "...",
        "per_step": "None",
        "reduce": "...",
        "shutter_class": "...",
        "wait": "...",
        "kind": "...",
        "md": "None",
    }
    assert "_inner" in plans
    assert "_inner" not in bench.do("plans_allowed", user_group="primary")["plans_allowed"]
    devices = bench.do("devices_existing")["devices_existing"]
    assert sorted(devices) == ["det", "m1", "m2", "pump", "ring_current", "shutter", "slits"]
    assert sorted(devices["slits"]["components"]) == ["center", "gap"]


def test_the_report_lists_files_redefined_names_and_files_that_ended_early(bench):
    report = bench.do("environment_report")["report"]
    assert [short(file["file"]) for file in report["files"]] == sorted(short(f["file"]) for f in report["files"])
    assert {short(file["file"]) for file in report["files"]} >= {"00-base.py", "40-interactive.ipy", "90-last.py"}
    overwritten = {each["name"]: (short(each["file"]), short(each["by"])) for each in report["overwritten"]}
    assert overwritten["m2"] == ("10-devices.py", "90-last.py")
    [early] = [each for each in report["problems"] if "was ignored" not in each["message"]]
    assert (short(early["file"]), early["line"]) == ("60-stops-early.py", 5)
    assert "sys.exit()" in early["message"]
    assert all(each["file"] and each["line"] for each in report["problems"])


def test_metadata_of_the_run_engine_outlives_the_environment(bench):
    run(bench, ["count", ["det"]])
    first = bench.history()[-1]["result"]["scan_ids"]
    bench.do("environment_close")
    bench.wait_idle()
    bench.open()
    assert call(bench, "facts")["md"]["openings"] == 2
    assert run(bench, ["count", ["det"]])[-1]["result"]["scan_ids"] == [first[0] + 1]


def test_a_suspender_of_the_profile_holds_a_plan_until_the_beam_is_back(bench):
    bench.do("script_upload", script="ring_current.put(0)", update_lists=False)
    bench.wait_idle()
    bench.add("count", ["det"])
    bench.do("queue_start")
    bench.wait(lambda s: "no beam" in bench.output(), "the plan is suspended")
    assert bench.history() == []
    bench.do("script_upload", script="ring_current.put(400)", run_in_background=True, update_lists=False)
    bench.wait_idle()
    assert bench.history()[0]["result"]["exit_status"] == "completed"
