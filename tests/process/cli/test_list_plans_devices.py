"""`qserver-list-plans-devices` writes what a worker would report, for startup code of every kind."""

import os
import subprocess
import sys
import textwrap

import pytest

from bluesky_qs.plans.lists import FILE_NAME, read
from bluesky_qs.startup.find import shipped_profiles

PLANS = '''
import bluesky.plan_stubs as bps

def quick(n: int = 1):
    """Do nothing.

    Parameters
    ----------
    n : int
        How often.
    """
    for _ in range(n):
        yield from bps.null()

print("the startup code runs")
'''
INVALID = """
from bluesky_qs import parameter_annotation_decorator

@parameter_annotation_decorator({"parameters": {"no_such": {"description": "?"}}})
def wrong(a):
    yield
"""


@pytest.fixture
def run(tmp_path):
    """Runs the command in an empty folder; what it printed, by exit code."""
    here = tmp_path / "here"
    here.mkdir()

    def run(*args, code=0, **env):
        command = [sys.executable, "-m", "bluesky_qs", "qserver-list-plans-devices", *map(str, args)]
        environ = {**os.environ, "HOME": str(tmp_path), **env}
        done = subprocess.run(command, cwd=here, env=environ, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    run.here = here
    return run


@pytest.fixture
def startup(tmp_path):
    folder = tmp_path / "startup"
    folder.mkdir()
    (folder / "00-plans.py").write_text(PLANS)
    return folder


def test_the_file_is_written_to_the_current_folder_by_default(run, startup, tmp_path):
    done = run("--startup-dir", startup)
    assert "the startup code runs" in done.stdout
    lists = read(run.here / FILE_NAME)
    parameter = lists.existing_plans["quick"]["parameters"][0]
    assert (parameter["default"], parameter["description"]) == ("1", "How often.")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run("--startup-dir", startup, "--file-dir", elsewhere, "--file-name", "lists.yaml")
    assert read(elsewhere / "lists.yaml") == lists


def test_the_built_in_lists_are_those_of_the_built_in_code(run):
    run("--startup-profile", "sim")
    shipped = shipped_profiles() / "profile_sim" / "startup" / FILE_NAME
    assert (run.here / FILE_NAME).read_bytes() == shipped.read_bytes()


@pytest.mark.parametrize("options", [[], ["--ignore-invalid-plans", "ON"]])
def test_without_startup_code_the_lists_that_are_there_stay(run, options):
    (run.here / FILE_NAME).write_text("mine")
    assert "No startup code was given: use --startup-dir, " in run(*options, code=2).stderr
    assert (run.here / FILE_NAME).read_text() == "mine"


def test_an_ipython_shell_finds_the_same_plans_and_devices(run):
    run("--startup-profile", "sim", "--use-ipython-kernel", "ON", "--file-name", "ipython.yaml")
    run("--startup-profile", "sim")
    assert read(run.here / "ipython.yaml") == read(run.here / FILE_NAME)


def test_code_sees_that_it_runs_in_a_worker_and_in_which_kind(run, startup):
    (startup / "10.py").write_text(
        "import sys\n"
        "from bluesky_qs import is_ipython_mode, is_re_worker_active\n"
        "print(is_re_worker_active(), is_ipython_mode(), type(get_ipython()).__name__, len(sys.argv))\n"
    )
    assert "True False" in run("--startup-dir", startup).stdout
    assert "True True TerminalInteractiveShell 1" in run("--startup-dir", startup, "--use-ipython-kernel=ON").stdout


def test_a_script_a_module_and_a_profile_are_found(run, startup, tmp_path):
    run("--startup-script", startup / "00-plans.py", "--file-name", "script.yaml")
    (tmp_path / "some_module.py").write_text(PLANS)
    run("--startup-module", "some_module", "--file-name", "module.yaml", PYTHONPATH=str(tmp_path))
    profile = tmp_path / "ipython" / "profile_mine" / "startup"
    profile.mkdir(parents=True)
    (profile / "00.py").write_text(PLANS)
    run("--startup-profile", "mine", "--ipython-dir", tmp_path / "ipython", "--file-name", "profile.yaml")
    for name in ("script", "module", "profile"):
        assert "quick" in read(run.here / f"{name}.yaml").existing_plans


def test_an_ipython_folder_alone_means_its_default_profile(run, tmp_path):
    folder = tmp_path / "ipython"
    assert "profile 'default' was not found" in run("--ipython-dir", folder, code=1).stderr
    profile = folder / "profile_default" / "startup"
    profile.mkdir(parents=True)
    (profile / "00.py").write_text(PLANS)
    run("--ipython-dir", folder)
    assert "quick" in read(run.here / FILE_NAME).existing_plans


def test_the_code_of_a_profile_runs_before_the_script_in_a_shell(run, tmp_path):
    profile = tmp_path / "ipython" / "profile_mine" / "startup"
    profile.mkdir(parents=True)
    (profile / "00.py").write_text(PLANS)
    script = tmp_path / "script.py"
    script.write_text("also = quick\n")
    options = ("--startup-profile", "mine", "--ipython-dir", tmp_path / "ipython", "--startup-script", script)
    run(*options, "--use-ipython-kernel", "ON")
    assert {"also", "quick"} <= set(read(run.here / FILE_NAME).existing_plans)


def test_a_failure_names_file_and_line_and_writes_nothing(run, startup):
    (startup / "10-bad.py").write_text("x = 1\nx.no_such\n")
    shown = run("--startup-dir", startup, code=1).stderr
    assert "10-bad.py, line 2: AttributeError: 'int' object has no attribute 'no_such'" in shown
    assert "Traceback (most recent call last):" in shown
    assert list(run.here.iterdir()) == []


def test_a_plan_that_cannot_be_described_is_an_error_or_left_out(run, startup):
    (startup / "10-wrong.py").write_text(INVALID)
    refused = run("--startup-dir", startup, code=1).stderr
    assert "'wrong'" in refused
    assert "10-wrong.py" in refused
    assert list(run.here.iterdir()) == []
    done = run("--startup-dir", startup, "--ignore-invalid-plans", "ON")
    assert "Left out: 'wrong'" in done.stderr
    assert list(read(run.here / FILE_NAME).existing_plans) == ["quick"]


def test_what_root_forbids_is_no_reason_to_refuse(run, startup):
    (startup / "10-wrong.py").write_text(INVALID)
    (startup / "user_group_permissions.yaml").write_text(
        "user_groups:\n  root:\n    allowed_plans: [null]\n    forbidden_plans: [wrong]\n"
    )
    assert run("--startup-dir", startup).stderr == ""
    assert list(read(run.here / FILE_NAME).existing_plans) == ["quick"]


def test_the_report_lists_files_names_and_omitted_objects(run, startup):
    (startup / "10-wrong.py").write_text(INVALID)
    (startup / "20-again.py").write_text(
        "from ophyd import Device\nstage = Device(name='stage')\ndef quick():\n    yield\n"
    )
    shown = run("--startup-dir", startup, "--ignore-invalid-plans", "ON", "--report").stdout
    for words in (
        f"s  {startup / '00-plans.py'}",
        f"quick: defined in {startup / '00-plans.py'}, and again in {startup / '20-again.py'}",
        "Plans (1):\n  quick\n",
        "Devices (1):\n  stage\n",
        f"Left out:\n  'wrong' (File \"{startup / '10-wrong.py'}\"",
    ):
        assert words in shown


def test_only_changed_lists_are_written(run, startup):
    file = run.here / FILE_NAME
    assert f"Written to {file}: plans: 1, devices: 0\n" in run("--startup-dir", startup).stdout
    before = file.stat()
    assert f"Unchanged in {file}: plans: 1, devices: 0\n" in run("--startup-dir", startup).stdout
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_subdevices_are_listed_to_the_requested_depth(run, tmp_path):
    run("--startup-profile", "sim", "--device-max-depth", 1)
    assert "components" not in read(run.here / FILE_NAME).existing_devices["sim_bundle_A"]
    run("--startup-profile", "sim", "--device-max-depth", 2)
    assert set(read(run.here / FILE_NAME).existing_devices["sim_bundle_A"]["components"]) == {"mtrs", "dets"}


def test_threads_that_go_on_do_not_keep_the_command_from_ending(run, startup):
    (startup / "10.py").write_text(
        "import threading, atexit\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "atexit.register(lambda: print('at the exit'))\n"
    )
    assert "at the exit" in run("--startup-dir", startup).stdout


@pytest.mark.parametrize(
    ("args", "sentence", "code"),
    [
        (["--startup-dir", "/no/such"], "'/no/such' does not exist", 1),
        (["--startup-dir", ".", "--startup-profile", "x"], "Only one source of startup code is allowed", 1),
        (["--startup-profile", "sim", "--file-dir", "/no/such"], "'/no/such' does not exist", 2),
        (["--device-max-depth", "-1"], "-1", 2),
        (["--no-such-option"], "--no-such-option", 2),
        (["--startup-profile", "sin"], "'sim'", 1),
    ],
)
def test_bad_options_are_refused_with_the_reason(run, args, sentence, code):
    assert sentence in run(*args, code=code).stderr


SHELL_HABITS = {
    "10-shell.py": """
        %matplotlib inline
        get_ipython().magic("xmode Minimal")
        import tools
        exit()
        """,
    "tools/__init__.py": "slow = get_ipython().user_ns['quick']\n",
}


@pytest.mark.parametrize("kernel", ["ON", "OFF"])
def test_what_profiles_ask_of_a_shell_is_there_in_either_kind(run, startup, kernel):
    (startup / "tools").mkdir()
    for name, text in SHELL_HABITS.items():
        (startup / name).write_text(textwrap.dedent(text).lstrip())
    run("--startup-dir", startup, "--use-ipython-kernel", kernel)
    assert list(read(run.here / FILE_NAME).existing_plans) == ["quick"]


def test_code_that_sends_its_output_elsewhere_does_not_take_ours_along(run, startup):
    (startup / "10.py").write_text("import sys, os\nsys.stdout = open(os.devnull, 'w')\nsys.stderr = None\n")
    assert "Written to" in run("--startup-dir", startup).stdout
    (startup / "20.py").write_text("1 / 0\n")
    assert "20.py, line 1: ZeroDivisionError: division by zero" in run("--startup-dir", startup, code=1).stderr


def test_ctrl_c_shows_the_position_of_the_code(run, startup):
    (startup / "10.py").write_text("import signal\n\nsignal.raise_signal(signal.SIGINT)\n")
    printed = run("--startup-dir", startup, code=1).stderr
    assert f"Interrupted: {startup / '10.py'}, line 3: KeyboardInterrupt" in printed
