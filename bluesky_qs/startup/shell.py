"""``get_ipython()`` for startup code that runs in plain Python.

It returns IPython's own shell (`bluesky_qs.startup.plain_shell`). Importing IPython takes a long time, so the shell is
made only when the code needs it: for a call of ``get_ipython()``, for an import of IPython, or for code in the
configuration of its profile.
"""

import builtins
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bluesky_qs.startup.find import StartupCode, shipped_profiles
from bluesky_qs.startup.imports import after_import, forget
from bluesky_qs.startup.report import LoadProblem
from bluesky_qs.startup.shown_errors import ShownErrors

if TYPE_CHECKING:
    from bluesky_qs.startup.plain_shell import PlainApp, PlainShell

_IPYTHON = "IPython"
_installed: "LazyShell | None" = None


class LazyShell:
    """The shell of this process, made when it is first used.

    Parameters
    ----------
    code
        The startup code; its profile is the shell's profile.
    namespace
        The namespace of the startup code, which becomes ``user_ns``.
    roots
        Folders of the user's own code.
    """

    def __init__(self, code: StartupCode, namespace: dict[str, Any], roots: list[Path]) -> None:
        self._code = code
        self._namespace = namespace
        self._shown_errors = ShownErrors(roots=roots)
        self._app: PlainApp | None = None
        self._shell: PlainShell | None = None
        self._watching = contextlib.ExitStack()
        self._making = False

    @property
    def shell(self) -> "PlainShell | None":
        """The shell; None while it is being made."""
        if self._shell is None and not self._making:
            self._making = True
            from bluesky_qs.startup.plain_shell import make_shell  # noqa: PLC0415 - it imports IPython

            self._app, self._shell = make_shell(self._code, self._namespace, self._shown_errors)
            self._watching.enter_context(self._shown_errors.watching(self._shell))
        return self._shell

    def begin(self) -> None:
        """Make the shell now if the profile's configuration may name code that runs before the startup files."""
        profile = self._code.profile_dir
        if profile and not Path(profile).is_relative_to(shipped_profiles()) and _is_configured(Path(profile)):
            self.shell  # noqa: B018 - made here

    def finish(self) -> list[LoadProblem]:
        """Run the configured code that follows the startup files. Return the problems from the whole opening."""
        if self._app is not None:
            self._app.run_configured_code()
        self._watching.close()
        return self._shown_errors.problems

    def discard(self) -> None:
        """End the shell, if there is one."""
        self._watching.close()
        if self._shell is not None:
            from bluesky_qs.startup.plain_shell import discard_shell  # noqa: PLC0415 - imported by then

            discard_shell(self._shell)


def get_ipython() -> Any:
    """Return the shell; None if no shell is installed."""
    return _installed.shell if _installed else None


def display(*objects: Any, **options: Any) -> Any:
    """Call IPython's ``display``."""
    from IPython.display import display  # noqa: PLC0415 - only for code that displays something

    return display(*objects, **options)


#: As soon as the shell is made, it replaces these builtins with its own.
_BUILTINS = {"display": display, "get_ipython": get_ipython}


def install(code: StartupCode, namespace: dict[str, Any], roots: list[Path]) -> LazyShell:
    """Make ``get_ipython()`` return a shell in every module of this process, whether or not the module imports it.

    The shell stays, because plans and uploaded scripts need it long after the startup files have run. `uninstall`
    removes it.
    """
    global _installed  # noqa: PLW0603 - there is one shell per process
    _installed = LazyShell(code, namespace, roots)
    namespace["get_ipython"] = get_ipython
    for name, value in _BUILTINS.items():
        setattr(builtins, name, value)
    # All other ways to get the shell (`InteractiveShell.instance()`, `IPython.get_ipython`) begin with this import.
    after_import(_IPYTHON, lambda _: get_ipython())
    return _installed


def uninstall() -> None:
    """Remove the shell. The name ``get_ipython`` remains in the namespace."""
    global _installed  # noqa: PLW0603 - see install
    forget(_IPYTHON)
    if _installed:
        _installed.discard()
        _installed = None
    for name, value in _BUILTINS.items():
        if getattr(builtins, name, None) is value:
            delattr(builtins, name)


@contextlib.contextmanager
def installed(code: StartupCode, namespace: dict[str, Any], roots: list[Path]) -> Iterator[LazyShell]:
    """Call `install` for the duration of a ``with`` block."""
    try:
        yield install(code, namespace, roots)
    finally:
        uninstall()


def _is_configured(profile: Path) -> bool:
    return any((profile / f"ipython_config.{ending}").is_file() for ending in ("py", "json"))
