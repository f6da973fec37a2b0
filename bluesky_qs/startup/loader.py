"""How startup code and uploaded scripts run: in one namespace, with true files and lines, IPython's syntax included."""

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
from types import CodeType, ModuleType
from typing import Any

import msgspec

from bluesky_qs.startup import compat, shell
from bluesky_qs.startup.failure import failed, shown
from bluesky_qs.startup.find import StartupCode, lost_links, startup_files
from bluesky_qs.startup.namespace import global_user_namespace

log = logging.getLogger(__name__)

Namespace = dict[str, Any]

#: Values that files reuse without meaning the same thing (loop variables, flags): overwriting them is not reported.
_PLAIN = (int, float, complex, str, bytes, bool, type(None), list, tuple, dict, set, ModuleType)


class FileRun(msgspec.Struct, frozen=True):
    """A file that ran, and for how long (seconds)."""

    file: str
    seconds: float


class Overwritten(msgspec.Struct, frozen=True):
    """A name that one file defined and a later one defined again as something else."""

    name: str
    file: str
    by: str


class Problem(msgspec.Struct, frozen=True):
    """What did not stop the loading and may still surprise."""

    message: str
    file: str | None = None
    line: int | None = None


class LoadReport(msgspec.Struct, frozen=True):
    """What happened while the startup code ran."""

    files: list[FileRun]
    seconds: float
    overwritten: list[Overwritten]
    problems: list[Problem]


def load(
    location: StartupCode,
    namespace: Namespace,
    *,
    stand_in: bool = True,
    begins: Callable[[str, str], object] = lambda _file, _shown: None,
) -> LoadReport:
    """Run the startup code in ``namespace``.

    Where the code is a folder, ``get_ipython()`` gives a stand-in from now on (``stand_in=False``: the real shell of
    this process is there already). A script or a module is run as plain Python; in a real shell the startup files of
    the profile beside it run first. The code's folder stays on sys.path, since plans import from it later.
    ``begins`` is told of each file before it runs: its path, and how messages name it.

    Raises
    ------
    StartupFailed
        Naming file, line and error; what ran before stays in the namespace.
    """
    started = time.perf_counter()
    run = _Run(namespace, _roots(location), begins)
    _prepend_to_path(location)
    global_user_namespace.set_user_namespace(user_ns=namespace, use_ipython=not stand_in)
    compat.install()
    standing_in = None
    if location.directory:
        _let_import_from_each_other(Path(location.directory), namespace)
        if stand_in:
            standing_in = shell.install(namespace, profile_dir=_profile_dir(location), run_file=run.file)
        for file in startup_files(location.directory):
            run.timed(file)
        run.missed(lost_links(location.directory))
    elif not stand_in:
        for file in _profile_files(location):
            run.timed(file)
    if location.script:
        run.timed(Path(location.script), ipython=False)
    elif location.module:
        run.module(location.module)
    ignored = standing_in.ignored if standing_in else {}
    problems = run.problems + [
        Problem(f"{what} was ignored: {why}", file, line) for what, (why, file, line) in ignored.items()
    ]
    return LoadReport(run.files, time.perf_counter() - started, run.overwritten, problems)


def main_namespace() -> Namespace:
    """The namespace of a new ``__main__`` module, which user code is going to fill.

    Dataclasses, pickle and ``typing`` look names up in ``sys.modules["__main__"]``: for code whose ``__name__`` is
    ``__main__`` that has to be the module in whose namespace it runs.
    """
    module = ModuleType("__main__", "The namespace of the startup code.")
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = module
    return module.__dict__


_scripts = count(1)


def run_script(source: str, namespace: Namespace, *, update_re: bool = False, may_make_re: bool = False) -> None:
    """Run uploaded code in the namespace; ``RE`` and ``db`` are put back afterwards unless ``update_re``.

    ``may_make_re``: what is called ``RE`` so far is no RunEngine, and not worth being put back.

    A script that fails keeps what it had done; its exception passes through.
    """
    name = f"<script {next(_scripts)}>"
    # No modification time: linecache keeps such an entry, and tracebacks show the script's lines.
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    keep = () if update_re else ("db",) if may_make_re else ("RE", "db")
    kept = {key: namespace[key] for key in keep if key in namespace}
    try:
        execute(compiled(source, name), namespace)
    finally:
        namespace.update(kept)


def compiled(source: str | bytes, filename: str, *, ipython: bool = True) -> CodeType:
    """Code of Python, or of Python with IPython's syntax in it; lines keep their numbers."""
    try:
        return compile(source, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        if not ipython:
            if (error.text or "").lstrip().startswith(("%", "!")):
                error.add_note("IPython's syntax is understood in folders (--startup-dir) and profiles, not in scripts")
            raise
        not_python = error
    from bluesky_qs.startup import syntax  # noqa: PLC0415 - it imports IPython: only for code that needs it

    try:
        text = source if isinstance(source, str) else importlib.util.decode_source(source)
    except (UnicodeDecodeError, SyntaxError):
        raise not_python from None
    plain = syntax.to_python(text, autocall=filename.endswith(".ipy"))
    if plain is None:
        raise not_python
    return compile(plain, filename, "exec", dont_inherit=True, flags=syntax.TOP_LEVEL_AWAIT)


def execute(code: CodeType, namespace: Namespace) -> None:
    """Run code that `compiled` gave."""
    result = eval(code, namespace)  # noqa: S307 - the user's own code
    if code.co_flags & inspect.CO_COROUTINE:
        import asyncio  # noqa: PLC0415 - only for a file that awaits at its top level

        asyncio.run(result)


class _Run:
    """One pass over the startup code."""

    def __init__(self, namespace: Namespace, roots: list[Path], begins: Callable[[str, str], object]) -> None:
        self.namespace = namespace
        self.roots = roots
        self.begins = begins
        self.files: list[FileRun] = []
        self.overwritten: list[Overwritten] = []
        self.problems: list[Problem] = []
        self._origin: dict[str, str] = {}

    def timed(self, file: Path, *, ipython: bool = True) -> None:
        before = dict(self.namespace)
        log.info("Loading %s", file)
        self.begins(str(file), shown(str(file), self.roots))
        started = time.perf_counter()
        with self._errors_located(str(file)):
            self.file(file, ipython=ipython)
        self.files.append(FileRun(str(file), time.perf_counter() - started))
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
                # IPython takes this for the end of the file, and files rely on it to stop early.
                place = failed(error, self.roots)
                text = "sys.exit() ends the file here, the rest of it is left out"
                self.problems.append(Problem(text, place.file, place.line))

    def missed(self, links: list[Path]) -> None:
        """Tell of files that were to run and are not there: a folder that is not mounted, say."""
        for link in links:
            text = f"{link.name} is a link to a file that is not there: it was left out"
            log.warning("%s (%s)", text, link)
            self.problems.append(Problem(text, str(link)))

    def module(self, name: str) -> None:
        """Import a module and take its public and private names over, as they are."""
        self.begins(name, f"module {name!r}")
        started = time.perf_counter()
        with self._errors_located(None, f"The startup module {name!r}"):
            module = importlib.import_module(name)
        self.namespace.update({k: v for k, v in vars(module).items() if not (k.startswith("__") and k.endswith("__"))})
        self.files.append(FileRun(getattr(module, "__file__", None) or name, time.perf_counter() - started))

    @contextlib.contextmanager
    def _errors_located(self, file: str | None, what: str = "") -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:  # not the code's own doing: whoever has interrupted it deals with that
            raise
        except BaseException as error:
            raise failed(error, self.roots, file, what) from error

    def _compare(self, before: Namespace, file: str) -> None:
        for name, value in self.namespace.items():
            old = before.get(name, value)
            if old is not value and name in self._origin and not isinstance(old, _PLAIN):
                self.overwritten.append(Overwritten(name, self._origin[name], file))
            if old is not value or name not in before:
                self._origin[name] = file


@contextlib.contextmanager
def _as_main(namespace: Namespace, file: Path) -> Iterator[None]:
    """As in IPython: ``__file__`` is there while a file runs, and not afterwards."""
    namespace["__name__"] = "__main__"
    outer = {"__file__": namespace["__file__"]} if "__file__" in namespace else {}
    namespace["__file__"] = str(file)
    try:
        yield
    finally:
        namespace.pop("__file__", None)
        namespace.update(outer)


def _profile_files(location: StartupCode) -> list[Path]:
    """The startup files of a profile; one that supplies lists and permissions may have none."""
    startup = Path(location.profile_dir or "") / "startup"
    return startup_files(startup) if location.profile_dir and any(startup.glob("*.*py")) else []


def _roots(location: StartupCode) -> list[Path]:
    """Folders of the user's own code, where a failure is to be looked for."""
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
        return []  # the import itself is going to say why
    if spec is None:
        return []
    return [Path(f) for f in spec.submodule_search_locations or filter(None, [spec.origin])]


def _let_import_from_each_other(folder: Path, namespace: Namespace) -> None:
    """Files of a folder that is a package may say ``from .devices import det``.

    The package is made here and not imported, because that would run its ``__init__.py`` a second time.
    """
    if (folder / "__init__.py").is_file() and folder.name not in sys.modules:
        package = sys.modules[folder.name] = ModuleType(folder.name)
        package.__path__ = [str(folder)]
        namespace["__package__"] = folder.name


def _prepend_to_path(location: StartupCode) -> None:
    """Local imports are relative to the startup folder, the script's folder or the profile's folder."""
    folders = [location.profile_dir] if location.profile_dir else []
    folders += [location.directory or str(Path(location.script or "").parent)] if not location.module else []
    for folder in folders:
        if folder not in sys.path:
            sys.path.insert(0, folder)


def _profile_dir(location: StartupCode) -> str:
    """The folder whose ``startup`` is the startup folder, as code builds its paths; else the startup folder itself."""
    directory = Path(location.directory or "")
    return location.profile_dir or str(directory.parent if directory.name == "startup" else directory)
