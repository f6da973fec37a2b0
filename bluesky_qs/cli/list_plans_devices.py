"""``qserver-list-plans-devices``: writes the lists of existing plans and devices without a service."""

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from bluesky_qs.config.logs import configure_logging, enable_logging
from bluesky_qs.errors import QSError, StartupError
from bluesky_qs.plans.lists import FILE_NAME, Lists, write
from bluesky_qs.plans.permissions import Permissions
from bluesky_qs.startup import loader
from bluesky_qs.startup.collect import Collected, collect
from bluesky_qs.startup.failure import StartupFailed, failed
from bluesky_qs.startup.find import StartupLocation, find
from bluesky_qs.startup.leaving import leave
from bluesky_qs.startup.loader import LoadReport, Namespace

_SWITCH = click.Choice(["ON", "OFF"], case_sensitive=False)


@click.command(
    "qserver-list-plans-devices",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--startup-dir", metavar="DIR", help="Folder with startup files (*.py, *.ipy).")
@click.option("--startup-profile", metavar="NAME", help="IPython profile whose startup files are run.")
@click.option("--startup-module", metavar="MODULE", help="Importable module with startup code.")
@click.option("--startup-script", metavar="FILE", help="Python file with startup code.")
@click.option("--ipython-dir", metavar="DIR", help="Folder with the IPython profiles.  [IPYTHONDIR; ~/.ipython]")
@click.option("--file-dir", metavar="DIR", default=".", help="Where the file is written; here unless given.")
@click.option("--file-name", metavar="NAME", default=FILE_NAME, show_default=True, help="Name of the file.")
@click.option(
    "--ignore-invalid-plans",
    type=_SWITCH,
    default="OFF",
    show_default=True,
    help="Leave out plans that cannot be described; otherwise they are an error.",
)
@click.option(
    "--device-max-depth",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="How many levels of subdevices are listed; 0, the default, lists all.",
)
@click.option(
    "--use-ipython-kernel",
    type=_SWITCH,
    default="OFF",
    show_default=True,
    help="Run the startup code in an IPython shell, as a service does that is started with this option.",
)
@click.option("--report", is_flag=True, help="Print what was found: files with times, what was left out and why.")
def _command(
    *,
    file_dir: str,
    file_name: str,
    ignore_invalid_plans: str,
    device_max_depth: int,
    use_ipython_kernel: str,
    report: bool,
    **startup: Any,
) -> None:
    """Run startup code and write the lists of its plans and devices to a file.

    The code is found as a service finds it, but has to be named. A service writes the lists beside the code whenever
    its environment opens; this command is for lists that are wanted before, or elsewhere.
    """
    if not any(value for name, value in startup.items() if name != "ipython_dir"):
        # The lists here may be those of a beamline: they are not to be replaced with simulated ones by mistake.
        raise click.UsageError(
            "Source of the startup code was not specified: give --startup-dir, --startup-profile, --startup-module or "
            "--startup-script. The simulated beamline is --startup-profile sim."
        )
    folder = Path(file_dir).expanduser()
    if not folder.is_dir():
        raise click.UsageError(f"The folder {str(folder)!r} does not exist.")
    location = find(**startup)
    namespace, loaded = _run(location, ipython=use_ipython_kernel == "ON")
    found = _collect(namespace, location, ignore_invalid_plans=ignore_invalid_plans == "ON", depth=device_max_depth)
    if report:
        click.echo("\n".join(_told(loaded, found)))
    else:
        for problem in found.problems:
            click.echo(f"Left out: {problem}", err=True)
    file = folder.absolute() / file_name
    done = "Written to" if write(file, Lists(found.plans, found.devices)) else "Unchanged in"
    click.echo(f"{done} {file}: plans: {len(found.plans)}, devices: {len(found.devices)}")


def _run(location: StartupLocation, *, ipython: bool) -> tuple[Namespace, LoadReport]:
    """Run the startup code as a worker does, in this process."""
    os.environ["_QSERVER_RE_WORKER_ACTIVE"] = "1"
    os.environ["_QSERVER_RUNNING_IPYTHON_KERNEL"] = str(int(ipython))
    os.environ.setdefault("MPLBACKEND", "Agg")
    # The options of this command must not look like the startup code's.
    sys.argv = [sys.argv[0]]
    configure_logging(logging.WARNING)
    namespace = loader.main_namespace()
    if ipython:
        _start_shell(location)
    out, err = sys.stdout, sys.stderr
    try:
        report = loader.load(location, namespace, stand_in=not ipython)
    finally:  # code that has sent its own output elsewhere has not meant ours
        sys.stdout, sys.stderr = out, err
    enable_logging()
    return namespace, report


def _start_shell(location: StartupLocation) -> None:
    """Let ``get_ipython()`` give a real shell, whose namespace is that of ``__main__``."""
    from IPython.core import interactiveshell  # noqa: PLC0415 - half a second that few runs need
    from traitlets.config import Config  # noqa: PLC0415

    from bluesky_qs.startup import real_shell  # noqa: PLC0415
    from bluesky_qs.startup.folder import profile_folder  # noqa: PLC0415

    class InteractiveShell(interactiveshell.InteractiveShell):
        """As the kernel's shell, which the code is going to have: windows are asked for and come later, if ever."""

        def enable_gui(self, gui: Any = None) -> None:
            pass

        def ask_exit(self) -> None:
            pass

    config = Config()
    config.HistoryManager.enabled = False
    main = sys.modules["__main__"]
    real_shell.prepare(InteractiveShell.instance(config=config, user_module=main, profile_dir=profile_folder(location)))


def _collect(namespace: Namespace, location: StartupLocation, *, ignore_invalid_plans: bool, depth: int) -> Collected:
    try:
        found = collect(namespace, device_max_depth=depth, ignore_invalid_plans=ignore_invalid_plans)
    except StartupError:
        found = None
    if found is not None and not found.problems:
        return found
    # Only now, because most startup code is described without them: what root forbids is never a reason to refuse.
    return collect(
        namespace,
        device_max_depth=depth,
        ignore_invalid_plans=ignore_invalid_plans,
        permissions=Permissions.load(location.permissions_path),
    )


def _told(loaded: LoadReport, found: Collected) -> Iterator[str]:
    """The report, line by line."""
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


def _overwritten(each: loader.Overwritten) -> str:
    return f"{each.name}: defined in {each.file}, and again in {each.by}"


def _problem(each: loader.Problem) -> str:
    place = f' (File "{each.file}", line {each.line})' if each.file else ""
    return f"{each.message}{place}"


def _succeeds() -> bool:
    try:
        _command.main(prog_name=_command.name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
    except StartupFailed as error:
        click.echo(f"{error.traceback}\nThe startup code failed: {error.message}", err=True)
    except QSError as error:
        click.echo(f"Error: {error}", err=True)
    except OSError as error:
        click.echo(f"Error: {error.strerror or error}", err=True)
    except click.Abort as error:  # Ctrl-C, as click tells it: where the code was is what one wants to know
        click.echo(f"Interrupted: {failed(error.__cause__ or error).message}", err=True)
    else:
        return True
    return False


def main() -> int:
    """Run the command and leave the process: 0, or 1 if the lists were not written."""
    leave(0 if _succeeds() else 1)


if __name__ == "__main__":
    main()
