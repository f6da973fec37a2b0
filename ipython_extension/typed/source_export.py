"""Exports this session's definitions as a script that defines them in the worker."""

import ast
import builtins
import contextlib
import inspect
import keyword
import symtable
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from bluesky_qs.errors import QSError
from ipython_extension.typed.line import hint

Variables = Mapping[str, Any]

#: Runs first in the worker, so that nothing is defined if a name is missing.
_CHECK = """
def _qs_check(needed):
    import builtins
    missing = [name for name in needed if name not in globals() and not hasattr(builtins, name)]
    if missing:
        raise NameError("{MISSING}" + ", ".join(missing))

try:
    _qs_check({NEEDED})
finally:
    del _qs_check
"""

#: Runs the definitions in the worker with the place where they were typed, so that tracebacks there show their lines.
_DEFINE = """
def _qs_define(place, line, source):
    import linecache
    text = "\\n" * (line - 1) + source
    linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
    exec(compile(text, place, "exec"), globals())

try:
    {DEFINITIONS}
finally:
    del _qs_define
"""

#: How the worker's error about missing names begins; the names follow.
MISSING = "needed by the pushed definitions: "

#: IPython's name for an input.
_CELL = "Cell In[{}]"
_OF_IPYTHON = {"In", "Out", "exit", "quit", "open", "get_ipython"}


class NoSource(QSError):
    """A definition cannot be sent to the worker."""


class _Source(NamedTuple):
    """The source of a definition, and where it begins. If it has no line number, it was not typed."""

    text: str
    line: int = 0
    place: str = ""


def script_for(names: Sequence[str], variables: Variables, inputs: Sequence[str]) -> str:
    """A script that defines these names of the session in the worker.

    ``inputs`` are the session's inputs, oldest first. They are searched for sources that Python does not find.

    Raises
    ------
    NoSource
        The message names the definition and gives a solution.
    """
    sources = {name: _definition(name, variables, inputs) for name in names}
    order = _in_order({name: source.text for name, source in sources.items()})
    needed = _needed("\n".join(sources[name].text for name in order))
    imports = {name: line for name in needed if name in variables and (line := _import(name, variables[name]))}
    elsewhere = [name for name in needed if name not in imports]
    check = _CHECK.replace("{MISSING}", MISSING).replace("{NEEDED}", repr(elsewhere)) if elsewhere else ""
    return "\n".join([check, *imports.values(), _definitions({name: sources[name] for name in order})])


def own_names(variables: Variables) -> list[str]:
    """The session's names, except private ones and IPython's own."""
    return [name for name in variables if not name.startswith("_") and name not in _OF_IPYTHON]


def _definitions(sources: Mapping[str, _Source]) -> str:
    """The lines of the script that define these names, in this order."""
    if not any(source.line for source in sources.values()):
        return "".join(f"{source.text}\n" for source in sources.values())
    calls = [
        f"_qs_define({f'{source.place} ({name})'!r}, {source.line}, {source.text!r})" if source.line else source.text
        for name, source in sources.items()
    ]
    return _DEFINE.replace("{DEFINITIONS}", "\n    ".join(calls))


def _definition(name: str, variables: Variables, inputs: Sequence[str]) -> _Source:
    if not name.isidentifier() or keyword.iskeyword(name):
        called = name.partition("(")[0]
        alone = f". Give the name alone: %qs push {called}" if called != name and called.isidentifier() else ""
        raise NoSource(f"{name!r} is not a valid name{alone}")
    if name not in variables:
        raise NoSource(f"This session has no {name!r}{hint(name, own_names(variables))}")
    value = variables[name]
    if (literal := _literal(value)) is not None:
        return _Source(f"{name} = {literal}")
    if isinstance(value, ModuleType):
        raise NoSource(f"{name} is a module. Install it where the worker runs and import it in the startup code.")
    if not callable(value):
        raise NoSource(
            f"{name} is of type {type(value).__name__}. Only functions, plans, classes and plain values can be "
            "sent. Create it in a %%qs script cell instead."
        )
    if free := _free_variables(value):
        raise NoSource(
            f"{name} was defined inside another function and uses its variables: {', '.join(free)}. "
            "Define it at the top level, with parameters for these values."
        )
    for source in _sources(name, value, inputs):
        if defines(source.text, name):
            return source
        own = getattr(value, "__name__", "")
        if own.isidentifier() and defines(source.text, own):
            return source._replace(text=f"{source.text}\n{name} = {own}")
    raise NoSource(
        f"Cannot find the source of {name}: it was not typed in this session and is not in a readable file. "
        "Define it again in a cell, or in a %%qs script cell."
    )


def _sources(name: str, value: Any, inputs: Sequence[str]) -> Iterator[_Source]:
    """Sources that may define the name, the most reliable first."""
    # This fails for typed classes, and for functions whose lines Python no longer has: search the inputs for them.
    with contextlib.suppress(OSError, TypeError, ValueError):
        lines, first = inspect.getsourcelines(inspect.unwrap(value))
        place = _cell_of(lines, first, inputs) or inspect.getsourcefile(inspect.unwrap(value)) or "pushed"
        yield _Source(textwrap.dedent("".join(lines)).rstrip(), max(first, 1), place)
    for number, cell in reversed(list(enumerate(inputs))):
        if (found := _last_definition(cell, name)) is not None:
            yield found._replace(place=_CELL.format(number))


def _cell_of(lines: list[str], first: int, inputs: Sequence[str]) -> str:
    """The last input with these lines at this position; empty if there is none."""
    for number, cell in reversed(list(enumerate(inputs))):
        if [line.rstrip() for line in lines] == [*map(str.rstrip, cell.splitlines()[first - 1 :][: len(lines)])]:
            return _CELL.format(number)
    return ""


def defines(source: str, name: str) -> bool:
    """Whether the text is Python code that defines this name and nothing else."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return False
    return len(body) == 1 and _defined_by(body[0]) == name


def _last_definition(cell: str, name: str) -> _Source | None:
    try:
        body = ast.parse(cell).body
    except (SyntaxError, ValueError):
        return None
    for node in reversed(body):
        if _defined_by(node) == name:
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
            return _Source("\n".join(cell.splitlines()[first - 1 : node.end_lineno]), first)
    return None


def _defined_by(node: ast.stmt) -> str | None:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return None


def _literal(value: Any) -> str | None:
    """A literal that evaluates to the same plain value; None for other values."""
    if not isinstance(value, bool | int | float | complex | str | bytes | list | tuple | dict | set | None):
        return None
    try:
        text = repr(value)
        return text if ast.literal_eval(text) == value else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _free_variables(value: Any) -> tuple[str, ...]:
    code = getattr(inspect.unwrap(value), "__code__", None)
    return () if code is None else tuple(name for name in code.co_freevars if name != "__class__")


def _in_order(parts: dict[str, str]) -> list[str]:
    """Sort names so that definitions come before those that need them at once: as decorators, defaults or bases."""
    used = {name: parts.keys() & _used_at_once(part) - {name} for name, part in parts.items()}
    ordered: list[str] = []
    while used:
        # A circular dependency cannot be sorted; the worker will report the missing name.
        name = next((name for name, before in used.items() if not before & used.keys()), next(iter(used)))
        ordered.append(name)
        del used[name]
    return ordered


def _used_at_once(source: str) -> set[str]:
    symbols = symtable.symtable(source, "<push>", "exec").get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_referenced()}


def _needed(source: str) -> list[str]:
    """The names that a script uses but does not define."""
    top = symtable.symtable(source, "<push>", "exec")
    own = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    used = {symbol.get_name(): None for symbol in top.get_symbols() if symbol.is_referenced()}
    pending = list(top.get_children())
    while pending:
        table = pending.pop()
        pending += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global() and symbol.is_assigned():
                own.add(symbol.get_name())
            elif symbol.is_global() and symbol.is_referenced():
                used[symbol.get_name()] = None
    return [name for name in used if name not in own and not hasattr(builtins, name)]


def _import(name: str, value: Any) -> str | None:
    """The import statement for an object from a module. If the worker has an object of that name, it keeps it."""
    if isinstance(value, ModuleType):
        line = f"import {value.__name__}" if value.__name__ == name else f"import {value.__name__} as {name}"
        return None if value.__name__ == "__main__" else f"if {name!r} not in globals():\n    {line}"
    module, own = getattr(value, "__module__", None), getattr(value, "__name__", "")
    if module in (None, "__main__") or getattr(sys.modules.get(module), own, None) is not value:
        return None
    return f"if {name!r} not in globals():\n    from {module} import {own}{'' if own == name else f' as {name}'}"
