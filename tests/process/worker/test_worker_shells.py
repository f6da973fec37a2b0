"""The same startup code in IPython, in a plain worker and in a worker with a kernel: what it gets from the shell."""

import os
import re
import subprocess
import sys

import pytest

from bluesky_qs.ipc.commands import KernelSpec

USES = r"""
import os, sys
from IPython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
ip = get_ipython()
here = os.path.dirname(os.path.abspath(__file__))

def use(name, function):
    try:
        print("USE", name, "->", repr(function())[:80])
    except BaseException as error:
        print("USE", name, "-> RAISES", type(error).__name__, str(error)[:80])

def name_of(key):
    return ip.user_ns.get(key, "absent")

os.chdir(os.path.join(here, "macros"))
use("%run with arguments", lambda: (ip.run_line_magic("run", f"{here}/macros/align.py -q 5"), name_of("given"))[1])
use("%run -m", lambda: (ip.run_line_magic("run", "-m energies"), name_of("edge"))[1])
use("%run of a file that fails", lambda: ip.run_line_magic("run", "-i stuck.py"))
use("%run of no file", lambda: ip.run_line_magic("run", "missing.py"))
use("names of %run", lambda: (name_of("before"), name_of("after")))
use("import from here", lambda: __import__("energies").edge)
use("run_cell", lambda: (ip.run_cell("u = 6 * 7\nu").result, ip.run_cell("u = ").success))
use("error of a cell", lambda: type(ip.run_cell("{}['x']", silent=True).error_in_exec).__name__)
use("get_parent", lambda: type(ip.config).__name__)
use("%%capture", lambda: (ip.run_cell_magic("capture", "caught", "print('to nobody')"), name_of("caught").stdout)[1])
use("!", lambda: ip.getoutput("printf 'a\nb'").l)
use("%env", lambda: (ip.run_line_magic("env", "USES=1"), os.environ["USES"])[1])
for to in (here, "macros", "/", "-"):
    ip.run_line_magic("cd", f"-q {to}")
use("%cd", lambda: os.path.basename(os.getcwd()))
use("no such magic", lambda: ip.run_line_magic("nonesuch", ""))
use("no such attribute", lambda: ip.nonesuch)
ip.register_magic_function(str.upper, magic_name="up")
use("register_magic_function", lambda: ip.run_line_magic("up", "x"))
use("expand", lambda: ip.var_expand("$here" + "{1 + 1}")[-1])
use("alias", lambda: (ip.run_line_magic("alias", "hello echo"), "hello" in ip.alias_manager)[1])
use("events", lambda: ip.events.register("pre_run_cell", lambda info: None))
use("one shell", lambda: (InteractiveShell.initialized(), InteractiveShell.instance() is ip))
use("kernel", lambda: hasattr(ip, "kernel"))
use("pt_app", lambda: hasattr(ip, "pt_app"))
"""
#: What differs in a kernel, as docs/startup-code.md says.
IN_A_KERNEL = {
    "kernel": "True",
    "pt_app": "False",
    "no such attribute": "RAISES AttributeError 'ZMQInteractiveShell' object has no attribute 'nonesuch'",
}


def written(folder):
    (folder / "startup.py").write_text(USES)
    macros = folder / "macros"
    macros.mkdir()
    (macros / "align.py").write_text("import sys\ngiven = sys.argv[1:]\n")
    (macros / "energies.py").write_text("edge = 7112\n")
    (macros / "stuck.py").write_text("before = 1\nraise OSError('stuck')\nafter = 1\n")


def uses(text):
    return dict(re.findall(r"^USE (.*?) -> (.*)$", text, re.MULTILINE))


@pytest.fixture(scope="module")
def in_ipython(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ipython")
    startup = folder / "profile_uses" / "startup"
    startup.mkdir(parents=True)
    written(startup)
    command = [sys.executable, "-m", "IPython", "--profile", "uses", "--colors=NoColor", "-c", "pass"]
    env = {**os.environ, "IPYTHONDIR": str(folder)}
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    found = uses(done.stdout)
    assert len(found) == USES.count("\nuse(")
    return found


@pytest.mark.parametrize("mode", ["plain", "kernel"])
async def test_startup_code_gets_from_the_shell_what_ipython_gives(worker, tmp_path, in_ipython, mode):
    driver = worker()
    written(driver.directory)
    directories = {"connection_dir": str(tmp_path / "runtime"), "ipython_dir": str(tmp_path)}
    await driver.open(**({"kernel": KernelSpec(**directories)} if mode == "kernel" else {}))
    assert uses(driver.text()) == in_ipython | (IN_A_KERNEL if mode == "kernel" else {})
