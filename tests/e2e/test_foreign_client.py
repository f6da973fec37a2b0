"""The community's client library, as published, drives our service; and ours does, in its place."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

#: The last one stops the service.
CHAPTERS = ["status_and_environment", "queue", "lock", "permissions", "running", "run_engine", "tasks", "waits"]
CHAPTERS += ["monitors", "stop"]

_NAMES = Path(__file__).parent / "drivers" / "public_names.py"


@pytest.fixture(params=["bluesky_queueserver_api", "bluesky_qs"])
def package(request):
    """The same script with either client: only the import differs."""
    return request.param


@pytest.fixture
def publishing(new_service):
    """A service that publishes its console output, with the built-in profile."""
    key = {"QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER": "the-emergency-key"}
    return new_service("--zmq-publish-console", "ON", env=key).start()


@pytest.mark.parametrize("variant", ["threads", "async"])
def test_the_client_gets_what_the_communitys_documentation_promises(drive, publishing, variant):
    drive(publishing, variant, ",".join(CHAPTERS))
    assert publishing.process.wait(60) == 0


@pytest.mark.parametrize("variant", ["threads", "async"])
def test_a_missing_service_is_an_error_with_the_address(drive, new_service, variant):
    assert drive(new_service(), variant, "nobody")


@pytest.mark.parametrize("variant", ["threads", "async", "http", "http.aio"])
def test_each_public_name_of_the_communitys_client_is_one_of_ours_too(foreign, variant, tmp_path):
    theirs = names(foreign, "bluesky_queueserver_api", variant, tmp_path)
    ours = names(sys.executable, "bluesky_qs", variant, tmp_path)
    missing = {
        f"{thing}.{name}"
        for thing, described in theirs.items()
        for name, as_theirs in described.items()
        if not fits(ours[thing].get(name), as_theirs)
    }
    assert missing == set()


def names(interpreter, package, variant, folder):
    ran = subprocess.run(
        [interpreter, _NAMES, package, variant], capture_output=True, text=True, cwd=folder, check=True
    )
    return json.loads(ran.stdout)


def fits(ours, theirs):
    """Whether everything that can be done with a name of theirs can be done with ours."""
    if isinstance(theirs, list) and isinstance(ours, list):
        takes_any = any(name.startswith("**") for name in ours)
        return all(name in ours or takes_any for name in theirs)
    return ours == theirs or (theirs == "readable" and ours is not None)
