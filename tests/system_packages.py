"""Debian packages that tests need. Without them these tests are skipped, and the run ends with a list of them."""

import os
import re
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

#: A file of each package of `.ci/packages` that shows that it is installed: a program, or a pattern below /usr/lib.
_FILES = {
    "chromium": "chromium",
    "libnss-wrapper": "**/libnss_wrapper.so",
    "libpam-wrapper": "**/pam_wrapper/pam_matrix.so",
    "nginx-light": "nginx",
    "slapd": "slapd",
    "strace": "strace",
    "systemd": "systemd-analyze",
}
_PROGRAMS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"  # a user's PATH often lacks sbin
_REASON = re.compile(r"needs the Debian packages? (?P<packages>[\w.+-]+(?:, [\w.+-]+)*)")


def program(name: str) -> str:
    """Path of a program of a package. The test that asks for it has a mark of `needs`."""
    path = shutil.which(name, path=_PROGRAMS)
    assert path, f"{name} is not installed"
    return path


def chromium() -> str:
    """Path of the browser: that of the variable ``QS_CHROMIUM``, or Debian's."""
    return os.environ.get("QS_CHROMIUM") or program("chromium")


def library(pattern: str) -> Path:
    """Path of a file below /usr/lib, at the first place of its system."""
    return next(Path("/usr/lib").glob(pattern))


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skip a test, a class or (as ``pytestmark``) a module without these packages of `.ci/packages`."""
    missing = [package for package in packages if not _is_installed(package)]
    reason = f"needs the Debian package{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
    return pytest.mark.skipif(bool(missing), reason=reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tests: defaultdict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if match := _REASON.search(reason):
            tests[match["packages"]].append(report.nodeid.split("::")[0])
    if not tests:
        return
    terminalreporter.section("left out, because Debian packages are missing")
    for packages, files in sorted(tests.items()):
        terminalreporter.line(f"{packages}: {len(files)} tests in {', '.join(sorted(set(files)))}")
    missing = sorted({package for packages in tests for package in packages.split(", ")})
    terminalreporter.line(f"To run them, install the packages as root: apt-get install {' '.join(missing)}")


def _is_installed(package: str) -> bool:
    if package == "chromium" and os.environ.get("QS_CHROMIUM"):
        return True
    name = _FILES[package]
    if "/" in name:
        return any(Path("/usr/lib").glob(name))
    return shutil.which(name, path=_PROGRAMS) is not None
