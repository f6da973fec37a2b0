"""The built-in profile: what it defines, and that it means the same wherever it runs."""

import os
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import yaml

from bluesky_qs.plans import lists
from bluesky_qs.startup.collect import collect
from bluesky_qs.startup.find import find, shipped_profiles
from bluesky_qs.startup.loader import load, main_namespace

PLANS = """
    adaptive_scan count fly grid_scan inner_product_scan list_grid_scan list_scan log_scan mv mvr null ramp_plan
    rel_adaptive_scan rel_grid_scan rel_list_grid_scan rel_list_scan rel_log_scan rel_scan rel_spiral rel_spiral_fermat
    rel_spiral_square relative_inner_product_scan scan scan_nd spiral spiral_fermat spiral_square tune_centroid tweak
    x2x_scan count_bundle_test marked_up_count move_then_count plan_test_progress_bars sim_multirun_plan_nested
    """.split()  # noqa: SIM905 - words are easier to read
OTHERS = """
    RE bec bps bpp bluesky typing ttime ophyd parameter_annotation_decorator Device Cpt
    function_sleep push_buffer_element pop_buffer_element clear_buffer _fifo_buffer
    """.split()  # noqa: SIM905 - words are easier to read


@pytest.fixture(scope="module")
def loaded():
    main, path = sys.modules["__main__"], list(sys.path)
    namespace = main_namespace()
    with pytest.MonkeyPatch.context() as patch:  # elsewhere plots are made if there is matplotlib
        patch.setenv("_QSERVER_RE_WORKER_ACTIVE", "1")
        report = load(find(), namespace)
    yield namespace, report
    sys.modules["__main__"], sys.path[:] = main, path


@pytest.fixture
def namespace(loaded):
    return loaded[0]


def run(namespace, plan):
    namespace["plan_under_test"] = plan
    documents = []
    namespace["RE"](eval(plan, namespace), lambda name, doc: documents.append((name, doc)))
    return documents


def test_it_loads_without_problems(loaded):
    _, report = loaded
    assert [Path(f.file).name for f in report.files] == ["00-ophyd.py", "15-plans.py", "99-custom.py"]
    assert report.problems == []
    assert report.overwritten == []


def test_it_defines_the_names_that_scripts_use(namespace):
    assert [name for name in OTHERS if name not in namespace] == []


def test_it_defines_its_plans_and_all_can_be_described(namespace):
    assert sorted(collect(namespace).plans) == sorted(PLANS)


def test_all_simulated_hardware_is_there_by_name(namespace):
    expected = set(vars(namespace["hw"]()))
    assert expected <= set(collect(namespace).devices)


def test_bundles_have_motors_and_detectors(namespace):
    for name in ("sim_bundle_A", "sim_bundle_B"):
        bundle = namespace[name]
        assert bundle.mtrs.component_names == ("x", "y", "z")
        assert bundle.dets.component_names == ("det_A", "det_B")


def test_shipped_lists_are_those_of_the_startup_code(namespace):
    shipped = lists.read(shipped_profiles() / "profile_sim" / "startup")
    found = collect(namespace)
    assert sorted(shipped.existing_plans) == sorted(found.plans)
    assert sorted(shipped.existing_devices) == sorted(found.devices)
    for name in ("move_then_count", "marked_up_count", "count_bundle_test"):
        assert shipped.existing_plans[name] == found.plans[name]


def test_permissions_define_the_four_groups():
    groups = yaml.safe_load(Path(find().permissions_path).read_text())["user_groups"]
    assert list(groups) == ["root", "admin", "primary", "test_user"]
    assert groups["admin"]["allowed_functions"] == ["function_sleep"]
    assert groups["primary"] == groups["admin"] | {"allowed_functions": ["function_sleep", ":^func_for_test"]}


def test_metadata_of_the_engine(namespace):
    assert namespace["RE"].md["metadata_key"] == "metadata_value"


def test_readings_are_printed_as_a_table(namespace, capsys):
    run(namespace, "scan([det1, det2], motor, -1, 1, 3)")
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert lines[0].startswith("Transient Scan ID: ")
    assert lines[1].startswith("Persistent Unique Scan ID: '")
    assert lines[2] == "New stream: 'primary'"
    assert [cell.strip() for cell in lines[4].split("|")[1:-1]] == ["seq_num", "time", "motor", "det1", "det2"]
    assert [line.split("|")[3].strip() for line in lines[6:9]] == ["-1.000", "0.000", "1.000"]
    assert lines[9] == lines[1].replace("Persistent Unique Scan ID", "Run was closed")
    assert lines[11].startswith("generator scan ['")


def test_tables_can_be_turned_off(namespace, capsys):
    bec = namespace["bec"]
    bec.disable_table()
    bec.disable_heading()
    run(namespace, "count([det])")
    bec.enable_table()
    bec.enable_heading()
    assert capsys.readouterr().out.strip() == ""


def test_nested_runs_have_a_table_each(namespace, capsys):
    documents = run(namespace, "sim_multirun_plan_nested(npts=2, delay=0)")
    assert [name for name, _ in documents].count("start") == 3
    starts = [i for i, (name, _) in enumerate(documents) if name == "start"]
    assert starts[-1] < next(i for i, (name, _) in enumerate(documents) if name == "stop")
    assert capsys.readouterr().out.count("generator sim_multirun_plan_nested") == 3


@pytest.mark.parametrize(
    ("plan", "events"),
    [
        ("move_then_count([motor, sim_bundle_A.mtrs.x], [det], [1.0, 2.0])", 1),
        ("count_bundle_test([det, sim_bundle_A.dets.det_A], num=2)", 2),
        ("marked_up_count([det], num=3)", 3),
        ("list_scan([sim_bundle_A.dets], sim_bundle_A.mtrs.y, [1, 2])", 2),
    ],
)
def test_plans_run(namespace, plan, events):
    names = [name for name, _ in run(namespace, plan)]
    assert names.count("event") == events


def outcome(status):
    """The error of a status that ends, or None.

    ``status.wait`` fails with "dictionary changed size during iteration" if the status ends meanwhile (ophyd 1.11).
    """
    ended = threading.Event()
    status.add_callback(lambda _: ended.set())
    assert ended.wait(10)
    return status.exception()


def test_slow_motors_pass_the_positions_on_the_way_and_can_be_stopped(namespace):
    slow = namespace["slow_motor1"]
    slow.velocity.put(10)
    positions = []
    slow.subscribe(lambda value, **_: positions.append(value), event_type=slow.SUB_READBACK, run=False)
    run(namespace, "mv(slow_motor1, 2)")
    assert positions == sorted(positions)
    assert (positions[-1], any(0 < position < 2 for position in positions)) == (2, True)
    status = slow.set(-90)
    assert slow.moving
    slow.stop()
    assert str(outcome(status)).startswith("slow_motor1 was stopped at ")
    assert not slow.moving


def test_slow_motors_have_units(namespace):
    described = namespace["slow_motor1"].describe()
    assert {key["units"] for key in described.values()} == {"mm"}


def test_a_new_move_replaces_the_current_one(namespace):
    slow = namespace["slow_motor2"]
    slow.velocity.put(10)
    first, second = slow.set(90), slow.set(1)
    assert outcome(second) is None
    assert (first.done, slow.position) == (True, 1)


def test_slow_motors_have_limits(namespace):
    with pytest.raises(Exception, match=r"slow_motor1: 101 is outside the limits \(-100, 100\)"):
        run(namespace, "mv(slow_motor1, 101)")


def test_the_slow_detector_takes_its_exposure(namespace):
    slow = namespace["slow_det"]
    assert slow.exposure.get() == 1
    slow.exposure.put(0.05)
    (event,) = [doc for name, doc in run(namespace, "count([slow_det])") if name == "event"]
    assert event["data"]["slow_det"] > 0


def test_flyer_gives_its_events_in_a_page(namespace):
    (page,) = [doc for name, doc in run(namespace, "fly([custom_test_flyer])") if name == "event_page"]
    assert page["data"] == {"custom_test_reading": [0, 1, 2]}


def test_motors_and_positions_must_be_as_many(namespace):
    with pytest.raises(ValueError, match="Each motor needs one position: 2 motors, 1 positions"):
        list(namespace["move_then_count"]([1, 2], [], [0.5]))


def test_progress_bars_are_drawn(namespace, capsys):
    for message in namespace["plan_test_progress_bars"](2):
        assert message.command == "sleep"
    assert "TEST1: 100%" in capsys.readouterr().out


def test_function_sleep_returns_what_the_tutorial_shows(namespace, capsys):
    assert namespace["function_sleep"](0) == {"success": True, "time": 0}
    assert "Starting execution of the function 'function_sleep'" in capsys.readouterr().out


def test_buffer_gives_elements_in_their_order(namespace):
    namespace["push_buffer_element"](1)
    namespace["push_buffer_element"](2)
    assert namespace["pop_buffer_element"]() == 1
    namespace["clear_buffer"]()
    assert namespace["_fifo_buffer"] == []


def test_ipython_and_the_worker_make_the_same_namespace(namespace, tmp_path):
    profile = tmp_path / "profile_sim"
    shutil.copytree(shipped_profiles() / "profile_sim", profile)
    # Without the extension, which has names of its own.
    with (profile / "ipython_config.py").open("a") as config:
        config.write("\nc.InteractiveShellApp.extensions = []\n")
    (profile / "startup" / "zz-tell.py").write_text(
        textwrap.dedent("""
            import json
            import os
            shown = {n: type(v).__name__ for n, v in list(globals().items()) if not n.startswith("__")}
            with open(os.environ["QS_TEST_TELL"], "w") as f:
                json.dump(shown, f)
            """)
    )
    tell = tmp_path / "shown.json"
    subprocess.run(
        [sys.executable, "-m", "IPython", "--profile-dir", str(profile), "-c", "pass"],
        check=True,
        capture_output=True,
        env={**os.environ, "QS_TEST_TELL": str(tell), "IPYTHONDIR": str(tmp_path)},
    )
    shown = yaml.safe_load(tell.read_text())
    own = {"In", "Out", "exit", "quit", "open", "json", "os", "f", "shown", "plan_under_test"}
    in_ipython = {n: kind for n, kind in shown.items() if n not in own and not n.startswith(("_i", "_o", "_d", "_"))}
    in_worker = {n: type(v).__name__ for n, v in namespace.items() if n not in own and not n.startswith("_")}
    in_ipython.pop("get_ipython")
    in_worker.pop("get_ipython")
    assert in_ipython.pop("bec") in ("LiveTables", "BestEffortCallback")  # plots where there is matplotlib
    assert in_worker.pop("bec") == "LiveTables"
    assert in_ipython == in_worker
