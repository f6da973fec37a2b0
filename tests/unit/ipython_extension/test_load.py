"""``%qs load``: the worker's startup files in this session."""

import json
import os
import subprocess
import sys

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.errors import StartupError
from bluesky_qs.startup import compat
from bluesky_qs.startup.namespace import global_user_namespace
from ipython_extension.shown.error_rendering import NotDone

_TELL = "\nimport json; print(json.dumps({n: type(v).__name__ for n, v in ns.items() if not n.startswith('_')}))"
_HERE = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "ipython_extension")
before = set(shell.user_ns)
shell.run_line_magic("qs", "load sim")
ns = {n: v for n, v in shell.user_ns.items() if n not in before}
"""
_THERE = """
from bluesky_qs.startup.find import find
from bluesky_qs.startup.loader import load, main_namespace
ns = main_namespace()
load(find(), ns)
ns.pop("get_ipython", None)
"""


def report_of(files):
    return {"files": [{"file": str(file)} for file in files]}


def names(code, tmp_path, **env):
    run = subprocess.run(
        [sys.executable, "-c", code + _TELL],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "IPYTHONDIR": str(tmp_path), **env},
    )
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of startup files; what loading changes in this process is put back."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    startup = tmp_path / "profile_mine" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-a.py").write_text("a = 1\nwhere = __file__\nshell = get_ipython()\n")
    (startup / "01-b.ipy").write_text("b = a + 1\n%precision 3\n")
    yield startup
    compat.uninstall()
    global_user_namespace.set_user_namespace(user_ns={})


def test_the_session_gets_what_the_worker_has(tmp_path):
    here, there = names(_HERE, tmp_path), names(_THERE, tmp_path, _QSERVER_RE_WORKER_ACTIVE="1")
    assert here.pop("bec") in ("LiveTables", "BestEffortCallback")  # plots where there is matplotlib
    assert there.pop("bec") == "LiveTables"
    assert here == there


@pytest.mark.parametrize("named", ["folder", "profile folder", "profile"])
def test_a_folder_or_a_profile_is_loaded_with_the_real_shell(shell, qs, folder, named):
    word = {"folder": folder, "profile folder": folder.parent, "profile": "mine"}[named]
    assert pretty(qs(f"load {word}")).startswith("Loaded 00-a.py, 01-b.ipy from ")
    assert (shell.user_ns["b"], shell.user_ns["where"]) == (2, str(folder / "00-a.py"))
    assert shell.user_ns["shell"] is shell


def test_without_a_name_it_is_what_the_service_has_loaded(qs, qs_manager, shell, folder):
    qs_manager.answers["environment_report"] = {"report": report_of(sorted(folder.iterdir()))}
    qs("load")
    assert shell.user_ns["b"] == 2


@pytest.mark.parametrize(
    ("files", "expected_text"),
    [([], "has not opened an environment yet"), (["/nowhere/00.py"], "are not on this machine")],
)
def test_what_cannot_be_found_out_has_to_be_named(qs, qs_manager, files, expected_text):
    qs_manager.answers["environment_report"] = {"report": report_of(files)}
    with pytest.raises(UsageError, match=expected_text):
        qs("load")


def test_code_that_fails_is_reported_with_its_place_and_traceback(qs, folder):
    (folder / "02-c.py").write_text("\nc = nothing\n")
    with pytest.raises(NotDone, match=r"02-c.py, line 2: NameError: name 'nothing'") as caught:
        qs(f"load {folder}")
    assert "c = nothing" in caught.value.detail


def test_an_unknown_profile_is_refused_with_the_known_ones(qs):
    with pytest.raises(StartupError, match=r"'nosuch' was not found .* 'sim'"):
        qs("load nosuch")
