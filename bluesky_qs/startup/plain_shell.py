"""IPython's own shell for startup code that runs in plain Python. It is complete, but has no terminal.

Importing this module imports IPython.
"""

import logging
import sys
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.terminal.ipapp import TerminalIPythonApp
from traitlets.config import Config

from bluesky_qs.startup.configured import ConfiguredCode
from bluesky_qs.startup.find import StartupCode
from bluesky_qs.startup.folder import profile_folder
from bluesky_qs.startup.shown_errors import ShownErrors

log = logging.getLogger(__name__)

#: Backends that draw into files: they need no window.
_WITHOUT_WINDOW = frozenset({"agg", "cairo", "inline", "pdf", "pgf", "ps", "svg", "template"})
#: `%qs` is for people at a prompt.
_OURS = frozenset({"bluesky_qs", "ipython_extension"})
_RC = {
    "HistoryManager": {"enabled": False},
    "TerminalInteractiveShell": {"simple_prompt": True, "term_title": False, "confirm_exit": False},
    "InteractiveShell": {"colors": "nocolor"},
}


class PlainShell(TerminalInteractiveShell):
    """IPython's terminal shell. Functions that need a terminal do nothing, and the log mentions each one once."""

    def __init__(self, **kwargs: Any) -> None:
        self._mentioned: set[str] = set()
        super().__init__(**kwargs)

    def mainloop(self, *_: Any, **__: Any) -> None:
        self._ignore("mainloop()")

    def interact(self, *_: Any, **__: Any) -> None:
        self._ignore("interact()")

    def ask_exit(self) -> None:
        self._ignore("ask_exit()")

    def debugger(self, force: bool = False) -> None:  # noqa: ARG002 - IPython's signature
        self._ignore("debugger()")

    def set_next_input(self, s: str, replace: bool = False) -> None:  # noqa: ARG002 - IPython's signature
        self._ignore("set_next_input()")

    def show_banner(self, banner: str | None = None) -> None:  # noqa: ARG002 - IPython's signature
        self._ignore("show_banner()")

    def enable_gui(self, gui: str | None = None) -> None:
        if gui:
            self._ignore(f"the event loop of {gui}")

    def enable_matplotlib(self, gui: str | None = None) -> tuple[str | None, str | None]:
        """Choose a backend that draws into files.

        Leave the choice of a window backend to matplotlib, as in plain Python.
        """
        if gui and gui.lower() in _WITHOUT_WINDOW:
            return super().enable_matplotlib(gui)
        self._ignore(f"%matplotlib {gui or ''}".strip())
        return None, None

    def enable_pylab(
        self, gui: str | None = None, import_all: bool = True, welcome_message: bool = False
    ) -> tuple[str | None, str | None, list[str]]:
        """Import the names of pylab. For the backend, see `enable_matplotlib`."""
        from IPython.core.pylabtools import import_pylab  # noqa: PLC0415 - it imports matplotlib

        _, backend = self.enable_matplotlib(gui)
        names: dict[str, Any] = {}
        import_pylab(names, import_all)
        self.user_ns.update(names)
        if welcome_message:
            self._ignore("the welcome message of pylab")
        return gui, backend, []

    def _atexit_once(self) -> None:
        """Do not free the objects of user code: this takes IPython 0.1 s, and the process is ending anyway."""
        self._atexit_once_called = True

    def _ignore(self, what: str) -> None:
        if what not in self._mentioned:
            self._mentioned.add(what)
            log.info("%s has no effect: the worker has no terminal", what)


# Existing code checks the class name, and configurations name the class.
PlainShell.__name__ = PlainShell.__qualname__ = TerminalInteractiveShell.__name__


class PlainApp(ConfiguredCode, TerminalIPythonApp):
    """The part of IPython's terminal application that makes the shell and reads the profile's configuration."""

    interactive_shell_class = PlainShell  # pyright: ignore[reportAssignmentType] - a default for the trait

    def init_crash_handler(self) -> None:
        """Do not change ``sys.excepthook``."""

    def make_shell(self, code: StartupCode, namespace: dict[str, Any]) -> PlainShell:
        """Read the configuration, make the shell, load the extensions."""
        folder = profile_folder(code)
        self.profile_dir = folder
        self.profile = Path(folder.location).name.removeprefix("profile_")
        self.config_file_paths.append(folder.location)
        self.load_config_file(suppress_errors=True)
        self.extensions = [name for name in self.extensions if name not in _OURS]
        self.update_config(Config(_RC))
        main = sys.modules["__main__"]
        where = {"user_module": main} if vars(main) is namespace else {"user_ns": namespace}
        self.shell = PlainShell.instance(parent=self, profile_dir=folder, ipython_dir=self.ipython_dir, **where)
        self.shell.configurables.append(self)  # pyright: ignore[reportArgumentType] - like IPython's application
        prepare(self.shell)
        self.init_gui_pylab()
        self.init_extensions()
        return self.shell


PlainApp.__name__ = PlainApp.__qualname__ = TerminalIPythonApp.__name__


def make_shell(code: StartupCode, namespace: dict[str, Any], shown_errors: ShownErrors) -> tuple[PlainApp, PlainShell]:
    """Make the shell of this process. From now on, ``get_ipython()`` returns it."""
    app = PlainApp.instance(log_level=logging.ERROR)
    app.shown_errors = shown_errors
    return app, app.make_shell(code, namespace)


def discard_shell(shell: PlainShell) -> None:
    """Undo `make_shell`."""
    shell.builtin_trap.__exit__(None, None, None)
    if main := shell._orig_sys_modules_main_mod:  # noqa: SLF001 - IPython restores the standard streams with it
        sys.modules[shell._orig_sys_modules_main_name] = main  # noqa: SLF001
    PlainShell.clear_instance()
    PlainApp.clear_instance()


def prepare(shell: Any) -> None:
    """Let every module call ``get_ipython()`` without importing it, and restore ``shell.magic``.

    Both changes last as long as the process, because plans and uploaded scripts use them long after the startup files
    have run.
    """
    shell.builtin_trap.__enter__()
    if not hasattr(InteractiveShell, "magic"):  # removed in IPython 9, but still used in many profiles
        shell.magic = lambda line: _magic(shell, line)


def _magic(shell: Any, line: str) -> Any:
    name, _, rest = line.strip().partition(" ")
    return shell.run_line_magic(name.lstrip("%"), rest.strip())
