import dataclasses
import sys
from pathlib import Path

import pytest

from bluesky_qs.errors import StartupError
from bluesky_qs.startup.failure import StartupFailed
from bluesky_qs.startup.find import find
from bluesky_qs.startup.loader import load, main_namespace, run_script


# ------------------------------------------------------------------------------------------------------------ folders
def test_files_run_in_alphabetical_order_in_one_namespace(startup):
    namespace, report = startup({"10-b.py": "b = a + 1", "00-a.py": "a = 1", "20-c.ipy": "c = b + 1"})
    assert namespace["c"] == 3
    assert [Path(f.file).name for f in report.files] == ["00-a.py", "10-b.py", "20-c.ipy"]
    assert 0 <= sum(f.seconds for f in report.files) <= report.seconds


def test_files_are_the_main_program_and_know_their_path(startup):
    namespace, report = startup({"00.py": "where, who = __file__, __name__"})
    assert (namespace["where"], namespace["who"]) == (report.files[0].file, "__main__")
    assert "__file__" not in namespace


def test_modules_beside_the_startup_files_can_be_imported(startup):
    namespace, _ = startup({"00.py": "from helpers.motors import speed", "helpers/motors.py": "speed = 3"})
    assert namespace["speed"] == 3


def test_star_imports_and_executed_files_share_the_namespace(startup):
    namespace, _ = startup(
        {
            "00.py": """
                import pathlib
                from tools import *
                exec((pathlib.Path(__file__).parent / 'executed.txt').read_text())
                """,
            "tools.py": "def tool(): return 'tool'",
            "executed.txt": "executed = tool()",
        }
    )
    assert namespace["executed"] == "tool"


def test_encoding_declared_in_a_file_is_respected(tmp_path, clean_process):
    (tmp_path / "00.py").write_bytes("# -*- coding: latin-1 -*-\nunit = 'Å'\n".encode("latin-1"))
    namespace = {}
    load(find(startup_dir=str(tmp_path)), namespace)
    assert namespace["unit"] == "Å"


def test_overwritten_functions_are_reported_with_both_files(startup):
    _, report = startup(
        {"00.py": "def count(): pass\nn = 1", "10.py": "n = 2", "20.py": "def count(): pass", "30.py": "import os"}
    )
    assert [(o.name, Path(o.file).name, Path(o.by).name) for o in report.overwritten] == [("count", "00.py", "20.py")]


def test_loggers_and_imports_that_other_files_repeat_are_not_reported(startup):
    first = """
        import logging, time
        from functools import partial
        from math import sqrt
        from ophyd import Device
        log = logging.getLogger("a")
        def own(): pass
        class Own: pass
        det = Device("", name="det")
        """
    second = """
        import logging
        from time import time
        from cmath import sqrt
        from ophyd_async.core import Device
        log = logging.getLogger("b")
        from ophyd.sim import det, motor as own
        partial = Own = None
        """
    _, report = startup({"00.py": first, "10.py": second})
    assert {o.name for o in report.overwritten} == {"det", "own", "Own"}


def test_exit_without_a_code_ends_the_file_and_is_reported(startup):
    namespace, report = startup({"00.py": "a = 1\nimport sys\nsys.exit()\na = 2", "10.py": "b = a"})
    assert namespace["b"] == 1
    (problem,) = report.problems
    assert (Path(problem.file).name, problem.line) == ("00.py", 3)


# ----------------------------------------------------------------------------------------------------------- failures
@pytest.mark.parametrize(
    ("files", "place", "error"),
    [
        ({"00.py": "x = 1\ny = undefined"}, ("00.py", 2), "NameError: name 'undefined' is not defined"),
        ({"00.py": "x = 1", "10.py": "def f(:\n  pass"}, ("10.py", 1), "SyntaxError: "),
        ({"00.py": "import sys\n\nsys.exit(3)"}, ("00.py", 3), "sys.exit(3)"),
        (
            {"00.py": "import local", "local.py": "a = 1\n\n1 / 0"},
            ("local.py", 3),
            "ZeroDivisionError: division by zero",
        ),
        ({"00.py": "import local", "local.py": "a = 1\nif\n"}, ("local.py", 2), "SyntaxError: invalid syntax"),
        ({"00.py": "import no_such_module_here"}, ("00.py", 1), "ModuleNotFoundError: No module named"),
        (
            {"00.py": "class Motor:\n  def __init__(self):\n    raise TimeoutError('no PV')\n\nm = Motor()"},
            ("00.py", 3),
            "TimeoutError: no PV",
        ),
        ({"00.py": "import json\njson.loads('{')"}, ("00.py", 2), "JSONDecodeError: "),
        ({"00.py": "a = 1\n\nexec('b = c')"}, ("00.py", 3), "NameError: "),
        ({"00.py": "a = 1\ncompile('a b', 'x', 'exec')"}, ("00.py", 2), "SyntaxError: "),
        ({"00.py": "assert False"}, ("00.py", 1), "AssertionError"),
        ({"00.ipy": "%cd .\n\nx = undefined"}, ("00.ipy", 3), "NameError: "),
        ({"00.py": "get_ipython().magic('run other.py')", "other.py": "x"}, ("00.py", 1), "not found"),
    ],
)
def test_failure_names_file_line_and_error(startup, files, place, error):
    with pytest.raises(StartupFailed) as caught:
        startup(files)
    failure = caught.value
    assert (Path(failure.file).name, failure.line) == place
    assert str(failure).startswith(f"{place[0]}, line {place[1]}: ")
    assert error in str(failure)
    assert isinstance(failure, StartupError)


@pytest.mark.parametrize("content", [b"a = 1\nb = '\xff'\n", b"a = 1\n\0", b"# -*- coding: nonsense -*-\n"])
def test_file_that_cannot_be_read_as_text_is_named(tmp_path, clean_process, content):
    (tmp_path / "00.py").write_bytes(content)
    with pytest.raises(StartupFailed, match=r"^00\.py(, line \d+)?: (SyntaxError|ValueError): "):
        load(find(startup_dir=str(tmp_path)), {})


def test_traceback_shows_the_users_frames_and_lines_only(startup):
    with pytest.raises(StartupFailed) as caught:
        startup({"00.py": "from local import f\nf()", "local.py": "def f():\n    return 1 / 0"})
    shown = caught.value.traceback
    assert shown.startswith("Traceback (most recent call last):\n")
    assert shown.endswith("ZeroDivisionError: division by zero\n")
    assert "    f()\n" in shown
    assert "    return 1 / 0\n" in shown
    assert "bluesky_qs" not in shown.replace(str(Path(caught.value.file).parent), "")
    assert "importlib" not in shown


def test_causes_of_errors_are_also_shown_without_our_frames(startup):
    with pytest.raises(StartupFailed) as caught:
        startup(
            {
                "00.py": "try:\n    import local\nexcept ValueError as e:\n    raise RuntimeError('no') from e",
                "local.py": "int('x')",
            }
        )
    shown = caught.value.traceback
    assert shown.index("ValueError: invalid literal") < shown.index("RuntimeError: no")
    assert "importlib" not in shown
    assert caught.value.line == 4


def test_what_ran_before_a_failure_stays(tmp_path, clean_process, write_files):
    folder = write_files(tmp_path, {"00.py": "a = 1", "10.py": "b = 2\n1 / 0"})
    namespace = {}
    with pytest.raises(StartupFailed):
        load(find(startup_dir=str(folder)), namespace)
    assert (namespace["a"], namespace["b"]) == (1, 2)


def test_keyboard_interrupt_is_not_taken_for_a_failure_of_the_code(startup):
    with pytest.raises(KeyboardInterrupt):
        startup({"00.py": "raise KeyboardInterrupt"})


# ------------------------------------------------------------------------------------------------- scripts and modules
def test_script_runs_as_plain_python(tmp_path, clean_process, write_files):
    folder = write_files(
        tmp_path, {"start.py": "from beside import n\nshell = 'get_ipython' in dir(__builtins__)", "beside.py": "n = 5"}
    )
    namespace = {}
    load(find(startup_script=str(folder / "start.py")), namespace)
    assert (namespace["n"], namespace["shell"]) == (5, False)


def test_script_with_ipython_syntax_is_refused(tmp_path, clean_process, write_files):
    folder = write_files(tmp_path, {"start.py": "x = 1\n%matplotlib qt"})
    with pytest.raises(StartupFailed, match=r"start\.py, line 2: SyntaxError"):
        load(find(startup_script=str(folder / "start.py")), {})


def test_names_of_a_module_are_taken_over(tmp_path, clean_process, write_files, monkeypatch):
    write_files(
        tmp_path,
        {
            "beamline_x/__init__.py": "",
            "beamline_x/startup.py": "from .motors import m\n_private = 1",
            "beamline_x/motors.py": "m = 7",
        },
    )
    monkeypatch.syspath_prepend(tmp_path)
    namespace = {"__name__": "__main__"}
    report = load(find(startup_module="beamline_x.startup"), namespace)
    assert (namespace["m"], namespace["_private"], namespace["__name__"]) == (7, 1, "__main__")
    assert report.files[0].file == str(tmp_path / "beamline_x" / "startup.py")


def test_failure_in_a_module_of_the_package_names_its_line(tmp_path, clean_process, write_files, monkeypatch):
    write_files(
        tmp_path,
        {
            "beamline_y/__init__.py": "",
            "beamline_y/startup.py": "from . import motors",
            "beamline_y/motors.py": "a = 1\nb",
        },
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StartupFailed, match=r"^motors\.py, line 2: NameError"):
        load(find(startup_module="beamline_y.startup"), {})


def test_missing_module_is_a_startup_error(clean_process):
    with pytest.raises(StartupFailed) as failed:
        load(find(startup_module="no_such_beamline.startup"), {})
    assert failed.value.message == (
        "The startup module 'no_such_beamline.startup': ModuleNotFoundError: No module named 'no_such_beamline'"
    )
    assert (failed.value.file, failed.value.line) == (None, None)


def test_failure_in_a_module_that_is_one_file_names_that(tmp_path, clean_process, write_files, monkeypatch):
    write_files(tmp_path, {"beamline_z.py": "a = 1\nb"})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StartupFailed, match=r"^beamline_z\.py, line 2: NameError"):
        load(find(startup_module="beamline_z"), {})


def test_a_script_with_ipython_syntax_fails_with_a_hint(tmp_path, clean_process, write_files):
    write_files(tmp_path, {"code.py": "a = 1\n%matplotlib inline\n"})
    with pytest.raises(StartupFailed, match=r"^code\.py, line 2: SyntaxError") as failed:
        load(find(startup_script=str(tmp_path / "code.py")), {})
    assert "IPython syntax works in startup folders (--startup-dir)" in failed.value.traceback


# ---------------------------------------------------------------------------------------------------- uploaded scripts
def test_uploaded_script_runs_in_the_namespace():
    namespace = {"a": 1}
    run_script("b = a + 1", namespace)
    assert namespace["b"] == 2


def test_re_and_db_are_put_back_after_a_script():
    namespace = {"RE": "engine", "db": "broker"}
    run_script("RE = db = None; seen = RE", namespace)
    assert (namespace["RE"], namespace["db"]) == ("engine", "broker")


def test_deleted_re_is_put_back_too():
    namespace = {"RE": "engine"}
    run_script("del RE", namespace)
    assert namespace["RE"] == "engine"


def test_a_script_may_replace_re_on_request():
    namespace = {"RE": "engine"}
    run_script("RE = 'other'", namespace, update_re=True)
    assert namespace["RE"] == "other"


def test_script_may_make_the_first_re():
    namespace = {}
    run_script("RE = 'engine'", namespace)
    assert namespace["RE"] == "engine"


def test_failing_script_keeps_what_it_had_done_and_shows_its_line():
    namespace = {"RE": "engine"}
    with pytest.raises(NameError) as caught:
        run_script("done = 1\nRE = None\nnot_there", namespace)
    assert (namespace["done"], namespace["RE"]) == (1, "engine")
    frame = caught.traceback[-1]
    assert frame.lineno + 1 == 3
    assert str(frame.frame.code.path).startswith("<script ")


def test_uploaded_script_imports_from_the_startup_folder(startup):
    namespace, _ = startup({"00.py": "", "later.py": "value = 9"})
    run_script("from later import value", namespace)
    assert namespace["value"] == 9


@pytest.mark.parametrize("profile", ["collection", None])
def test_uploaded_script_imports_from_the_profile_beside_a_module(tmp_path, clean_process, write_files, profile):
    folder = f"profile_{profile or 'default'}"
    write_files(tmp_path, {"lib/instrument_m.py": "a = 1", f"{folder}/startup/beside.py": "value = 9"})
    sys.path.append(str(tmp_path / "lib"))
    found = find(startup_module="instrument_m", startup_profile=profile, ipython_dir=str(tmp_path))
    namespace = {}
    load(found, namespace)
    run_script("from beside import value", namespace)
    assert (namespace["a"], namespace["value"]) == (1, 9)


def test_uploaded_script_has_a_path_beside_the_startup_code(tmp_path):
    namespace = {}
    run_script("where = __file__\ndef later(): return __file__", namespace, tmp_path)
    assert namespace["where"] == str(tmp_path / "script")
    assert namespace["later"]() == namespace["where"]


def test_uploaded_script_sees_the_shell(startup):
    namespace, _ = startup({"00.py": ""})
    run_script("same = get_ipython().user_ns is globals()\n%matplotlib inline", namespace)
    assert namespace["same"]


# ------------------------------------------------------------------------------------------------------- main namespace
def test_dataclasses_and_pickles_of_startup_code_find_their_module(monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    namespace = main_namespace()
    run_script(
        "from __future__ import annotations\n"
        "import dataclasses, pickle, typing\n"
        "@dataclasses.dataclass\n"
        "class Point:\n"
        "    x: int\n"
        "    where: typing.ClassVar[str] = 'here'\n"
        "copy = pickle.loads(pickle.dumps(Point(1)))\n",
        namespace,
    )
    assert dataclasses.astuple(namespace["copy"]) == (1,)


def test_files_of_a_folder_that_is_a_package_import_as_modules_of_it(tmp_path, clean_process, write_files):
    files = {
        "__init__.py": "runs = globals().get('runs', 0) + 1\nfrom .devices.motors import m1",
        "plans.py": "from . import devices\nfrom .devices.helpers import help_us\nsame = devices.motors.m1 is m1",
        "devices/__init__.py": "",
        "devices/motors.py": "m1 = ['m1']",
        "devices/helpers.py": "from .motors import m1\ndef help_us(): return m1",
    }
    folder = write_files(tmp_path / "instrument_z", files)
    namespace = {}
    load(find(startup_dir=str(folder)), namespace)
    assert namespace["same"]
    assert namespace["runs"] == 1
    run_script("from .devices.helpers import help_us as later", namespace)
    assert namespace["later"] is namespace["help_us"]


# -------------------------------------------------------------------------------------------------- odd failures, too
ODD = {
    "an exception of its own kind": ("class Beam(BaseException): pass\nraise Beam('dump')", 2, "Beam: dump"),
    "one without a text": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError('no')\nraise Odd()",
        3,
        "Odd: (str() of the exception raised ValueError)",
    ),
    "a book": ("raise ValueError('x' * 3000)", 1, f"ValueError: {'x' * 2000} … (3000 characters)"),
    "a file that is not there, to %run": ("%run no_such_macro.py", 1, "Exception: File `'no_such_macro.py'` not found"),
}


@pytest.mark.parametrize("what", list(ODD))
def test_odd_failures_name_their_place_as_well(startup, what):
    code, line, error = ODD[what]
    with pytest.raises(StartupFailed) as failed:
        startup({"00.py": code})
    assert failed.value.message.startswith(f"00.py, line {line}: {error}")


def test_traceback_of_a_file_that_awaits_begins_in_that_file(startup):
    with pytest.raises(StartupFailed) as failed:
        startup({"00.ipy": "import asyncio\nawait asyncio.sleep(0)\n1 / 0"})
    first, second, *_ = failed.value.traceback.splitlines()[1:]
    assert "00.ipy" in first
    assert second.strip() == "1 / 0"


def test_links_that_lead_nowhere_are_reported(tmp_path, clean_process, write_files):
    folder = write_files(tmp_path, {"00.py": "a = 1"})
    (folder / "10-devices.py").symlink_to("/not/mounted/devices.py")
    (folder / ".#20-plans.py").symlink_to("somebody@host.123")  # an editor's lock
    report = load(find(startup_dir=str(folder)), {})
    [problem] = report.problems
    assert problem.file == str(folder / "10-devices.py")
    assert problem.message == "10-devices.py was skipped: it is a link to a file that does not exist"


def test_the_start_of_each_file_is_reported(tmp_path, clean_process, write_files):
    folder = write_files(tmp_path, {"00.py": "a = 1", "10.py": "1 / 0"})
    shown = []
    with pytest.raises(StartupFailed):
        load(find(startup_dir=str(folder)), {}, begins=lambda *names: shown.append(names))
    assert shown == [(str(folder / name), name) for name in ("00.py", "10.py")]


def test_script_may_make_the_first_re_where_something_else_has_its_name():
    namespace = {"RE": None, "db": "db"}
    run_script("RE = 'new'\ndb = 'other'", namespace, may_make_re=True)
    assert (namespace["RE"], namespace["db"]) == ("new", "db")
