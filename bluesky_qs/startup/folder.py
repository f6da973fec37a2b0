"""The IPython profile for a process that runs startup code in a real shell.

Importing this module imports IPython.
"""

from pathlib import Path

from IPython.core.profiledir import ProfileDir

from bluesky_qs.startup.find import StartupCode


class ProfileFolder(ProfileDir):
    """The folder of an IPython profile, or a folder that is used as one; nothing is created in it."""

    def _mkdir(self, path: str, mode: int | None = None) -> bool:  # noqa: ARG002 - IPython's signature
        return False


def profile_folder(code: StartupCode) -> ProfileFolder:
    """Return the profile of the startup code, or the folder that serves as its profile even in plain Python."""
    if code.profile_dir:
        return ProfileFolder(location=code.profile_dir)
    folder = Path(code.directory or (Path(code.script).parent if code.script else Path.cwd()))
    return ProfileFolder(location=str(folder.parent if folder.name == "startup" else folder))
