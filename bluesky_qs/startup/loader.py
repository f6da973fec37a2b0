"""Runs startup code and uploaded scripts in one namespace, with correct files and lines, and with IPython syntax."""

import contextlib
import importlib
import importlib.util
import inspect
import linecache
import logging
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from bluesky_qs.startup import compat, shell
from bluesky_qs.startup.failure import failed, shown
from bluesky_qs.startup.find import StartupCode, local_folder, lost_links, startup_files
from bluesky_qs.startup.namespace import global_user_namespace
from bluesky_qs.startup.report import LoadedFile, LoadProblem, LoadReport, Overwritten
from bluesky_qs.startup.user_code import compiled, execute

log = logging.getLogger(__name__)

Namespace = dict[str, Any]

#: Types of loop variables and flags. Files often reuse these names, so overwriting them is not reported.
_PLAIN = (int, float, complex, str, bytes, bool, type(None), list, tuple, dict, set, ModuleType)


def load(
    location: StartupCode,
    namespace: Namespace,
    *,
    shell_exists: bool = False,
    begins: Callable[[str, str], object] = lambda _file, _shown: None,
) -> LoadReport:
    """Run the startup code in ``namespace``.

    For a folder, ``get_ipython()`` returns a shell from now on, unless this process already has one (``shell_exists``).
    A script or a module runs as plain Python; if there is a shell, the startup files of its profile run first. The
    folder of the code stays on sys.path, because plans may import from it later. ``begins`` is called before each file
    runs, with the file's path and its name in messages.

    Raises
    ------
    StartupFailed
        The message names the file, the line and the error. The results of earlier files stay in the namespace.
    """
    started = time.perf_counter()
    run = _Run(namespace, roots(location), begins)
    _prepend_to_path(location)
    global_user_namespace.set_user_namespace(user_ns=namespace, use_ipython=shell_exists)
    compat.install()
    lazy_shell = None
    if location.directory or shell_exists:
        _let_import_from_working_directory()
    if location.directory:
        _let_import_from_each_other(Path(location.directory), namespace)
        if not shell_exists:
            lazy_shell = shell.install(location, namespace, run.roots)
            lazy_shell.begin()
        for file in startup_files(location.directory):
            run.timed(file)
        run.report_lost_links(lost_links(location.directory))
    elif shell_exists:
        for file in _profile_files(location):
            run.timed(file)
    if location.script:
        run.timed(Path(location.script), ipython=False)
    elif location.module:
        run.module(location.module)
    problems = run.problems + (lazy_shell.finish() if lazy_shell else [])
    return LoadReport(run.files, time.perf_counter() - started, run.overwritten, problems)


def main_namespace() -> Namespace:
    """Return the namespace of a new ``__main__`` module for user code.

    Dataclasses, pickle and ``typing`` look up names in ``sys.modules["__main__"]``. For code whose ``__name__`` is
    ``__main__``, this must be the module in whose namespace the code runs.
    """
    module = ModuleType("__main__", "The namespace of the startup code.")
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = module
    return module.__dict__


_scripts = count(1)


def run_script(
    source: str,
    namespace: Namespace,
    folder: Path | None = None,
    *,
    update_re: bool = False,
    may_make_re: bool = False,
) -> None:
    """Run uploaded code in the namespace. Restore ``RE`` and ``db`` afterward, unless ``update_re`` is true.

    ``__file__`` is the path of a file named ``script`` in the folder. It stays set for functions that the script
    defines. With ``may_make_re``, ``RE`` is not restored, because the current ``RE`` is not a RunEngine. If a script
    fails, its changes are kept, and its exception is raised.
    """
    name = f"<script {next(_scripts)}>"
    # linecache keeps entries without a modification time, so tracebacks can show the script's lines.
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    keep = () if update_re else ("db",) if may_make_re else ("RE", "db")
    kept = {key: namespace[key] for key in keep if key in namespace}
    if folder:
        namespace["__file__"] = str(folder / "script")
    try:
        execute(compiled(source, name), namespace)
    finally:
        namespace.update(kept)


class _Run:
    """One run of the startup code."""

    def __init__(self, namespace: Namespace, roots: list[Path], begins: Callable[[str, str], object]) -> None:
        self.namespace = namespace
        self.roots = roots
        self.begins = begins
        self.files: list[LoadedFile] = []
        self.overwritten: list[Overwritten] = []
        self.problems: list[LoadProblem] = []
        self._origin: dict[str, str] = {}

    def timed(self, file: Path, *, ipython: bool = True) -> None:
        before = dict(self.namespace)
        log.info("Loading %s", file)
        self.begins(str(file), shown(str(file), self.roots))
        started = time.perf_counter()
        with self._errors_located(str(file)):
            self.file(file, ipython=ipython)
        self.files.append(LoadedFile(str(file), time.perf_counter() - started))
        self._compare(before, str(file))

    def file(self, file: Path, *, ipython: bool = True) -> None:
        """Run a file in the namespace, as the main program."""
        code = compiled(file.read_bytes(), str(file), ipython=ipython)
        with _as_main(self.namespace, file):
            try:
                execute(code, self.namespace)
            except SystemExit as error:
                if error.code not in (None, 0):
                    raise
                # IPython treats this as the end of the file, and files use it to stop early.
                place = failed(error, self.roots)
                text = "sys.exit() ended the file here; the rest of the file did not run"
                self.problems.append(LoadProblem(text, place.file, place.line))

    def report_lost_links(self, links: list[Path]) -> None:
        """Report links to missing files, which may be in a folder that is not mounted."""
        for link in links:
            text = f"{link.name} was skipped: it is a link to a file that does not exist"
            log.warning("%s (%s)", text, link)
            self.problems.append(LoadProblem(text, str(link)))

    def module(self, name: str) -> None:
        """Import a module and copy its public and private names."""
        self.begins(name, f"module {name!r}")
        started = time.perf_counter()
        with self._errors_located(None, f"The startup module {name!r}"):
            module = importlib.import_module(name)
        self.namespace.update({k: v for k, v in vars(module).items() if not (k.startswith("__") and k.endswith("__"))})
        self.files.append(LoadedFile(getattr(module, "__file__", None) or name, time.perf_counter() - started))

    @contextlib.contextmanager
    def _errors_located(self, file: str | None, what: str = "") -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:  # not caused by the code: the caller that interrupted the code handles this
            raise
        except BaseException as error:  # startup code may raise anything
            raise failed(error, self.roots, file, what) from error

    def _compare(self, before: Namespace, file: str) -> None:
        for name, value in self.namespace.items():
            old = before.get(name, value)
            if old is not value and name in self._origin and _is_worth_a_line(old):
                self.overwritten.append(Overwritten(name, self._origin[name], file))
            if old is not value or name not in before:
                self._origin[name] = file


def _is_worth_a_line(old: Any) -> bool:
    """Return whether the author may lose a value because another file reused its name."""
    if isinstance(old, _PLAIN) or type(old).__name__.endswith(("Logger", "LoggerAdapter")):
        return False
    # Files import the same names again from other places. Only names that they define themselves belong to the main
    # program.
    imported = isinstance(old, type) or inspect.isroutine(old)
    return not (imported and getattr(old, "__module__", None) != "__main__")


@contextlib.contextmanager
def _as_main(namespace: Namespace, file: Path) -> Iterator[None]:
    """Set ``__file__`` only while a file runs, as IPython does."""
    namespace["__name__"] = "__main__"
    outer = {"__file__": namespace["__file__"]} if "__file__" in namespace else {}
    namespace["__file__"] = str(file)
    try:
        yield
    finally:
        namespace.pop("__file__", None)
        namespace.update(outer)


def _profile_files(location: StartupCode) -> list[Path]:
    """Return the startup files of a profile. A profile that only supplies lists and permissions may have none."""
    startup = Path(location.profile_dir or "") / "startup"
    return startup_files(startup) if location.profile_dir and any(startup.glob("*.*py")) else []


def roots(location: StartupCode) -> list[Path]:
    """Return the folders of the user's own code, which are used to find the line of a failure."""
    if location.directory:
        return [Path(location.directory)]
    profile = [Path(location.profile_dir) / "startup"] if location.profile_dir else []
    if location.script:
        return [*profile, Path(location.script).parent]
    return profile + _module_roots(location)


def _module_roots(location: StartupCode) -> list[Path]:
    try:
        spec = importlib.util.find_spec((location.module or "").partition(".")[0])
    except (ImportError, ValueError):
        return []  # the import will raise the error
    if spec is None:
        return []
    return [Path(f) for f in spec.submodule_search_locations or filter(None, [spec.origin])]


def _let_import_from_each_other(folder: Path, namespace: Namespace) -> None:
    """Allow ``from .devices import det`` in a folder that is a package.

    The package is created here instead of imported, because an import would run ``__init__.py`` a second time.
    """
    if (folder / "__init__.py").is_file() and folder.name not in sys.modules:
        package = sys.modules[folder.name] = ModuleType(folder.name)
        package.__path__ = [str(folder)]
        namespace["__package__"] = folder.name


def _let_import_from_working_directory() -> None:
    """Put the working directory on the path where IPython puts it: after the standard library."""
    if "" not in sys.path:
        names = [Path(path).name for path in sys.path]
        packages = (at for at, name in enumerate(names) if name in ("site-packages", "dist-packages"))
        sys.path.insert(next(packages, 0), "")


def _prepend_to_path(location: StartupCode) -> None:
    """Add the folders of the startup code and of the profile to sys.path, for local imports."""
    profile = Path(location.profile_dir) if location.profile_dir else None
    for folder in (profile, profile and profile / "startup", local_folder(location)):
        if folder and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
