"""The stand-in for IPython's shell, which ``get_ipython()`` returns to startup code that runs in plain Python.

It does what is possible without a shell: the namespace, running files and commands, magics that the code registers.
Everything else does nothing and is mentioned once in the log.
"""

import builtins
import contextlib
import functools
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType, SimpleNamespace
from typing import Any, Self

from bluesky_qs.startup.failure import caller
from bluesky_qs.startup.imports import after_import, forget
from bluesky_qs.startup.magics import Magics

log = logging.getLogger(__name__)

#: Attributes that do nothing without a shell. Others do not exist, as in IPython: code checks with hasattr, and an
#: object that has every attribute would look like a device.
_MEANINGLESS = frozenset(
    """
    Completer active_eventloop alias_manager ask_exit ask_yes_no ast_node_interactivity atexit_operations auto_match
    autoawait autocall autoformatter autoindent automagic autosuggestions_provider builtin_trap
    cache_size call_pdb cleanup color_depth complete compile confirm_exit debug debugger debugger_history
    define_macro display_formatter display_page display_pub display_trap displayhook editing_mode editor
    enable_gui enable_history_search enable_html_pager enable_matplotlib enable_pylab enable_tip events exit_now exiter
    extension_manager extra_open_editor_shortcuts highlight_matching_brackets highlighting_style
    highlighting_style_overrides history_length history_load_length history_manager hooks inputhook inspector
    last_execution_result last_execution_succeeded logappend logfile logger logstart loop_runner magics_manager mainloop
    mime_renderers mouse_support object_inspect observe on_trait_change payload_manager pdb prefilter_manager
    prompt_manager prompts_class pt_app quiet refresh_style register_post_execute reset reset_selective
    restore_term_title rl_next_input separate_in separate_out separate_out2 set_autoindent set_completer_frame
    set_custom_completer set_custom_exc set_hook set_next_input set_trait shortcuts show_banner show_rewritten_input
    show_usage simple_prompt space_for_menu switch_doctest_mode term_title term_title_format timeoutlen true_color
    ttimeoutlen unobserve unobserve_all update_config
    """.split()  # noqa: SIM905 - words are easier to read
)

#: Attributes of devices. `Nothing` does not have them, so that a variable that holds one does not look like a device.
_DEVICE_LIKE = frozenset(
    "check_value collect complete describe kickoff locate read set stage trigger unstage".split()  # noqa: SIM905 - so
)


class Nothing:
    """A part of the missing shell: it accepts every use and does nothing."""

    def __init__(self, what: str) -> None:
        self.__dict__["_what"] = what

    def __getattr__(self, name: str) -> "Nothing":
        if name.startswith("__") or name in _DEVICE_LIKE:
            raise AttributeError(name)
        return Nothing(f"{self._what}.{name}")

    def __call__(self, *_: Any, **__: Any) -> "Nothing":
        return self

    def __getitem__(self, key: Any) -> "Nothing":
        return Nothing(f"{self._what}[{key!r}]")

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __contains__(self, _: object) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __repr__(self) -> str:
        return f"<{self._what}: does nothing without an IPython shell>"


class Shell:
    """The object that ``get_ipython()`` returns in plain Python.

    Parameters
    ----------
    namespace
        The namespace of the startup code; `user_ns` of the shell.
    profile_dir
        The folder that is used as the IPython profile.
    run_file
        Runs a file in the namespace, like ``%run``.
    """

    # Texts that code extends or compares.
    banner = banner1 = banner2 = ""
    colors = "NoColor"
    xmode = "Context"

    def __init__(self, namespace: dict[str, Any], profile_dir: Path, run_file: Callable[[Path], None]) -> None:
        self.user_ns = self.user_global_ns = namespace
        self.log = logging.getLogger("IPython")
        self.profile = profile_dir.name.removeprefix("profile_")
        self.profile_dir = SimpleNamespace(
            location=str(profile_dir),
            **{f"{part}_dir": str(profile_dir / part) for part in ("startup", "log", "pid", "security", "static")},
        )
        self.ipython_dir = str(profile_dir.parent)
        self.starting_dir = str(Path.cwd())
        self.prompts: Any = None
        self.execution_count = 1
        self.ast_transformers: list[Any] = []
        self.input_transformers_post: list[Any] = []
        self.input_transformers_cleanup: list[Any] = []
        self._magics = Magics(self, run_file, self._ignore)
        #: Ignored uses of the shell, in their order: the reason, and the file and line of the first use.
        self.ignored: dict[str, tuple[str, str | None, int | None]] = {}

    def __getattr__(self, name: str) -> Nothing:
        if name not in _MEANINGLESS:
            raise AttributeError(f"The stand-in for the IPython shell has no attribute {name!r}")
        self._ignore(f"get_ipython().{name}")
        return Nothing(f"get_ipython().{name}")

    @property
    def config(self) -> Any:
        if sys._getframe(1).f_globals.get("__name__") == "IPython.core.magic":  # noqa: SLF001 - no other way to know
            # A class of magics becomes a child of a shell with a configuration, and rejects a shell like this one.
            raise AttributeError("config")
        return self._config

    @functools.cached_property
    def _config(self) -> Any:
        from traitlets.config import Config  # noqa: PLC0415 - few profiles need it

        return Config()

    @property
    def user_module(self) -> ModuleType:
        return sys.modules["__main__"]

    # -- the namespace
    def push(self, variables: dict[str, Any] | str | Sequence[str], interactive: bool = True) -> None:  # noqa: ARG002
        """Add variables: a dictionary, or names of variables of the caller."""
        if not isinstance(variables, dict):
            names = variables.split() if isinstance(variables, str) else variables
            caller = sys._getframe(1)  # noqa: SLF001 - names are looked up in the calling frame, as IPython does
            variables = {n: caller.f_locals.get(n, caller.f_globals.get(n)) for n in names}
        self.user_ns.update(variables)

    def ev(self, expression: str) -> Any:
        return eval(expression, self.user_ns)  # noqa: S307 - the user's own code

    def ex(self, code: str) -> None:
        exec(code, self.user_ns)  # noqa: S102 - the user's own code

    def run_cell(self, raw_cell: str, *_: Any, **__: Any) -> None:
        self._magics.run_code(raw_cell)

    def safe_execfile(self, fname: str, *_: Any, **__: Any) -> None:
        self._magics.line("run", fname)

    safe_execfile_ipy = safe_execfile

    def showtraceback(self, *_: Any, **__: Any) -> None:
        traceback.print_exc()

    # -- magics and commands
    def run_line_magic(self, magic_name: str, line: str = "", **_: Any) -> Any:
        return self._magics.line(magic_name, line)

    def magic(self, arg_s: str) -> Any:
        name, _, line = arg_s.strip().lstrip("%").partition(" ")
        return self._magics.line(name, line.strip())

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        return self._magics.cell(magic_name, line, cell)

    def find_magic(self, magic_name: str, magic_kind: str = "line") -> Callable[..., Any] | None:
        return self._magics.find(magic_name, magic_kind)

    find_line_magic = find_magic

    def find_cell_magic(self, magic_name: str) -> Callable[..., Any] | None:
        return self._magics.find(magic_name, "cell")

    def register_magics(self, *magic_objects: Any) -> None:
        """Register instances or subclasses of `IPython.core.magic.Magics`. A class is instantiated at its first use."""
        self._magics.register_objects(magic_objects)

    def register_magic_function(
        self, func: Callable[..., Any], magic_kind: str = "line", magic_name: str | None = None
    ) -> None:
        self._magics.register(magic_kind, magic_name or func.__name__, func)

    def system(self, cmd: str) -> int:
        """Run a command (``!cmd``); its output goes to the console."""
        code = subprocess.run(self.var_expand(cmd, depth=1), shell=True, check=False).returncode  # noqa: S602 - ``!cmd``
        self.user_ns["_exit_code"] = code
        return code

    system_raw = system_piped = system

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """Return the output of a command (``x = !cmd``): a list of lines, with ``.s`` and ``.n``."""
        from IPython.utils.text import SList  # noqa: PLC0415 - IPython's own type; costs its import

        command = self.var_expand(cmd, depth=depth + 1)
        out = subprocess.run(command, shell=True, check=False, stdout=subprocess.PIPE, text=True).stdout  # noqa: S602
        return SList(out.splitlines()) if split else out

    def var_expand(self, cmd: str, depth: int = 0, formatter: Any = None) -> str:
        """Replace ``$name`` and ``{expression}`` by their values; leave the text unchanged if one has no value."""
        if "{" not in cmd and "$" not in cmd:
            return cmd
        if formatter is None:
            from IPython.utils.text import DollarFormatter  # noqa: PLC0415 - costs the import of IPython

            formatter = DollarFormatter()
        caller = sys._getframe(depth + 1)  # noqa: SLF001 - local names count, as in IPython
        names = {**self.user_ns, **caller.f_globals, **caller.f_locals}
        # IPython's rule: braces of awk or of a shell function are not expressions; the command stays as typed.
        with contextlib.suppress(Exception):
            return formatter.vformat(cmd, args=[], kwargs=names)
        return cmd

    def _ignore(self, what: str, mistake: str = "") -> None:
        if what in self.ignored:
            return
        file, line = caller()
        self.ignored[what] = mistake or "there is no IPython shell", file, line
        if mistake:
            log.warning("%s%s is ignored: %s", what, f" ({file}, line {line})" if file else "", mistake)
        else:
            log.info("%s is ignored: there is no IPython shell", what)


#: Where every get_ipython of IPython comes from.
_IPYTHON = "IPython.core.getipython"
_installed: Shell | None = None


def get_ipython() -> Shell | None:
    """Return the stand-in for the shell, or None if it is not installed."""
    return _installed


def display(*objects: Any, **_: Any) -> None:
    """Print objects, as IPython's ``display`` does without a shell."""
    print(*objects)


#: The names that IPython adds to the builtins.
_BUILTINS = {"display": display, "get_ipython": get_ipython}


def install(namespace: dict[str, Any], *, profile_dir: str | Path, run_file: Callable[[Path], None]) -> Shell:
    """Let ``get_ipython()`` return a stand-in in every module of this process, imported or as a builtin.

    It stays after the startup files have run, because plans and uploaded scripts use it later. `uninstall` removes it.
    """
    global _installed  # noqa: PLW0603 - there is one shell per process
    _installed = Shell(namespace, Path(profile_dir), run_file)
    namespace["get_ipython"] = get_ipython
    for name, value in _BUILTINS.items():
        setattr(builtins, name, value)
    # Importing IPython takes long: it is patched when the code imports it.
    after_import(_IPYTHON, _patch)
    return _installed


def uninstall() -> None:
    """Remove the stand-in; its name stays in the namespace."""
    global _installed  # noqa: PLW0603 - see install
    _installed = None
    for name, value in _BUILTINS.items():
        if getattr(builtins, name, None) is value:
            delattr(builtins, name)
    forget(_IPYTHON)
    _restore()


@contextlib.contextmanager
def standing_in(
    namespace: dict[str, Any], *, profile_dir: str | Path, run_file: Callable[[Path], None]
) -> Iterator[Shell]:
    """`install` for the duration of a ``with`` block."""
    try:
        yield install(namespace, profile_dir=profile_dir, run_file=run_file)
    finally:
        uninstall()


def _asked_of_ipython() -> Any:
    from bluesky_qs.startup import shell  # noqa: PLC0415, PLW0406 - this code runs with the globals of IPython's module

    return shell.get_ipython()


_original: tuple[FunctionType, CodeType] | None = None


def _patch(module: ModuleType) -> None:
    """Replace the code of IPython's function, not the function, so that aliases imported earlier change too."""
    global _original  # noqa: PLW0603 - see install
    if _original is None:
        function = module.get_ipython
        _original = (function, function.__code__)
        function.__code__ = _asked_of_ipython.__code__


def _restore() -> None:
    global _original  # noqa: PLW0603 - see install
    if _original is not None:
        function, function.__code__ = _original
        _original = None
