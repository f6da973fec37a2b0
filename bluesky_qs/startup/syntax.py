"""Turns IPython syntax (``%magic``, ``!command``, ``name?``) into Python. Line numbers do not change.

Importing this module imports IPython.
"""

import ast
import contextlib
import io
import re
from tokenize import ERRORTOKEN, NAME, NEWLINE, TokenInfo

from IPython.core.getipython import get_ipython
from IPython.core.inputtransformer2 import TransformerManager, cell_magic, make_tokens_by_line

_FINDERS = TransformerManager().token_transformers
#: If one of these follows a name, the line is an expression or an assignment, and the text is not an argument of a
#: magic.
_NO_ARGUMENT = ("=", "(", "[", ".", ",", ":", ")")
TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def to_python(source: str, *, autocall: bool = False) -> str | None:
    """Replace IPython syntax with calls of ``get_ipython()``; return None if the source has no IPython syntax.

    With ``autocall``, also replace ``/f x`` and similar syntax, and magics without ``%``. In a Python file, these are
    more likely to be parts of a broken line.
    """
    lines = list(io.StringIO(source if source.endswith("\n") else source + "\n"))
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    # The body of a cell magic is the whole file.
    transformed = lines[:first] + cell_magic(lines[first:])
    if transformed == lines:
        transformed = _lines_replaced(lines, autocall=autocall)
    return "".join(transformed)


def _lines_replaced(lines: list[str], *, autocall: bool) -> list[str]:
    # TransformerManager.transform_cell would drop empty lines at the top and join continued lines, so that tracebacks
    # would name the wrong lines. It also reads the whole file again for each line, which takes seconds for many lines.
    changed = True
    while changed:
        changed = False
        for statement in make_tokens_by_line(lines):
            after = _replaced(lines, statement, autocall=autocall)
            if after is not None:
                lines, changed = after, True
                if _confuses_tokenizer(statement):
                    break
    return lines


def _replaced(lines: list[str], statement: list[TokenInfo], *, autocall: bool) -> list[str] | None:
    """Return the lines with this statement turned into Python; None if it is already Python."""
    found = [one for one in (f.find([statement]) for f in _FINDERS) if one is not None]
    for one in sorted(found, key=lambda one: one.sortby()):
        at = one.start_line
        if not autocall and lines[at][one.start_col :].startswith((",", ";", "/")):
            continue
        with contextlib.suppress(SyntaxError):  # this is not IPython syntax
            after = one.transform(lines)
            return after[: at + 1] + ["\n"] * (len(lines) - len(after)) + after[at + 1 :]
    return _automagic(lines, statement) if autocall else None


def _automagic(lines: list[str], statement: list[TokenInfo]) -> list[str] | None:
    """Put ``%`` before a statement that begins with the name of a magic, such as ``cd /tmp`` or ``pwd``.

    This is IPython's own rule: the name is not a variable, and no value is assigned to it.
    """
    first = next((token for token in statement if token.string.strip()), None)
    if first is None or first.type != NAME or not _is_magic(first.string):
        return None
    row, column = first.start[0] - 1, first.start[1]
    rest = lines[row][column + len(first.string) :]
    if rest.lstrip().startswith(_NO_ARGUMENT) or _assigned(first.string, lines):
        return None
    return [*lines[:row], f"{lines[row][:column]}%{lines[row][column:]}", *lines[row + 1 :]]


def _is_magic(name: str) -> bool:
    shell = get_ipython()
    if shell is None or name in shell.user_ns or not shell.magics_manager.auto_magic:
        return False
    return shell.find_line_magic(name) is not None


def _assigned(name: str, lines: list[str]) -> bool:
    """Return whether the file itself creates a variable with this name. The file has not run yet."""
    made = re.compile(rf"\b(?:{name}\s*[:=](?!=)|(?:def|class|import|as|for)\s+{name}\b)")
    return any(made.search(line) for line in lines)


def _confuses_tokenizer(statement: list[TokenInfo]) -> bool:
    """Return whether an open bracket or quote (as in ``!it's``) makes the next lines look like part of this one."""
    broken = any(t.type == ERRORTOKEN and t.string.lstrip()[:1] in ("'", '"') for t in statement)
    return broken or statement[0].start[0] != statement[-1].end[0] or statement[-1].type != NEWLINE
