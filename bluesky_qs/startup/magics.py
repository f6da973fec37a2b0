"""The magics of the stand-in shell: those that user code registers, and IPython magics that work without IPython."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from bluesky_qs.nearest import did_you_mean, nearest
from bluesky_qs.startup.user_code import compiled, execute

#: The magics of IPython's shells and kernel, to distinguish a magic that does nothing here from a mistyped name.
_LINE_NAMES = """
    alias alias_magic autoawait autocall autoindent automagic autoreload autosave bookmark cat cd clear clk_info
    code_wrap colors conda config connect_info cp cpaste debug dhist dirs doctest_mode ed edit env gui hist history
    killbgscripts ldir less lf lk ll load load_ext loadpy logoff logon logstart logstate logstop ls lsmagic lx macro
    magic mamba man matplotlib micromamba mkdir more mprun mv notebook page paste pastebin pdb pdef pdoc pfile pinfo
    pinfo2 pip popd pprint precision prun psearch psource pushd pwd pycat pylab qtconsole quickref recall rehashx
    reload_ext rep rerun reset reset_selective rm rmdir run save sc set_env store subshell sx system tb time timeit
    unalias unload_ext uv who who_ls whos widget xdel xmode
"""
_CELL_NAMES = """
    ! HTML SVG bash capture code_wrap debug file html javascript js latex markdown perl prun pypy python python2
    python3 ruby script sh svg sx system time timeit writefile
"""
_LINES, _CELLS = frozenset(_LINE_NAMES.split()), frozenset(_CELL_NAMES.split())


class Shell(Protocol):
    """The part of a shell that magics need."""

    user_ns: dict[str, Any]

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """Run a command and return its output."""
        ...

    def var_expand(self, cmd: str, depth: int = 0, formatter: Any = None) -> str:
        """Replace ``$name`` and ``{expression}`` by their values."""
        ...


class Magics:
    """Line and cell magics by name. Any other magic does nothing; ``ignore`` reports it once."""

    def __init__(self, shell: Shell, run_file: Callable[[Path], None], ignore: Callable[[str, str], None]) -> None:
        self._shell = shell
        self._run_file = run_file
        self._ignore = ignore
        self._lines: dict[str, Callable[..., Any]] = {
            "cd": self._cd,
            "pwd": lambda _: str(Path.cwd()),
            "env": self._env,
            "set_env": self._env,
            "run": self._run,
            "sx": lambda line: shell.getoutput(line, depth=2),
            "system": lambda line: shell.getoutput(line, depth=2),
            "time": self._time,
        }
        self._cells: dict[str, Callable[..., Any]] = {
            "bash": self._script,
            "capture": lambda _, cell: self.run_code(cell),
            "script": self._script,
            "sh": self._script,
            "time": lambda _, cell: self._time(cell),
        }

    def line(self, name: str, line: str) -> Any:
        function = self._lines.get(name)
        return function(line) if function else self._missing("%", name, _LINES, self._lines)

    def cell(self, name: str, line: str, cell: str) -> Any:
        function = self._cells.get(name)
        return function(line, cell) if function else self._missing("%%", name, _CELLS, self._cells)

    def _missing(self, mark: str, name: str, of_ipython: Iterable[str], here: Iterable[str]) -> None:
        mistake = ""
        if name not in of_ipython:
            hint = did_you_mean([f"{mark}{near}" for near in nearest(name, sorted({*of_ipython, *here}), 1)])
            mistake = f"it is not an IPython magic, and no code has registered it{hint}"
        self._ignore(f"{mark}{name}", mistake)

    def find(self, name: str, kind: str) -> Callable[..., Any] | None:
        return (self._cells if kind == "cell" else self._lines).get(name)

    def register(self, kind: str, name: str, function: Callable[..., Any]) -> None:
        """Register a function as a ``line`` or ``cell`` magic, or as both (``line_cell``)."""
        if kind in ("line", "line_cell"):
            self._lines[name] = function
        if kind in ("cell", "line_cell"):
            self._cells[name] = function

    def register_objects(self, objects: Iterable[Any]) -> None:
        for one in objects:
            made = _Made(one, self._shell)
            for kind, table in (("line", self._lines), ("cell", self._cells)):
                # Classes name their methods; instances hold the bound functions.
                for name, found in one.magics[kind].items():
                    table[name] = made.method(found) if isinstance(found, str) else found

    def run_code(self, source: str) -> None:
        """Run the code of a cell, which may have IPython syntax."""
        execute(compiled(source, "<cell>"), self._shell.user_ns)

    def _run(self, line: str) -> None:
        words = shlex.split(line)
        while words and words[0].startswith("-"):
            words.pop(0)
        if not words:
            raise ValueError("%run needs the name of a file")
        path = Path(words[0]).expanduser()
        before, sys.argv = sys.argv, words
        try:
            self._run_file(path if path.suffix else path.with_suffix(".py"))
        finally:
            sys.argv = before

    def _cd(self, line: str) -> None:
        os.chdir(Path(line.strip().strip("'\"") or "~").expanduser())

    def _env(self, line: str) -> Any:
        name, equals, value = (part.strip() for part in line.partition("=" if "=" in line else " "))
        if not name:
            return dict(os.environ)
        if not (equals or value):
            return os.environ[name]
        os.environ[name] = self._shell.var_expand(value, depth=2)
        return None

    def _time(self, code: str) -> None:
        started = time.perf_counter()
        self.run_code(code)
        print(f"Wall time: {time.perf_counter() - started:.3g} s")

    def _script(self, line: str, cell: str) -> None:
        subprocess.run(shlex.split(line) or ["bash"], input=cell, text=True, check=True)


class _Made:
    """An instance of a class of magics, created at the first use: most registered classes are never used."""

    def __init__(self, given: Any, shell: Shell) -> None:
        self._given = given
        self._shell = shell
        self._instance: Any = None

    def method(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            if self._instance is None:
                self._instance = self._given(shell=self._shell)
            return getattr(self._instance, name)(*args)

        return call
