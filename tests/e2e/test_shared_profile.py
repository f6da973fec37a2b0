"""The simulated beamline is one profile: the same names of the same kinds, wherever its startup files run."""

import json
import subprocess
import sys

import pytest

from bluesky_qs.startup.find import shipped_profiles

PROFILE = shipped_profiles() / "profile_sim"
#: What each kind of session brings itself.
OF_THE_SESSION = {"In", "Out", "exit", "quit", "open", "get_ipython", "RM", "json", "wanted"}

TELL = """
import json
wanted = {name: type(value).__name__ for name, value in list(globals().items()) if not name.startswith("_")}
open(PATH, "w").write(json.dumps(wanted))
"""


def shown(path):
    names = json.loads(path.read_text())
    return {name: kind for name, kind in names.items() if name not in OF_THE_SESSION}


def in_ipython(path, code, *args):
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", *args, "-c", code]
    subprocess.run(command, check=True, capture_output=True, cwd=path.parent, timeout=60)
    return shown(path)


def in_a_worker(new_service, path, *args):
    service = new_service("--warm-worker", "OFF", *args).start()
    service.open()
    script = TELL.replace("PATH", repr(str(path)))
    uid = service.do("script_upload", script=script, update_lists=False)["task_uid"]
    service.wait_idle()
    assert service.do("task_result", task_uid=uid)["result"]["success"]
    return shown(path)


@pytest.fixture
def everywhere(new_service, tmp_path):
    """Names and their kinds by the kind of session."""
    tell = TELL.replace("PATH", repr(str(tmp_path / "names.json")))
    load = "get_ipython().run_line_magic('load_ext', 'bluesky_qs'); get_ipython().run_line_magic('qs', 'load sim')\n"
    path = tmp_path / "names.json"
    return {
        "ipython --profile-dir": in_ipython(path, tell, "--profile-dir", str(PROFILE)),
        "%qs load": in_ipython(path, load + tell, "--profile-dir", str(tmp_path / "own")),
        "worker": in_a_worker(new_service, path),
        "kernel worker": in_a_worker(new_service, path, "--use-ipython-kernel", "ON"),
    }


def test_the_names_are_the_same_in_ipython_at_the_prompt_and_in_both_workers(everywhere):
    reference = everywhere["worker"]
    assert {"RE", "count", "det1", "motor", "sim_bundle_A", "function_sleep"} <= reference.keys()
    for session, names in everywhere.items():
        # A worker has no place for plots: there the tables are drawn by a callback that makes none.
        assert {**names, "bec": 0} == {**reference, "bec": 0}, session
        assert names["bec"] in ("BestEffortCallback", "LiveTables")
