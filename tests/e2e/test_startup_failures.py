"""Startup code that fails: every client gets the file, the line and the error, and the service keeps running."""

import textwrap

import pytest

FAILING = {
    "a device raises in its constructor": (
        {
            "10-devices.py": """
                from ophyd import Component as Cpt, Device, Signal

                class Slits(Device):
                    gap = Cpt(Signal, value=0)

                    def __init__(self, *args, **kwargs):
                        super().__init__(*args, **kwargs)
                        if self.gap.get() == 0:
                            raise RuntimeError("the slits are closed")

                slits = Slits("XF:", name="slits")
                """
        },
        ("10-devices.py", 9, "RuntimeError: the slits are closed"),
    ),
    "a device cannot be had": (
        # As if no library for EPICS was installed.
        {"10-devices.py": "from ophyd import EpicsMotor as Motor, set_cl\nset_cl('dummy')\nm = Motor('X', name='m')\n"},
        ("10-devices.py", 3, "NotImplementedError: Dummy control layer in-use."),
    ),
    "a module of the beamline fails while it is imported": (
        {
            "10-devices.py": "import beamline.motors\n",
            "beamline/__init__.py": "",
            "beamline/motors.py": "\nmotor = Motr()\n",
        },
        ("beamline/motors.py", 2, "NameError: name 'Motr' is not defined"),
    ),
    "a package is not installed": (
        {"10-devices.py": "x = 1\nfrom areadetectors_of_ours import Camera\n"},
        ("10-devices.py", 2, "ModuleNotFoundError: No module named 'areadetectors_of_ours'"),
    ),
    "a line is no Python": (
        {"10-plans.py": "def plan():\n    yield from count([det]\n\nx = 1\n"},
        ("10-plans.py", 2, "SyntaxError: '(' was never closed"),
    ),
    "a line after magics fails": (
        {"10-morning.ipy": "%matplotlib agg\n!true\nvalue = 1 / 0\n"},
        ("10-morning.ipy", 3, "ZeroDivisionError: division by zero"),
    ),
    "a file that another one executes fails": (
        {"10-macros.py": "exec(compile(open('MACRO').read(), 'MACRO', 'exec'))\n", "macros/m.py": "\n\nmissing\n"},
        ("macros/m.py", 3, "NameError: name 'missing' is not defined"),
    ),
    "a file ends the process with an error": (
        {"10-check.py": "import sys\nif 'beam' not in globals():\n    sys.exit('no beam, no queue')\n"},
        ("10-check.py", 3, "The code called sys.exit('no beam, no queue')"),
    ),
    "a plan contradicts its decorator": (
        {
            "10-plans.py": """
                from bluesky_queueserver import parameter_annotation_decorator

                @parameter_annotation_decorator({"parameters": {"motr": {"description": "no such parameter"}}})
                def align(motor):
                    yield from ()
                """
        },
        ("10-plans.py", None, "the plan has no parameter 'motr'"),
    ),
}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n") if text.startswith("\n  ") else text)


@pytest.fixture
def light(new_service, startup_dir):
    return new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF")


#: In a kernel the code is run by the shell: one file of each kind is enough.
IN_A_KERNEL = (
    "a device raises in its constructor",
    "a line after magics fails",
    "a file that another one executes fails",
)


@pytest.mark.in_both_modes
def test_the_client_gets_the_place_and_the_reason(light, startup_dir, worker_mode):
    light.start()
    macro = str(startup_dir / "macros" / "m.py")
    for what in FAILING if worker_mode == "plain" else IN_A_KERNEL:
        files, (file, line, error) = FAILING[what]
        write(startup_dir, {name: text.replace("MACRO", macro) for name, text in files.items()})
        light.do("environment_open")
        status = light.wait_idle()
        assert (status["worker_environment_exists"], status["worker_environment_state"]) == (False, "closed"), what
        report = light.do("environment_report")["report"]
        assert report["success"] is False, what
        if line:
            assert (report["file"], report["line"]) == (str(startup_dir / file), line), what
            assert report["message"].startswith(f"{file}, line {line}: {error}")
        assert file in report["message"]
        assert error in report["message"]
        assert "bluesky_qs/" not in report["traceback"]
        shown = f"Failed to open the RE Worker environment: {report['message'].splitlines()[0]}"
        light.wait_shown(shown, report["traceback"])
        assert light.output().count(error) <= report["traceback"].count(error) + 1, what  # once, with its traceback
        for name in files:
            (startup_dir / name).unlink()
    assert light.qserver("environment", "report").returncode == 0
    light.open()  # when all is mended
    assert light.do("environment_report")["report"]["success"] is True


def test_a_plan_that_cannot_be_described_is_left_out_and_reported_where_that_is_wanted(new_service, startup_dir):
    write(startup_dir, FAILING["a plan contradicts its decorator"][0])
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF", "--ignore-invalid-plans", "ON")
    service.start().open()
    [left] = service.do("environment_report")["report"]["left_out"]
    assert (left["name"], left["file"], left["line"]) == ("align", str(startup_dir / "10-plans.py"), 3)
    assert "no parameter 'motr'" in left["reason"]
    plans = service.do("plans_existing")["plans_existing"]
    assert "quick" in plans
    assert "align" not in plans


@pytest.mark.in_both_modes
def test_startup_code_that_prints_megabytes_opens_and_all_of_it_is_passed_on(light, startup_dir):
    write(startup_dir, {"10.py": "for n in range(50_000):\n    print(n, 'x' * 100)\nprint('that', 'was all')\n"})
    light.start().open()
    light.wait(lambda s: "that was all" in light.output(), "the output")
    assert light.output().count("x" * 100) == 50_000


DYING = {
    "without a word": ("import os\nos._exit(7)\n", None, "exit code 7"),
    "in a library": ("import ctypes\nctypes.string_at(0)\n", 2, "killed by SIGSEGV"),
}


@pytest.mark.in_both_modes
def test_startup_code_that_ends_its_process_is_reported_with_file_and_line(light, startup_dir):
    light.start()
    for code, line, end in DYING.values():
        write(startup_dir, {"10.py": code})
        light.do("environment_open")
        assert not light.wait_idle()["worker_environment_exists"]
        message = f"10.py{f', line {line}' if line else ''}: The worker ended: {end}"
        shown = f"Failed to open the RE Worker environment: {message}"
        light.wait(lambda s, shown=shown: shown in light.output(), "the log")
        report = light.do("environment_report")["report"]
        assert (report["success"], report["message"]) == (False, message)
        assert (report["file"], report["line"]) == (str(startup_dir / "10.py"), line)
        if line:
            assert f'10.py", line {line} in <module>' in report["traceback"]
            light.wait_shown(report["traceback"])
    write(startup_dir, {"10.py": "import signal\nsignal.raise_signal(signal.SIGINT)\n"})
    light.do("environment_open")
    assert not light.wait_idle()["worker_environment_exists"]
    report = light.do("environment_report")["report"]
    assert (report["file"], report["line"]) == (str(startup_dir / "10.py"), 2)
    assert report["message"].endswith("10.py, line 2: KeyboardInterrupt")


def test_an_opening_that_is_destroyed_is_reported_as_that(light, startup_dir):
    write(startup_dir, {"10.py": "import threading\nprint('wai' + 'ting')\nthreading.Event().wait()\n"})
    light.start().do("environment_open")
    light.wait(lambda s: "waiting\n" in light.output(), "the startup code runs")
    light.do("environment_destroy")
    light.wait_idle()
    report = light.do("environment_report")["report"]
    assert (report["success"], report["message"]) == (False, "10.py, line 3: The RE Worker environment was destroyed")
    assert (report["file"], report["line"]) == (str(startup_dir / "10.py"), 3)
    assert '10.py", line 3 in <module>' in report["traceback"]


def test_an_opening_whose_position_is_unknown_is_destroyed_too(light, startup_dir):
    # A C library that keeps the interpreter to itself.
    write(startup_dir, {"10.py": "import ctypes\nprint('wai' + 'ting')\nctypes.PyDLL(None).pause()\n"})
    light.start().do("environment_open")
    light.wait(lambda s: "waiting\n" in light.output(), "the startup code runs")
    light.do("environment_destroy")
    light.wait_idle()
    report = light.do("environment_report")["report"]
    assert (report["message"], report["line"]) == ("10.py: The RE Worker environment was destroyed", None)


def test_the_report_of_the_opening_survives_the_managers_death(light):
    light.start().open()
    before = light.do("environment_report")["report"]
    manager = light.find("bluesky_qs.manager")
    manager.kill()
    manager.wait(60)
    light.wait(lambda s: s["worker_environment_exists"], "the next manager")
    assert light.do("environment_report")["report"] == before
