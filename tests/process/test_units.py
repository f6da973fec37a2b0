"""The systemd units that are shipped: valid, and in agreement with the settings and the documentation."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import bluesky_qs
from bluesky_qs.config.schema import Operation
from bluesky_qs.supervisor.policy import FROZEN_AFTER, LONGEST_DELAY, START_TIMEOUT
from tests.system_packages import needs, program

REPOSITORY = Path(bluesky_qs.__file__).parents[1]
UNITS = sorted(path.relative_to(REPOSITORY / "systemd") for path in (REPOSITORY / "systemd").rglob("*.service"))
SERVICES = [unit for unit in UNITS if unit.name != "bluesky-qs-http.service"]
PAGES = ("operating.md", "http-door.md", "http-example.md")
#: A block of a page that repeats a unit begins with its path.
BLOCK = re.compile(r"```ini\n# /etc/systemd/(system/[\w@-]+\.service)\n(.*?)```", re.DOTALL)


def read(unit):
    return (REPOSITORY / "systemd" / unit).read_text()


def seconds(unit, key):
    return float(re.search(rf"^{key}=(\d+)$", read(unit), re.MULTILINE)[1])


def test_there_are_units_for_the_system_for_a_user_and_for_each_instrument():
    assert {str(unit) for unit in SERVICES} == {
        "system/bluesky-qs.service",
        "system/bluesky-qs@.service",
        "user/bluesky-qs.service",
    }


@needs("systemd")
@pytest.mark.parametrize("unit", UNITS, ids=str)
def test_systemd_finds_nothing_wrong_in_a_unit(unit, tmp_path, monkeypatch):
    copy = tmp_path / unit.name.replace("@.", "@hall1.")
    copy.write_text(read(unit).replace("/opt/bluesky/bin", str(Path(sys.executable).parent)))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    manager = "--user" if unit.parts[0] == "user" else "--system"
    command = [program("systemd-analyze"), "verify", manager, "--man=no", copy]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr, checked.stdout) == (0, "", "")


@pytest.mark.parametrize("unit", SERVICES, ids=str)
def test_systemd_waits_for_the_clean_up_of_a_plan(unit):
    assert "Type=notify\n" in read(unit)
    assert seconds(unit, "TimeoutStopSec") == Operation().plan_cleanup_timeout + 15


@pytest.mark.parametrize("unit", SERVICES, ids=str)
def test_systemd_does_not_restart_a_service_that_is_about_to_replace_its_manager(unit):
    assert seconds(unit, "TimeoutStartSec") > START_TIMEOUT
    assert seconds(unit, "WatchdogSec") > FROZEN_AFTER + LONGEST_DELAY + START_TIMEOUT


def test_the_documentation_shows_the_units_as_they_are_shipped():
    shown = [block for page in PAGES for block in BLOCK.findall((REPOSITORY / "docs" / page).read_text())]
    assert {path for path, _ in shown} == {"system/bluesky-qs.service", "system/bluesky-qs-http.service"}
    for path, text in shown:
        shipped = read(path)
        assert text == shipped[shipped.index("[Unit]") :]
