"""Finds the startup code and the files with its lists and permissions.

This module only handles paths, because the manager also uses it and must not import bluesky or IPython.
"""

import os
from pathlib import Path
from typing import Protocol

import msgspec

from bluesky_qs.errors import StartupError
from bluesky_qs.nearest import did_you_mean, nearest

LISTS_FILE = "existing_plans_and_devices.yaml"
PERMISSIONS_FILE = "user_group_permissions.yaml"
#: The shipped profile that is used when no startup code is named.
DEFAULT_PROFILE = "sim"


class StartupCode(Protocol):
    """The startup code to run; `StartupLocation` and the message to the worker have these attributes."""

    @property
    def directory(self) -> str | None: ...
    @property
    def script(self) -> str | None: ...
    @property
    def module(self) -> str | None: ...
    @property
    def profile_dir(self) -> str | None: ...
    @property
    def module_folder(self) -> str | None: ...


class StartupLocation(msgspec.Struct, frozen=True):
    """Absolute paths of the startup code and of its files.

    Attributes
    ----------
    directory, script, module
        Folder of startup files, path of one Python file, or name of an importable module. Exactly one is set.
    profile_dir
        The IPython profile, if one was given or is built in. For a script or a module, it supplies the lists and
        permissions, and in IPython mode its startup files run first.
    module_folder
        For a module: the startup folder of the profile, or of IPython's ``default`` profile. Uploaded scripts can
        import from it.
    lists_path
        File of existing plans and devices. It may not exist yet. None if there is no folder for it.
    permissions_path
        File of user group permissions. It exists.
    writable
        Whether the lists may be written to `lists_path`.
    notes
        Sentences for the log about missing files and their replacements.
    """

    directory: str | None
    script: str | None
    module: str | None
    profile_dir: str | None
    module_folder: str | None
    lists_path: str | None
    permissions_path: str
    writable: bool
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.directory or self.script or f"module {self.module!r}"


def find(
    *,
    startup_dir: str | None = None,
    startup_profile: str | None = None,
    startup_module: str | None = None,
    startup_script: str | None = None,
    ipython_dir: str | None = None,
    existing_plans_devices: str | None = None,
    user_group_permissions: str | None = None,
) -> StartupLocation:
    """Find the startup code that the settings name; by default, the built-in profile ``sim``.

    ``existing_plans_devices`` and ``user_group_permissions`` (a file, or a folder with a file of the default name)
    override the files next to the code.

    Raises
    ------
    StartupError
        The settings contradict each other or name something that does not exist.
    """
    _refuse_contradictions(startup_dir, startup_profile, startup_module, startup_script)
    directory = script = None
    profile_dir = profile(startup_profile, ipython_dir=ipython_dir) if startup_profile else None
    if startup_script:
        script = _existing_file(startup_script, "startup script")
    elif startup_dir:
        directory = _absolute(startup_dir)
    elif not startup_module:
        profile_dir = profile_dir or shipped_profiles() / f"profile_{DEFAULT_PROFILE}"
        directory = profile_dir / "startup"
    if directory:
        startup_files(directory)
    beside = profile_dir / "startup" if profile_dir else directory or (script.parent if script else None)

    notes: list[str] = []
    lists = _lists_path(existing_plans_devices, beside, notes)
    permissions = _permissions_path(user_group_permissions, beside, notes)
    return StartupLocation(
        directory=str(directory) if directory else None,
        script=str(script) if script else None,
        module=startup_module or None,
        profile_dir=str(profile_dir) if profile_dir else None,
        module_folder=_module_folder(profile_dir, ipython_dir) if startup_module else None,
        lists_path=str(lists) if lists else None,
        permissions_path=str(permissions),
        writable=lists is not None and not lists.resolve().is_relative_to(shipped_profiles()),
        notes=tuple(notes),
    )


def local_folder(code: StartupCode) -> Path | None:
    """Return the folder for uploaded scripts: it appears in their ``__file__``, and they can import from it."""
    folder = code.directory or (str(Path(code.script).parent) if code.script else code.module_folder)
    return Path(folder) if folder else None


def startup_files(directory: str | Path) -> list[Path]:
    """Return the ``*.py`` and ``*.ipy`` files of a folder in the order they run."""
    folder = Path(directory)
    if folder.is_file():
        raise StartupError(f"The startup folder {str(folder)!r} is a file. To run a single file, use --startup-script")
    if not folder.is_dir():
        raise StartupError(f"The startup folder {str(folder)!r} does not exist")
    # Hidden files are skipped, as in IPython, because editors use them for locks and copies.
    files = [f for f in folder.iterdir() if f.suffix in {".py", ".ipy"} and not f.name.startswith(".") and f.is_file()]
    if not files:
        raise StartupError(f"The startup folder {str(folder)!r} contains no startup files (*.py, *.ipy)")
    return sorted(files, key=lambda f: f.name)


def lost_links(directory: str | Path) -> list[Path]:
    """Return links that are named like startup files and point to missing files."""
    links = (f for f in Path(directory).iterdir() if f.suffix in {".py", ".ipy"} and not f.name.startswith("."))
    return sorted(f for f in links if f.is_symlink() and not f.exists())


def profile(name: str, *, ipython_dir: str | None = None) -> Path:
    """Return the folder ``profile_NAME``: the user's own in the IPython folder, otherwise the built-in one."""
    folders = [ipython_folder(ipython_dir), shipped_profiles()]
    for folder in folders:
        found = folder / f"profile_{name}"
        if found.is_dir():
            return found
    raise StartupError(_no_such_profile(name, folders))


def ipython_folder(ipython_dir: str | None = None) -> Path:
    """Return the folder of IPython's profiles: the given one, otherwise ``IPYTHONDIR``, otherwise ``~/.ipython``."""
    return _absolute(ipython_dir or os.environ.get("IPYTHONDIR") or "~/.ipython")


def shipped_profiles() -> Path:
    """Return the folder of the profiles that come with the package."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "profiles"
    return installed if installed.is_dir() else package.parent / "profiles"  # the latter in an editable install


def _refuse_contradictions(directory: str | None, profile: str | None, module: str | None, script: str | None) -> None:
    given = {"startup directory": directory, "startup module": module, "startup script": script}
    named = [what for what, value in given.items() if value]
    if profile and directory:
        named.append("startup profile")
    if len(named) > 1:
        raise StartupError(f"Only one source of startup code is allowed; these were given: {' and '.join(named)}")


def _module_folder(profile_dir: Path | None, ipython_dir: str | None) -> str:
    return str((profile_dir or ipython_folder(ipython_dir) / "profile_default") / "startup")


def _lists_path(given: str | None, beside: Path | None, notes: list[str]) -> Path | None:
    if given:
        return _file_or_folder(given, LISTS_FILE)
    if beside is None:
        notes.append("The lists of plans and devices are not saved, because a startup module has no folder for them")
        return None
    return beside / LISTS_FILE


def _permissions_path(given: str | None, beside: Path | None, notes: list[str]) -> Path:
    if given:
        return _existing_file(str(_file_or_folder(given, PERMISSIONS_FILE)), "file of user group permissions")
    if beside is not None and (beside / PERMISSIONS_FILE).is_file():
        return beside / PERMISSIONS_FILE
    reason = f"there is no {PERMISSIONS_FILE} in {str(beside)!r}" if beside else "a startup module has no folder"
    notes.append(f"The built-in user group permissions are used, because {reason}")
    return shipped_profiles() / f"profile_{DEFAULT_PROFILE}" / "startup" / PERMISSIONS_FILE


def _file_or_folder(given: str, name: str) -> Path:
    """Return the path of the file. A path that does not exist yet is a file if it ends in .yaml or .yml."""
    path = _absolute(given)
    return path if path.is_file() or path.suffix in {".yaml", ".yml"} else path / name


def _existing_file(given: str, what: str) -> Path:
    path = _absolute(given)
    if not path.is_file():
        raise StartupError(f"The {what} {str(path)!r} does not exist")
    return path


def _absolute(path: str) -> Path:
    # Links are not resolved, so that __file__ is the path that the user knows.
    return Path(path).expanduser().absolute()


def _no_such_profile(name: str, folders: list[Path]) -> str:
    there = sorted({p.name.removeprefix("profile_") for f in folders if f.is_dir() for p in f.glob("profile_*")})
    searched = " and ".join(repr(str(f)) for f in folders)
    hint = did_you_mean(nearest(name, there)) or (f"; there is {', '.join(map(repr, there))}" if there else "")
    return f"The startup profile {name!r} was not found in {searched}{hint}. Choose a profile with --startup-profile"
