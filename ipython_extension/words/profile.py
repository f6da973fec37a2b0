"""The command that runs the worker's startup files in this session."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bluesky_qs.errors import QSError
from bluesky_qs.startup import loader
from bluesky_qs.startup.failure import StartupFailed
from bluesky_qs.startup.find import StartupLocation, find, startup_files
from ipython_extension.session.session import Session
from ipython_extension.shown.display import ReplyView
from ipython_extension.shown.error_rendering import NotDone
from ipython_extension.shown.tables import length_of_time
from ipython_extension.typed.line import Line
from ipython_extension.words.vocabulary import word


@word("load", "[PROFILE | DIR]")
def load(session: Session, line: Line) -> ReplyView:
    """Run the worker's startup files in this session too, with the same loader.

    PROFILE is the name of an IPython profile, and DIR is a folder of startup files. Without either, the command runs
    the service's startup files, if they are on this machine.

        %qs load sim
    """
    named = line.rest().strip("'\"")
    location = _location(named) if named else _of_the_service(session, line)
    namespace = session.settings.variables()
    try:
        report = loader.load(location, namespace, shell_exists=True)
    except StartupFailed as error:
        raise NotDone(f"The startup code could not be loaded: {error}", error.traceback) from None
    names = [Path(run.file).name for run in report.files]
    lines = [f"Loaded {', '.join(names)} from {location} in {length_of_time(report.seconds)}."]
    lines += [
        f"  {each.name} from {Path(each.file).name} is redefined in {Path(each.by).name}" for each in report.overwritten
    ]
    lines += [f"  {problem.message}" for problem in report.problems]
    return ReplyView({"files": [run.file for run in report.files], "seconds": report.seconds}, "\n".join(lines))


def _location(named: str) -> StartupLocation:
    folder = Path(named).expanduser()
    if os.sep not in named and not named.startswith((".", "~")) and not folder.is_dir():
        return find(startup_profile=named)
    inner = folder / "startup"
    return find(startup_dir=str(inner if inner.is_dir() else folder))


def _of_the_service(session: Session, line: Line) -> StartupLocation:
    try:
        report: Mapping[str, Any] = session.rm.environment_report().get("report") or {}
    except QSError:
        report = {}
    files = [Path(run["file"]) for run in report.get("files") or ()]
    if not files:
        raise line.fault("Expected PROFILE or DIR: the service has not opened an environment yet")
    if not all(file.is_file() for file in files):
        raise line.fault("Expected PROFILE or DIR: the service's startup files are not on this machine")
    folder = files[0].parent
    if files == startup_files(folder):
        return find(startup_dir=str(folder))
    if len(files) == 1:
        return find(startup_script=str(files[0]))
    raise line.fault("Expected PROFILE or DIR: the service's startup files have changed since it ran them")
