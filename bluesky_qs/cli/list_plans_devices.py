"""``qserver-list-plans-devices``: writes the lists of existing plans and devices without a service."""

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bluesky_qs.cli.parser import Parser, ParserExit, natural, switch
from bluesky_qs.config.logs import configure_logging, enable_logging
from bluesky_qs.errors import QSError, StartupError
from bluesky_qs.plans.lists import FILE_NAME, ListsFile, write
from bluesky_qs.plans.permissions import PermissionRules
from bluesky_qs.startup import loader
from bluesky_qs.startup.collect import Collected, collect
from bluesky_qs.startup.failure import StartupFailed, failed
from bluesky_qs.startup.find import StartupLocation, find
from bluesky_qs.startup.later import put_off_slow_imports
from bluesky_qs.startup.leaving import leave
from bluesky_qs.startup.loader import Namespace
from bluesky_qs.startup.report import LoadProblem, LoadReport, Overwritten
from bluesky_qs.startup.shown_errors import ShownErrors

_STARTUP = ("startup_dir", "startup_profile", "startup_module", "startup_script")
_HELP = """Run startup code and write the lists of its plans and devices to a file.

Unlike the service, this command has no default startup code: use one of the
options below to name it. The service writes the lists next to the startup code
whenever its environment opens; use this command if you need the lists earlier, or
in another place."""


def main() -> int:
    """Run the command and exit with 0, or with 1 if the lists were not written."""
    leave(_run_command())


def _run_command() -> int:
    put_off_slow_imports()
    parser = _parser()
    try:
        _write_lists(parser, parser.parse_args())
    except ParserExit as ended:
        return ended.code
    except StartupFailed as error:
        print(f"{error.traceback}\nThe startup code failed: {error.message}", file=sys.stderr)
    except QSError as error:
        print(f"Error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"Error: {error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt as error:  # the interrupted line helps to find code that hangs
        print(f"Interrupted: {failed(error).message}", file=sys.stderr)
    else:
        return 0
    return 1


def _parser() -> Parser:
    parser = Parser("qserver-list-plans-devices", _HELP)
    add = parser.add_argument
    add("--startup-dir", metavar="DIR", help="Folder with startup files (*.py, *.ipy).")
    add("--startup-profile", metavar="NAME", help="IPython profile whose startup files are run.")
    add("--startup-module", metavar="MODULE", help="Importable module with startup code.")
    add("--startup-script", metavar="FILE", help="Python file with startup code.")
    add(
        "--ipython-dir",
        metavar="DIR",
        help="Folder with the IPython profiles. If given alone, profile 'default' is run.  [IPYTHONDIR; ~/.ipython]",
    )
    add("--file-dir", metavar="DIR", default=".", help="Folder for the output file.  [default: the current folder]")
    add("--file-name", metavar="NAME", default=FILE_NAME, help=f"Name of the output file.  [default: {FILE_NAME}]")
    add(
        "--ignore-invalid-plans",
        metavar="ON|OFF",
        type=switch,
        default=False,
        help="Ignore plans whose signature cannot be described. Otherwise such a plan is an error.  [default: OFF]",
    )
    add(
        "--device-max-depth",
        metavar="N",
        type=natural,
        default=0,
        help="How many levels of subdevices to list; 0 lists all.  [default: 0]",
    )
    add(
        "--use-ipython-kernel",
        metavar="ON|OFF",
        type=switch,
        default=False,
        help="Run the startup code in an IPython shell, like a service started with this option.  [default: OFF]",
    )
    add(
        "--report",
        action="store_true",
        help="Print the startup files with their times, and the plans and devices left out, with reasons.",
    )
    parser.add_help_option()
    return parser


def _write_lists(parser: Parser, options: argparse.Namespace) -> None:
    startup: dict[str, Any] = {name: getattr(options, name) for name in _STARTUP}
    if options.ipython_dir and not any(startup.values()):
        startup["startup_profile"] = "default"  # as in start-re-manager
    if not any(startup.values()):
        # Simulated plans and devices must not replace the lists of a beamline by mistake.
        parser.error(
            "No startup code was given: use --startup-dir, --startup-profile, --startup-module or "
            "--startup-script. The simulated beamline is --startup-profile sim."
        )
    folder = Path(options.file_dir).expanduser()
    if not folder.is_dir():
        parser.error(f"The folder {str(folder)!r} does not exist.")
    location = find(**startup, ipython_dir=options.ipython_dir)
    namespace, loaded = _run(location, ipython=options.use_ipython_kernel)
    found = _collect(
        namespace, location, ignore_invalid_plans=options.ignore_invalid_plans, depth=options.device_max_depth
    )
    if options.report:
        print("\n".join(_report(loaded, found)))
    else:
        for problem in found.problems:
            print(f"Left out: {problem}", file=sys.stderr)
    file = folder.absolute() / options.file_name
    done = "Written to" if write(file, ListsFile(found.plans, found.devices)) else "Unchanged in"
    print(f"{done} {file}: plans: {len(found.plans)}, devices: {len(found.devices)}")


def _run(location: StartupLocation, *, ipython: bool) -> tuple[Namespace, LoadReport]:
    """Run the startup code as a worker does, in this process."""
    os.environ["_QSERVER_RE_WORKER_ACTIVE"] = "1"
    os.environ["_QSERVER_RUNNING_IPYTHON_KERNEL"] = str(int(ipython))
    os.environ.setdefault("MPLBACKEND", "Agg")
    # Startup code must not see the options of this command.
    sys.argv = [sys.argv[0]]
    configure_logging(logging.WARNING)
    namespace = loader.main_namespace()
    if ipython:
        from bluesky_qs.startup.plain_shell import make_shell  # noqa: PLC0415 - takes half a second, rarely needed

        make_shell(location, namespace, ShownErrors(roots=[]))
    out, err = sys.stdout, sys.stderr
    try:
        report = loader.load(location, namespace, shell_exists=ipython)
    finally:  # startup code may have redirected its own output; ours must still appear
        sys.stdout, sys.stderr = out, err
    enable_logging()
    return namespace, report


def _collect(namespace: Namespace, location: StartupLocation, *, ignore_invalid_plans: bool, depth: int) -> Collected:
    try:
        found = collect(namespace, device_max_depth=depth, ignore_invalid_plans=ignore_invalid_plans)
    except StartupError:
        found = None
    if found is not None and not found.problems:
        return found
    # The permissions are read only now, because most startup code does not need them. They are needed here, because a
    # plan that root forbids must not cause an error.
    return collect(
        namespace,
        device_max_depth=depth,
        ignore_invalid_plans=ignore_invalid_plans,
        permissions=PermissionRules.load(location.permissions_path),
    )


def _report(loaded: LoadReport, found: Collected) -> Iterator[str]:
    """Yield the lines of the report."""
    yield f"Files ({loaded.seconds:.2f} s):"
    yield from (f"  {run.seconds:8.3f} s  {run.file}" for run in loaded.files)
    yield from _section("Overwritten names", [_overwritten(each) for each in loaded.overwritten])
    yield from _section("Problems", [_problem(each) for each in loaded.problems])
    yield from _section(f"Plans ({len(found.plans)})", sorted(found.plans))
    yield from _section(f"Devices ({len(found.devices)})", sorted(found.devices))
    yield from _section("Left out", [str(problem) for problem in found.problems])


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"{title}:"
        yield from (f"  {line}" for line in lines)


def _overwritten(each: Overwritten) -> str:
    return f"{each.name}: defined in {each.file}, and again in {each.by}"


def _problem(each: LoadProblem) -> str:
    place = f' (File "{each.file}", line {each.line})' if each.file else ""
    return f"{each.message}{place}"


if __name__ == "__main__":
    main()
