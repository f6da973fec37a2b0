"""Where startup code comes from and what it brings along, through the whole service."""

import json
import shutil
import textwrap

import pytest

ENGINE = """
from bluesky import RunEngine
from bluesky.plans import count, scan
RE = RunEngine({})
"""


@pytest.fixture
def write(tmp_path):
    """Writes files below the test's folder; the folder."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"))
        return tmp_path

    return write


@pytest.fixture
def opened(new_service):
    """Starts a service on the startup code that the arguments name; its environment is open."""

    def start(*args, warm="OFF", **options):
        service = new_service(*map(str, args), "--warm-worker", warm, **options).start()
        service.open()
        return service

    return start


def call(service, name, *args):
    """What a function of the environment returns."""
    item = {"name": name, "args": list(args)}
    uid = service.do("function_execute", item=item, user="tester", user_group="primary")["task_uid"]
    service.wait_idle()
    result = service.do("task_result", task_uid=uid)["result"]
    assert result["success"], result["traceback"]
    return result["return_value"]


def upload(service, script):
    """Run a script; the result of the task."""
    uid = service.do("script_upload", script=textwrap.dedent(script))["task_uid"]
    service.wait_idle()
    return service.do("task_result", task_uid=uid)["result"]


def run(service, *plans):
    """Run plans (name, arguments…) through the queue; exit status and message of each."""
    for name, *args in plans:
        service.add(name, *args)
    service.do("queue_start")
    service.wait_idle()
    return [(item["result"]["exit_status"], item["result"]["msg"]) for item in service.history()]


# ---------------------------------------------------------------------------------------------------------- folders
@pytest.mark.in_both_modes
def test_a_folder_that_is_a_package(opened, write, startup_dir):
    write(
        {
            "startup/__init__.py": "from .devices.motors import m1\n",
            "startup/devices/__init__.py": "",
            "startup/devices/motors.py": "from ophyd.sim import SynAxis\nm1 = SynAxis(name='m1')\n",
            "startup/plans.py": "from .devices import motors\ndef where(): return motors.m1 is m1\n",
        }
    )
    service = opened("--startup-dir", startup_dir)
    assert list(service.do("devices_existing")["devices_existing"]) == ["m1"]
    assert call(service, "where") is True


def test_a_folder_with_a_single_file(opened, write, startup_dir):
    folder = write({"only/startup.py": ENGINE + "from ophyd.sim import det\n"}) / "only"
    service = opened("--startup-dir", folder)
    assert run(service, ["count", ["det"]]) == [("completed", "")]
    assert json.loads((folder / "existing_plans_and_devices.yaml").read_text().partition("\n")[2])["existing_devices"]


@pytest.mark.in_both_modes
def test_uploaded_scripts_import_what_lies_beside_the_startup_files(opened, write, startup_dir):
    write({"startup/lab/__init__.py": "", "startup/lab/extra.py": "from bluesky.plans import count as extra_count\n"})
    service = opened("--startup-dir", startup_dir)
    result = upload(service, "from lab.extra import extra_count\nfrom ophyd.sim import det\n")
    assert result["success"], result["traceback"]
    assert run(service, ["extra_count", ["det"]]) == [("completed", "")]
    failed = upload(service, "import lab\nfrom lab import nothing_of_that_name\n")
    assert "ImportError: cannot import name 'nothing_of_that_name'" in failed["msg"]


# --------------------------------------------------------------------------------------------------- scripts, modules
def test_a_script_with_its_permissions_beside_it(opened, write, startup_dir):
    shutil.move(startup_dir / "user_group_permissions.yaml", startup_dir.parent)
    folder = write(
        {
            "beamline.py": ENGINE + "from local_devices import det\nhere = __file__\ndef where(): return here\n",
            "local_devices.py": "from ophyd.sim import det\n",
        }
    )
    service = opened("--startup-script", folder / "beamline.py")
    assert call(service, "where") == str(folder / "beamline.py")
    assert run(service, ["count", ["det"]]) == [("completed", "")]
    assert (folder / "existing_plans_and_devices.yaml").is_file()


def test_a_module_with_paths_of_its_permissions_and_lists(opened, write, startup_dir):
    folder = write(
        {
            "installed/instrument_q/__init__.py": "",
            "installed/instrument_q/collection.py": ENGINE + "from .devices import det\n",
            "installed/instrument_q/devices.py": "from ophyd.sim import det\n",
        }
    )
    permissions = shutil.move(startup_dir / "user_group_permissions.yaml", folder / "ours.yaml")
    lists = folder / "lists" / "known.yaml"
    lists.parent.mkdir()
    service = opened(
        *("--startup-module", "instrument_q.collection"),
        *("--user-group-permissions", permissions, "--existing-plans-devices", lists),
        env={"PYTHONPATH": str(folder / "installed")},
    )
    assert run(service, ["count", ["det"]]) == [("completed", "")]
    assert "det" in lists.read_text()
    assert sorted(service.do("permissions_get")["user_group_permissions"]["user_groups"]) == ["primary", "root"]


def test_a_module_without_paths_has_no_lists_and_logs_it(opened, write):
    folder = write({"instrument_r.py": ENGINE})
    service = opened("--startup-module", "instrument_r", env={"PYTHONPATH": str(folder)})
    service.wait_shown("The lists of plans and devices are not saved", "The built-in user group permissions are used")
    assert not list(folder.glob("*.yaml"))


# ---------------------------------------------------------------------------------------- what startup code may rely on
@pytest.mark.in_both_modes
def test_what_startup_code_sets_in_the_environment_counts_for_ophyd_although_a_worker_was_waiting(
    opened, write, startup_dir
):
    write({"startup/00-base.py": "import os\nos.environ['OPHYD_CONTROL_LAYER'] = 'Dummy'\nimport ophyd\n" + ENGINE})
    service = opened("--startup-dir", startup_dir, warm="ON")
    service.do("environment_close")
    service.wait_idle()
    write({"startup/00-base.py": "import os\nos.environ['OPHYD_CONTROL_LAYER'] = 'telepathy'\nimport ophyd\n"})
    service.do("environment_open")
    service.wait_idle()
    # Only ophyd that asks for the layer after it was set can know it not to exist.
    message = service.do("environment_report")["report"]["message"]
    assert message == "00-base.py, line 3: ValueError: unknown control_layer"


@pytest.mark.in_both_modes
def test_code_that_was_written_for_the_communitys_package(opened, write, startup_dir, worker_mode):
    write(
        {
            "startup/10-plans.py": """
                from bluesky_queueserver import is_re_worker_active, is_ipython_mode, parameter_annotation_decorator
                from bluesky_queueserver import register_device, register_plan
                from bluesky_queueserver.manager.annotation_decorator import parameter_annotation_decorator as again
                from bluesky_queueserver.manager.profile_tools import set_user_ns, load_devices_from_happi
                from bluesky_qs import is_re_worker_active as ours
                from ophyd.sim import det

                @parameter_annotation_decorator({"description": "Described by the decorator."})
                def described():
                    yield from null()

                @set_user_ns
                def names(user_ns):
                    return "RE" in user_ns

                def asked():
                    return [is_re_worker_active(), ours(), is_ipython_mode(), names(), again is not None]

                register_plan("described", exclude=False)
                register_device("det", exclude=True)
                """
        }
    )
    service = opened("--startup-dir", startup_dir)
    assert call(service, "asked") == [True, True, worker_mode == "kernel", True, True]
    plans = service.do("plans_existing")["plans_existing"]
    assert plans["described"]["description"] == "Described by the decorator."
    assert service.do("devices_existing")["devices_existing"] == {}


HAPPI = {
    "m1": "ophyd.sim.SynAxis",
    "mono_first_x": "ophyd.sim.SynAxis",
    "det": "ophyd.sim.SynSignal",
    "b-d": "ophyd.Device",
}


def test_devices_of_a_happi_database(opened, write, startup_dir):
    entry = {"type": "HappiItem", "active": True, "args": [], "kwargs": {"name": "{{name}}"}}
    entries = {name: {"_id": name, "name": name, "device_class": kind, **entry} for name, kind in HAPPI.items()}
    folder = write(
        {
            "happi.json": json.dumps(entries),
            "happi.cfg": "[DEFAULT]\nbackend=json\npath=happi.json\n",
            "startup/10-devices.py": """
                from bluesky.plans import scan
                from bluesky_qs import load_devices_from_happi
                loaded = load_devices_from_happi(["det", "m1", ("mono_first_x", "mono_x")], namespace=globals())
                def names(): return [loaded, mono_x.name]
                """,
        }
    )
    service = opened("--startup-dir", startup_dir, env={"HAPPI_CFG": str(folder / "happi.cfg")})
    assert call(service, "names") == [["det", "m1", "mono_x"], "mono_x"]
    assert list(service.do("devices_existing")["devices_existing"]) == ["det", "m1", "mono_x"]
    assert run(service, ["scan", ["det"], "mono_x", 0, 1, 2]) == [("completed", "")]
    for name, reason in [("b-d", "cannot be used: "), ("nobody", "has no device(s) with the name 'nobody'")]:
        result = upload(service, f"load_devices_from_happi([({name!r}, 'other')], namespace=globals())")
        assert reason in result["msg"]


# ------------------------------------------------------------------------------------------------------- ophyd-async
ASYNC_DEVICES = """
from bluesky.plans import count, scan
from ophyd_async.core import DeviceVector, StandardReadable, init_devices, soft_signal_rw
from ophyd_async.sim import PatternGenerator, SimPointDetector, SimStage


class Oven(StandardReadable):
    def __init__(self, name=""):
        with self.add_children_as_readables():
            self.temperature = soft_signal_rw(float, 300.0)
        self.zones = DeviceVector({1: soft_signal_rw(int, 1)})
        super().__init__(name=name)


pattern = PatternGenerator()
with init_devices():
    stage = SimStage(pattern)
    pdet = SimPointDetector(pattern)
    oven = Oven()
"""


@pytest.mark.in_both_modes
def test_async_devices_are_listed_with_their_children_and_take_part_in_scans(opened, write, startup_dir):
    write({"startup/10-async.py": ASYNC_DEVICES})
    service = opened("--startup-dir", startup_dir)
    devices = service.do("devices_existing")["devices_existing"]
    assert list(devices) == ["stage", "pdet", "oven"]
    assert list(devices["stage"]["components"]) == ["x", "y"]
    x = devices["stage"]["components"]["x"]
    assert (x["is_readable"], x["is_movable"], x["is_flyable"]) == (True, True, True)
    assert "user_readback" in x["components"]
    assert list(devices["oven"]["components"]) == ["temperature", "zones"]
    plans = [["count", ["pdet", "oven"]], ["scan", ["oven"], "stage.x", 0, 0.1, 2], ["count", ["oven.temperature"], 2]]
    assert run(service, *plans) == [("completed", "")] * 3


@pytest.mark.in_both_modes
def test_an_async_device_that_does_not_connect_is_named_with_its_line(new_service, write, startup_dir):
    write(
        {
            "startup/10-async.py": """
                from ophyd_async.core import Device, NotConnectedError, init_devices

                class Camera(Device):
                    async def connect(self, mock=False, timeout=10, force_reconnect=False):
                        raise NotConnectedError("ca://XF:CAM")

                with init_devices():
                    camera = Camera()
                """
        }
    )
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()
    service.do("environment_open")
    service.wait_idle()
    report = service.do("environment_report")["report"]
    assert (report["file"], report["line"]) == (str(startup_dir / "10-async.py"), 7)
    assert "NotConnectedError" in report["message"]
    assert "camera" in report["traceback"]
