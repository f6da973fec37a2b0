"""Tutorials: Changing User Group Permissions, Running with Custom Startup Code, Manually Generating Lists."""

import shutil
import subprocess
import sys

import pytest
import yaml

from bluesky_qs.plans.lists import FILE_NAME
from bluesky_qs.startup.find import shipped_profiles

SIM = shipped_profiles() / "profile_sim" / "startup"
COPIED = ["00-ophyd.py", "15-plans.py", "99-custom.py"]
PERMISSIONS = "user_group_permissions.yaml"
ADMIN = {
    "allowed_devices": [":?.*:depth=5"],
    "allowed_functions": ["function_sleep"],
    "allowed_plans": [":.*"],
    "forbidden_devices": [None],
    "forbidden_plans": [None],
}
NEW_PERMISSIONS = """\
user_groups:
  root:  # The group includes all available plan and devices
    allowed_plans:
      - null  # Allow all
    forbidden_plans:
      - ":^_"  # All plans with names starting with '_'
    allowed_devices:
      - null  # Allow all
    forbidden_devices:
      - ":^_:?.*"  # All devices with names starting with '_'
    allowed_functions:
      - null  # Allow all
    forbidden_functions:
      - ":^_"  # All functions with names starting with '_'
  admin:  # The group includes beamline staff, includes all or most of the plans and devices
    allowed_plans:
      - ":.*"  # Different way to allow all plans.
    forbidden_plans:
      - "grid_scan"
    allowed_devices:
      - ":?.*:depth=5"  # Allow all device and subdevices. Maximum deepth for subdevices is 5.
    forbidden_devices:
      - null  # Nothing is forbidden
    allowed_functions:
      - "function_sleep"  # Explicitly listed name
"""
NEW_GROUPS = {
    "admin": ADMIN | {"forbidden_plans": ["grid_scan"]},
    "root": {
        "allowed_devices": [None],
        "allowed_functions": [None],
        "allowed_plans": [None],
        "forbidden_devices": [":^_:?.*"],
        "forbidden_functions": [":^_"],
        "forbidden_plans": [":^_"],
    },
}


@pytest.fixture
def copy_startup():
    """Copies the startup files of the simulated beamline to a folder that is made."""

    def copy(folder, *names):
        folder.mkdir(parents=True)
        for name in names:
            shutil.copy(SIM / name, folder)
        return folder

    return copy


def names(folder):
    return sorted(file.name for file in folder.iterdir() if file.name != "__pycache__")


@pytest.mark.over_http_too
def test_permissions_are_read_changed_and_read_again(qserver):
    uid = qserver.UID
    plans = dict.fromkeys(["fly", "grid_scan", "inner_product_scan"], "{...}")
    before = qserver.shows(
        "allowed plans", {"msg": "", "plans_allowed": plans, "plans_allowed_uid": uid, "success": True}
    )
    qserver.shows("permissions get", {**qserver.ACCEPTED, "user_group_permissions": {"user_groups": {"admin": ADMIN}}})

    (qserver.service.home / "new_permissions.yaml").write_text(NEW_PERMISSIONS)
    qserver.accepts("permissions set new_permissions.yaml")

    assert qserver("permissions get") == {
        **qserver.ACCEPTED,
        "user_group_permissions": {"user_groups": NEW_GROUPS},
    }
    after = qserver.shows("allowed plans", {"msg": "", "plans_allowed_uid": uid, "success": True})
    assert after["plans_allowed"].keys() == before["plans_allowed"].keys() - {"grid_scan"}
    assert after["plans_allowed_uid"] != before["plans_allowed_uid"]
    line = """queue add plan '{"name": "grid_scan", "args": [["det"], "motor", 0, 1, 2]}'"""
    assert "'grid_scan' is not in the list of allowed plans" in qserver(line, code=2)["msg"]


def test_permissions_without_root_are_refused_and_change_nothing(qserver):
    before = qserver("permissions get")
    without_root = yaml.safe_load(NEW_PERMISSIONS)
    del without_root["user_groups"]["root"]
    (qserver.service.home / "new_permissions.yaml").write_text(yaml.safe_dump(without_root))
    shown = qserver("permissions set new_permissions.yaml", code=2)
    assert "Missing required user group: 'root'" in shown["msg"]
    assert qserver("permissions get") == before


def test_a_service_runs_startup_code_of_a_folder_and_writes_its_lists_there(new_service, terminal, copy_startup):
    service = new_service("--warm-worker", "OFF", "--startup-dir", "~/qs_startup")
    folder = copy_startup(service.home / "qs_startup", *COPIED, PERMISSIONS)
    qserver = terminal(service.start())
    service.wait_shown(f"{folder / FILE_NAME}) does not exist")
    assert qserver("allowed plans")["plans_allowed"] == {}
    qserver.accepts("environment open")
    service.wait_idle()
    assert names(folder) == [*COPIED, FILE_NAME, PERMISSIONS]
    assert (folder / FILE_NAME).read_bytes() == (SIM / FILE_NAME).read_bytes()
    assert "count" in qserver("allowed plans")["plans_allowed"]

    (folder / "99-custom.py").write_text("def another_plan():\n    yield\n")
    qserver.accepts("environment close")
    service.wait_idle()
    qserver.accepts("environment open")
    service.wait_idle()
    assert {"another_plan", "count"} <= qserver("allowed plans")["plans_allowed"].keys()
    assert b"another_plan" in (folder / FILE_NAME).read_bytes()


@pytest.mark.parametrize(
    "options",
    [["--startup-dir", "~/.ipython/profile_collection/startup"], ["--startup-profile", "collection"]],
    ids=["folder", "profile"],
)
def test_startup_code_lies_in_an_ipython_profile(new_service, terminal, copy_startup, options):
    service = new_service("--warm-worker", "OFF", *options)
    folder = copy_startup(service.home / ".ipython" / "profile_collection" / "startup", *COPIED, PERMISSIONS)
    qserver = terminal(service.start())
    qserver.accepts("environment open")
    assert service.wait_idle()["worker_environment_exists"]
    assert FILE_NAME in names(folder)


@pytest.mark.parametrize("here", [True, False], ids=["from the folder", "from elsewhere"])
def test_lists_are_generated_without_a_service(tmp_path, copy_startup, here):
    folder = copy_startup(tmp_path / "qs_startup", *COPIED)
    command = [sys.executable, "-m", "bluesky_qs", "qserver-list-plans-devices"]
    command += ["--startup-dir", "."] if here else ["--startup-dir", "qs_startup", "--file-dir", "qs_startup"]
    subprocess.run(command, cwd=folder if here else tmp_path, check=True, timeout=60)
    assert names(folder) == [*COPIED, FILE_NAME]
    assert (folder / FILE_NAME).read_bytes() == (SIM / FILE_NAME).read_bytes()
