"""The IPython profile of a process that runs startup code in a real shell.

Importing this module imports IPython.
"""

from pathlib import Path

from IPython.core.profiledir import ProfileDir

from bluesky_qs.startup.find import StartupCode


class ProfileFolder(ProfileDir):
    """The folder of an IPython profile, or one that stands for it: nothing is created in it."""

    def _mkdir(self, path: str, mode: int | None = None) -> bool:  # noqa: ARG002 - as it is called
        return False


def profile_folder(code: StartupCode) -> ProfileFolder:
    """The profile of the startup code; without one the folder that stands for it in plain Python too."""
    if code.profile_dir:
        return ProfileFolder(location=code.profile_dir)
    folder = Path(code.directory or (Path(code.script).parent if code.script else Path.cwd()))
    return ProfileFolder(location=str(folder.parent if folder.name == "startup" else folder))
