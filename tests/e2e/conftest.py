"""The world outside of the service: virtual environments with the community's packages, a Redis server."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

#: The folder of the project's virtual environment, or of the one in which the tests run.
_ENVIRONMENTS = Path(sys.prefix)
#: What the environment of foreign clients holds: a change makes it anew.
_FOREIGN = ("bluesky-queueserver-api==0.0.13", "bluesky-queueserver==0.0.25", "matplotlib")


@pytest.fixture(scope="session")
def foreign() -> Path:
    """Interpreter of a virtual environment that has the community's service and client, and not our package.

    They install commands and modules of our names, so that they cannot share an environment with ours. Made once and
    kept, because that takes half a minute and needs the network.
    """
    folder = _ENVIRONMENTS / "foreign-clients"
    python = folder / "bin" / "python"
    complete = folder / "complete"
    wanted = "\n".join(_FOREIGN)
    with (_ENVIRONMENTS / "foreign-clients.lock").open("w") as lock:  # of several test processes one makes it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (complete.exists() and complete.read_text() == wanted):
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_FOREIGN]
            subprocess.run(install, check=True, env=_outside())
            complete.write_text(wanted)
    return python


def _outside() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "QSERVER"))}
