"""The clients can be imported on Windows: without the modules and the names that only POSIX systems have."""

import subprocess
import sys

import pytest

#: Loads what other packages import, while they may still see this system, then takes away what Windows does not have.
WINDOWS = """
import asyncio, concurrent.futures, getpass, http.client, importlib.abc, logging.handlers, multiprocessing, os
import select, shutil, signal, socket, ssl, subprocess, sys, tempfile, urllib.request, webbrowser
import httpx, keyring, msgspec, platformdirs, prompt_toolkit, websockets, websockets.asyncio.client
import websockets.sync.client, yaml, zmq, zmq.asyncio, zmq.auth, openpyxl, sortedcontainers, traitlets, IPython

MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty", "uvloop"}
NAMES = {
    os: ["fork", "forkpty", "getuid", "geteuid", "getgid", "getpgid", "killpg", "mkfifo", "openpty", "setsid",
         "sysconf", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "WNOHANG", "getloadavg", "statvfs"],
    select: ["poll", "epoll", "PIPE_BUF"],
    signal: ["SIGHUP", "SIGKILL", "SIGCHLD", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCONT", "SIGSTOP", "SIGTSTP",
             "pthread_sigmask", "sigwait", "setitimer"],
    socket: ["AF_UNIX", "SO_REUSEPORT"],
}


class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r} on Windows", name=name)


for name in MODULES:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Missing())
for module, names in NAMES.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
sys.platform = "win32"
"""


def run(code):
    ended = subprocess.run(
        [sys.executable, "-c", WINDOWS + code], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_without_the_modules_of_posix_the_test_notices_an_import_of_one():
    with pytest.raises(AssertionError, match="No module named 'fcntl' on Windows"):
        run("import bluesky_qs.supervisor.console")


MODULES = (
    "bluesky_qs",
    "bluesky_qs.aio",
    "bluesky_qs.api",
    "bluesky_qs.http",
    "bluesky_qs.http.aio",
    "bluesky_qs.client.sync",
    "bluesky_qs.client.aio",
    "bluesky_qs.client.over_zmq_aio",
    "bluesky_qs.client.over_http_aio",
    "bluesky_qs.client.monitor",
    "bluesky_qs.client.kept_keys",
    "bluesky_qs.words.spreadsheet",
    "bluesky_qs.cli.qserver",
    "bluesky_qs.cli.console_monitor",
    "bluesky_qs.cli.zmq_keys",
    "ipython_extension",
    "ipython_extension.words",
)


def test_the_modules_of_the_clients_are_imported():
    assert run(f"import importlib\nfor name in {MODULES}: print(importlib.import_module(name).__name__)").split() == [
        *MODULES
    ]


def test_clients_are_made_for_both_transports():
    run(
        "import bluesky_qs\n"
        "for options in ({'zmq_control_addr': 'tcp://127.0.0.1:9'}, {'http_server_uri': 'http://127.0.0.1:9'}):\n"
        "    with bluesky_qs.REManagerAPI(**options, request_fail_exceptions=False): pass\n"
    )


def test_the_command_has_its_help_and_reads_a_line():
    code = (
        "from bluesky_qs.cli import qserver\nqserver.run(['--help'])\nassert qserver.run(['queue', 'no-such-word'])\n"
    )
    assert "queue add plan" in run(code)
