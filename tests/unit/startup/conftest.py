"""Startup folders written by the tests, and a process that is as before after each of them."""

import importlib
import os
import subprocess
import sys
import textwrap

import pytest

from bluesky_qs.startup import compat, shell
from bluesky_qs.startup.find import find
from bluesky_qs.startup.loader import load
from bluesky_qs.startup.namespace import global_user_namespace


def write(folder, files):
    """Write ``{relative path: text}``; the text is dedented, so that line 1 is the first one with code."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))
    importlib.invalidate_caches()
    return folder


@pytest.fixture
def write_files():
    return write


@pytest.fixture
def clean_process(monkeypatch):
    """What loading changes in this process, put back."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)
    yield
    shell.uninstall()
    compat.uninstall()
    global_user_namespace.set_user_namespace(user_ns={})
    for name in set(sys.modules) - before:
        # Libraries stay: extension modules cannot be imported twice.
        if not any(name.split(".")[0] == kept for kept in ("IPython", "numpy", "bluesky", "ophyd", "traitlets")) and (
            "pytest-" in str(getattr(sys.modules[name], "__file__", ""))
        ):
            del sys.modules[name]


@pytest.fixture
def startup(tmp_path, clean_process):
    """Write a startup folder and load it: ``namespace, report = startup({"00.py": "…"})``."""

    def write_and_load(files):
        folder = write(tmp_path / "profile_test" / "startup", files)
        namespace = {}
        return namespace, load(find(startup_dir=str(folder)), namespace)

    return write_and_load


@pytest.fixture
def in_fresh_process(tmp_path):
    """Write a startup folder and load it in a process of its own; the output of ``then``, run in its namespace."""

    def run(files, then):
        folder = write(tmp_path / "startup", files)
        code = (
            "import sys\n"
            "from bluesky_qs.startup.find import find\n"
            "from bluesky_qs.startup.loader import load, main_namespace, run_script\n"
            "namespace = main_namespace()\n"
            f"report = load(find(startup_dir={str(folder)!r}), namespace)\n" + textwrap.dedent(then)
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "_QSERVER_RE_WORKER_ACTIVE": "1"},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
